#include "base/json.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Nesting, before anything is allocated: brackets outside of strings. */
static bool too_deep(const char *s, size_t len)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                in_string = false;
            continue;
        }
        if (s[i] == '"')
            in_string = true;
        else if ((s[i] == '{' || s[i] == '[') && ++depth > JSON_MAX_DEPTH)
            return true;
        else if (s[i] == '}' || s[i] == ']')
            depth--;
    }
    return false;
}

static const char *bad_keys(yyjson_val *obj)
{
    size_t i, max, n = yyjson_obj_size(obj);
    yyjson_val *key, *val;

    if (n > 256)
        return "an object has more than 256 members";
    yyjson_obj_foreach (obj, i, max, key, val) {
        yyjson_val *first = yyjson_obj_getn(obj, yyjson_get_str(key), yyjson_get_len(key));
        if (strlen(yyjson_get_str(key)) != yyjson_get_len(key))
            return "a member name contains NUL";
        if (first != val)
            return "a member name appears twice in an object";
    }
    return NULL;
}

/* yyjson lays a document out as one array of values: walk it without recursion. */
static const char *hostile(yyjson_doc *doc)
{
    yyjson_val *v = yyjson_doc_get_root(doc);
    size_t n = yyjson_doc_get_val_count(doc);

    for (size_t i = 0; i < n; i++, v++) {
        const char *why = NULL;
        if (yyjson_is_obj(v))
            why = bad_keys(v);
        else if (yyjson_is_raw(v))
            why = "a number is out of range";
        if (why)
            return why;
    }
    return NULL;
}

yyjson_doc *json_parse(const char *text, size_t len, struct err *err)
{
    yyjson_read_err why;
    yyjson_doc *doc;
    const char *bad;

    if (too_deep(text, len)) {
        err_set(err, ERR_INVALID, "JSON is nested more than %d levels deep", JSON_MAX_DEPTH);
        return NULL;
    }
    doc = yyjson_read_opts((char *)(size_t)text, len, YYJSON_READ_BIGNUM_AS_RAW, NULL, &why);
    if (!doc) {
        err_set(err, ERR_INVALID, "not JSON: %s at byte %zu", why.msg, why.pos);
        return NULL;
    }
    bad = hostile(doc);
    if (bad) {
        yyjson_doc_free(doc);
        err_set(err, ERR_INVALID, "JSON refused: %s", bad);
        return NULL;
    }
    return doc;
}

const char *json_str(yyjson_val *obj, const char *key)
{
    return yyjson_get_str(yyjson_obj_get(obj, key));
}

const char *json_sole_str(yyjson_val *obj, const char *key)
{
    yyjson_val *name, *value, *found = NULL;
    size_t i, n, count = 0;

    yyjson_obj_foreach (obj, i, n, name, value) {
        if (strcmp(yyjson_get_str(name), key))
            continue;
        found = value;
        count++;
    }
    return count == 1 ? yyjson_get_str(found) : NULL;
}

int64_t json_int(yyjson_val *obj, const char *key, int64_t otherwise)
{
    yyjson_val *v = yyjson_obj_get(obj, key);

    return yyjson_is_int(v) ? yyjson_get_sint(v) : otherwise;
}

bool json_bool(yyjson_val *obj, const char *key, bool otherwise)
{
    yyjson_val *v = yyjson_obj_get(obj, key);

    return yyjson_is_bool(v) ? yyjson_get_bool(v) : otherwise;
}

static void add(struct jw *w, const char *s, size_t len)
{
    if (!w->failed && buf_add(w->out, s, len, w->err))
        w->failed = true;
}

static void before(struct jw *w)
{
    if (w->comma)
        add(w, ",", 1);
    w->comma = true;
}

static void open_with(struct jw *w, const char *bracket)
{
    before(w);
    add(w, bracket, 1);
    w->comma = false;
}

static void close_with(struct jw *w, const char *bracket)
{
    add(w, bracket, 1);
    w->comma = true;
}

void jw_obj(struct jw *w)
{
    open_with(w, "{");
}

void jw_end(struct jw *w)
{
    close_with(w, "}");
}

void jw_arr(struct jw *w)
{
    open_with(w, "[");
}

void jw_aend(struct jw *w)
{
    close_with(w, "]");
}

void jw_key(struct jw *w, const char *key)
{
    jw_str(w, key);
    add(w, ":", 1);
    w->comma = false;
}

static void add_escaped(struct jw *w, unsigned char c)
{
    static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = memchr(shorts, c, sizeof(shorts) - 1);
    char text[8];
    int n = at ? snprintf(text, sizeof(text), "\\%c", letters[at - shorts])
               : snprintf(text, sizeof(text), "\\u%04x", c);

    add(w, text, (size_t)n);
}

static void add_quoted(struct jw *w, const char *s, size_t len)
{
    size_t from = 0;

    add(w, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        add(w, s + from, i - from);
        add_escaped(w, c);
        from = i + 1;
    }
    add(w, s + from, len - from);
    add(w, "\"", 1);
}

void jw_strn(struct jw *w, const char *s, size_t len)
{
    before(w);
    if (utf8_valid(s, len)) {
        add_quoted(w, s, len);
        return;
    }
    AUTO(buf) struct buf clean = BUF_MAX(len * 3);
    if (utf8_add(&clean, s, len, NULL, w->err))
        w->failed = true;
    else
        add_quoted(w, clean.data, clean.len);
}

void jw_str(struct jw *w, const char *s)
{
    if (s)
        jw_strn(w, s, strlen(s));
    else
        jw_null(w);
}

void jw_int(struct jw *w, int64_t v)
{
    char text[32];

    before(w);
    add(w, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)v));
}

void jw_num(struct jw *w, double v)
{
    char text[32];

    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    before(w);
    add(w, text, (size_t)snprintf(text, sizeof(text), "%.15g", v));
}

void jw_bool(struct jw *w, bool v)
{
    before(w);
    add(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct jw *w)
{
    before(w);
    add(w, "null", 4);
}

void jw_raw(struct jw *w, const char *json, size_t len)
{
    before(w);
    add(w, json, len);
}

void jw_val(struct jw *w, yyjson_val *v)
{
    size_t len = 0;
    AUTO_FREE char *text = v ? yyjson_val_write(v, 0, &len) : NULL;

    if (text)
        jw_raw(w, text, len);
    else
        jw_null(w);
}

void jw_kstr(struct jw *w, const char *key, const char *s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_knum(struct jw *w, const char *key, double v)
{
    jw_key(w, key);
    jw_num(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_kraw(struct jw *w, const char *key, const char *json)
{
    jw_key(w, key);
    jw_raw(w, json, strlen(json));
}

int jw_done(struct jw *w)
{
    return w->failed ? -1 : 0;
}
