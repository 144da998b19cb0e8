#include "mcp/resource_uri.h"

#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

static bool unreserved(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-._~", c));
}

/* What may stand in a segment beside unreserved characters and escapes. */
static bool in_segment(char c)
{
    return unreserved(c) || (c && strchr("%!$&'()*+,;=:@", c));
}

static bool in_uri(char c)
{
    return in_segment(c) || (c && strchr("/?#[]", c));
}

/* ---- one URI ---- */

static size_t scheme_len(const char *uri)
{
    size_t n = 0;

    if (!isalpha((unsigned char)uri[0]))
        return 0;
    while (isalnum((unsigned char)uri[n]) || (uri[n] && strchr("+-.", uri[n])))
        n++;
    return uri[n] == ':' ? n : 0;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte behind a percent sign, or -1. */
static int escaped(const char *s)
{
    int high = s[1] ? digit(s[1]) : -1, low = high >= 0 && s[2] ? digit(s[2]) : -1;

    return low < 0 ? -1 : high << 4 | low;
}

int resource_uri_check(const char *uri, size_t len, struct err *err)
{
    if (len > RESOURCE_URI_MAX)
        return err_set(err, ERR_INVALID, "the URI has more than %d bytes", RESOURCE_URI_MAX);
    if (strlen(uri) != len)
        return err_set(err, ERR_INVALID, "the URI holds a NUL");
    if (!scheme_len(uri))
        return err_set(err, ERR_INVALID, "the URI has no scheme");
    for (const char *s = uri; *s; s++) {
        int byte = *s == '%' ? escaped(s) : 0x20;
        if (!in_uri(*s))
            return err_set(err, ERR_INVALID, "byte %zu of the URI must be percent-encoded",
                           (size_t)(s - uri));
        if (byte < 0)
            return err_set(err, ERR_INVALID, "byte %zu of the URI begins no valid escape",
                           (size_t)(s - uri));
        if (byte < 0x20 || byte == 0x7f)
            return err_set(err, ERR_INVALID, "byte %zu of the URI encodes a control character",
                           (size_t)(s - uri));
    }
    return 0;
}

/* ---- templates ---- */

/* What a template's expression says, and where the template goes on. */
struct expression {
    const char *name, *end;
    size_t name_len;
    bool path;
};

static void read_expression(const char *open, struct expression *e)
{
    const char *close = strchr(open, '}');

    e->path = open[1] == '+';
    e->name = open + 1 + e->path;
    e->name_len = (size_t)(close - e->name);
    e->end = close + 1;
}

/* How far a value may reach: it is followed by the template's next literal, or the end. */
static size_t value_len(const char *uri, const struct expression *e)
{
    size_t n = 0, next = strcspn(e->end, "{");

    while (in_segment(uri[n]) || (e->path && uri[n] == '/')) {
        if (!e->path && next && !strncmp(uri + n, e->end, next) && (n || !in_segment(*e->end)))
            break;
        n++;
    }
    return n;
}

static bool dot_segment(const char *s, size_t len)
{
    return (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

static int check_path(const char *path, struct err *err)
{
    const char *s = path + (*path == '/');

    while (*s) {
        size_t n = strcspn(s, "/");
        if (dot_segment(s, n))
            return err_set(err, ERR_INVALID, "the path has a \".\" or \"..\" segment");
        if (!n)
            return err_set(err, ERR_INVALID, "the path has an empty segment");
        s += n + (s[n] == '/');
    }
    return 0;
}

/* Decoded once, into out; its length, or -1. */
static ssize_t decode(const char *s, size_t len, bool path, char *out, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        out[n] = s[i];
        if (s[i] == '%') {
            out[n] = (char)escaped(s + i);
            i += 2;
            if (out[n] == '/')
                return err_set(err, ERR_INVALID, "the URI has an encoded slash");
        }
        n++;
    }
    out[n] = '\0';
    if (!utf8_valid(out, n))
        return err_set(err, ERR_INVALID, "the URI encodes malformed UTF-8");
    if (path ? check_path(out, err) : dot_segment(out, n))
        return path ? -1 : err_set(err, ERR_INVALID, "the URI has a \".\" or \"..\" segment");
    return (ssize_t)n;
}

static int take_value(struct resource_vars *v, const struct expression *e, const char *value,
                      size_t len, char **space, struct err *err)
{
    struct arg_pair *pair = &v->pairs[v->map.count];
    ssize_t n;

    if (v->map.count == RESOURCE_VARS_MAX)
        return err_set(err, ERR_INTERNAL, "a template with too many variables");
    memcpy(*space, e->name, e->name_len);
    (*space)[e->name_len] = '\0';
    pair->name = *space;
    *space += e->name_len + 1;
    n = decode(value, len, e->path, *space, err);
    if (n < 0)
        return -1;
    pair->value = *space;
    *space += n + 1;
    v->map.count++;
    return 0;
}

/* The same walk twice: without `v` only whether it fits, with it the values are taken. */
static int walk(const char *pattern, const char *uri, struct resource_vars *v, struct err *err)
{
    char *space = v ? v->space : NULL;

    while (*pattern) {
        struct expression e;
        size_t n;
        if (*pattern != '{') {
            if (*pattern++ != *uri++)
                return 0;
            continue;
        }
        read_expression(pattern, &e);
        n = value_len(uri, &e);
        if (!n)
            return 0;
        if (v && take_value(v, &e, uri, n, &space, err))
            return -1;
        uri += n;
        pattern = e.end;
    }
    return !*uri;
}

void resource_vars_done(struct resource_vars *v)
{
    free(v->space);
    *v = (struct resource_vars){ 0 };
}

int resource_uri_match(const char *pattern, const char *uri, struct resource_vars *out,
                       struct err *err)
{
    if (!walk(pattern, uri, NULL, NULL))
        return 0;
    *out = (struct resource_vars){ .space = malloc(strlen(pattern) + strlen(uri) + 2) };
    if (!out->space)
        return err_oom(err);
    out->map.items = out->pairs;
    return walk(pattern, uri, out, err);
}

bool resource_uri_has_var(const char *pattern, const char *name)
{
    struct expression e;

    for (; (pattern = strchr(pattern, '{')); pattern = e.end) {
        read_expression(pattern, &e);
        if (strlen(name) == e.name_len && !strncmp(name, e.name, e.name_len))
            return true;
    }
    return false;
}
