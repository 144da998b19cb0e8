#include "mcp/param_header.h"

#include "base/b64.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

static bool printable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] != '\t' && ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e))
            return false;
    return true;
}

const char *param_header_text(const char *value, size_t len, struct buf *space, size_t *text_len)
{
    static const char begin[] = "=?base64?", end[] = "?=";
    const size_t b = sizeof(begin) - 1, e = sizeof(end) - 1;

    *text_len = len;
    if (!printable(value, len))
        return NULL;
    if (len < b + e || memcmp(value, begin, b) != 0 || memcmp(value + len - e, end, e) != 0)
        return value;
    if (b64_decode(space, value + b, len - b - e, NULL) || !utf8_valid(buf_str(space), space->len))
        return NULL;
    *text_len = space->len;
    return buf_str(space);
}

static yyjson_val *find_argument(yyjson_val *v, const char *const *path)
{
    for (; v && *path; path++)
        v = yyjson_obj_get(v, *path);
    return v;
}

/* Exact for every number that yyjson reads: long double has 64 bits of mantissa or more. */
static long double number(yyjson_val *v)
{
    if (yyjson_is_uint(v))
        return (long double)yyjson_get_uint(v);
    return yyjson_is_sint(v) ? (long double)yyjson_get_sint(v) : (long double)yyjson_get_real(v);
}

static bool same_number(yyjson_val *v, const char *text, size_t len)
{
    AUTO_JSON yyjson_doc *doc = yyjson_read(text, len, 0);
    yyjson_val *other = yyjson_doc_get_root(doc);

    return yyjson_is_num(other) && number(v) == number(other);
}

static bool same_value(yyjson_val *v, const char *text, size_t len)
{
    const char *word = yyjson_get_bool(v) ? "true" : "false";

    if (yyjson_is_str(v))
        return yyjson_equals_strn(v, text, len);
    if (yyjson_is_bool(v))
        return strlen(word) == len && !memcmp(word, text, len);
    return same_number(v, text, len);
}

static int mismatch(struct err *err, const struct param_header *h, const char *why)
{
    return err_set(err, ERR_INVALID, PARAM_HEADER_PREFIX "%s %s", h->name, why);
}

static int check_one(const struct param_header *h, yyjson_val *v, const struct param_given *given,
                     size_t count, struct err *err)
{
    AUTO(buf) struct buf space = BUF_MAX(PARAM_HEADER_MAX);
    const struct param_given *found = NULL;
    const char *text;
    size_t len;

    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(given[i].name, h->name) != 0)
            continue;
        if (found)
            return mismatch(err, h, "was sent more than once");
        found = &given[i];
    }
    if (!found)
        return mismatch(err, h, "is missing");
    text = param_header_text(found->value, found->len, &space, &len);
    if (!text)
        return mismatch(err, h, "is malformed");
    return same_value(v, text, len) ? 0 : mismatch(err, h, "is not the argument in the body");
}

int param_headers_check(const struct param_header *wanted, yyjson_val *arguments,
                        const struct param_given *given, size_t count, struct err *err)
{
    for (const struct param_header *h = wanted; h && h->name; h++) {
        yyjson_val *v = find_argument(arguments, h->path);
        if (!yyjson_is_str(v) && !yyjson_is_bool(v) && !yyjson_is_num(v))
            continue;
        if (check_one(h, v, given, count, err))
            return -1;
    }
    return 0;
}
