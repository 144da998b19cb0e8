#include "tools/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define URL_MAX 4096

void address_done(struct address *a)
{
    buf_done(&a->url);
}

static int refuse(const char *typed, struct err *err)
{
    err_set(err, ERR_INVALID, "url: \"%.200s\" is no address", typed);
    return err_next(err, "pass a whole URL such as https://example.com/ or http://localhost:3000/");
}

/* Letters first, then a colon that is not followed by a port. */
static bool has_scheme(const char *s)
{
    size_t n = 0;

    while (isalnum((unsigned char)s[n]) || (n && s[n] && strchr("+-.", s[n])))
        n++;
    return n && isalpha((unsigned char)*s) && s[n] == ':' && !isdigit((unsigned char)s[n + 1]);
}

/* Bytes of a host name or address at the front; 0: there is none. */
static size_t host_length(const char *s)
{
    size_t n = 0;

    if (*s == '[') {
        n = strspn(s + 1, "0123456789abcdefABCDEF:.") + 1;
        return s[n] == ']' ? n + 1 : 0;
    }
    while (isalnum((unsigned char)s[n]) || (s[n] && strchr("-_.", s[n])) || (s[n] & 0x80))
        n++;
    return *s == '.' || *s == '-' ? 0 : n;
}

static bool is_local(const char *host, size_t n)
{
    static const char name[] = "localhost";
    size_t len = sizeof(name) - 1;

    if (n >= len && !strncasecmp(host + n - len, name, len) &&
        (n == len || host[n - len - 1] == '.'))
        return true;
    return *host == '[' || strspn(host, "0123456789.") == n;
}

/* "host:port/..."; false: it does not look like one. */
static bool split_host(const char *s, bool *secure)
{
    size_t n = host_length(s), end = n;
    bool port = false;

    if (n && s[n] == ':') {
        end = n + 1 + strspn(s + n + 1, "0123456789");
        port = end > n + 1;
    }
    if (!n || (s[end] && !strchr("/?#", s[end])) || (s[n] == ':' && !port))
        return false;
    *secure = !port && !is_local(s, n);
    return port || is_local(s, n) || memchr(s, '.', n);
}

/* Length of "http://host:port" of a page's URL; 0: nothing is relative to it. */
static size_t origin_of(const char *base)
{
    if (strncasecmp(base, "http://", 7) && strncasecmp(base, "https://", 8))
        return 0;
    size_t scheme = (size_t)(strchr(base, ':') - base) + 3;
    return scheme + strcspn(base + scheme, "/?#");
}

static int relative(const char *typed, const char *base, struct address *out, struct err *err)
{
    size_t keep = origin_of(base), path = strcspn(base, "?#");

    if (!keep) {
        err_set(err, ERR_INVALID, "url: \"%.200s\" is relative, and the page has no address yet",
                typed);
        return err_next(err, "pass a whole URL such as http://localhost:3000/");
    }
    if (*typed == '?')
        keep = path;
    else if (*typed == '#')
        keep = strcspn(base, "#");
    else if (*typed == '.')
        while (path > keep && base[path - 1] != '/')
            path--;
    if (*typed == '.')
        keep = path;
    out->guessed = true;
    return buf_add(&out->url, base, keep, err) ||
                   (*typed == '.' && out->url.data[keep - 1] != '/' &&
                    buf_addc(&out->url, '/', err)) ||
                   buf_adds(&out->url, typed, err)
               ? -1
               : 0;
}

static int trimmed(const char *typed, struct buf *out, struct err *err)
{
    size_t n;

    typed += strspn(typed, " \t\r\n");
    n = strlen(typed);
    while (n && strchr(" \t\r\n", typed[n - 1]))
        n--;
    return n ? buf_add(out, typed, n, err) : err_set(err, ERR_INVALID, "url: is empty");
}

int address_parse(const char *typed, const char *base, struct address *out, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(URL_MAX);
    const char *s;

    *out = (struct address){ .url = BUF_MAX(2 * URL_MAX) };
    if (trimmed(typed, &text, err))
        return -1;
    s = text.data;
    if (has_scheme(s))
        return buf_adds(&out->url, s, err);
    if (!strncmp(s, "//", 2))
        s += 2;
    else if (strchr("/?#", *s) || !strncmp(s, "./", 2) || !strncmp(s, "../", 3))
        return relative(s, base, out, err);
    if (!split_host(s, &out->secure))
        return refuse(s, err);
    out->guessed = true;
    return buf_adds(&out->url, out->secure ? "https://" : "http://", err) ||
                   buf_adds(&out->url, s, err)
               ? -1
               : 0;
}

int address_insecure(struct address *a, struct err *err)
{
    AUTO(buf) struct buf was = a->url;

    a->secure = false;
    a->url = BUF_MAX(2 * URL_MAX);
    return buf_adds(&a->url, "http://", err) ||
                   buf_adds(&a->url, was.data + strlen("https://"), err)
               ? -1
               : 0;
}
