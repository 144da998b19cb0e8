#include "backend/browser/cdp_text.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

static int hex4(const char *s)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)s[i];
        if (!isxdigit(c))
            return -1;
        value = value * 16 + (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
    }
    return value;
}

static bool is_escape(const char *s, size_t left, int from, int to)
{
    int value;

    if (left < 6 || s[0] != '\\' || s[1] != 'u')
        return false;
    value = hex4(s + 2);
    return value >= from && value <= to;
}

/* Escapes of half pairs to \ufffd, which is as long. */
static void mend_escapes(char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] != '\\')
            continue;
        if (is_escape(s + i, len - i, 0xd800, 0xdbff) &&
            is_escape(s + i + 6, len - i - 6, 0xdc00, 0xdfff))
            i += 11;
        else if (is_escape(s + i, len - i, 0xd800, 0xdfff))
            memcpy(s + i + 2, "fffd", 4);
        else
            i++;
    }
}

static yyjson_doc *parse(char *text, size_t len)
{
    return yyjson_read_opts(text, len, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL);
}

yyjson_doc *cdp_parse(char *text, size_t len)
{
    yyjson_doc *doc = parse(text, len);

    if (doc)
        return doc;
    mend_escapes(text, len);
    if (utf8_valid(text, len))
        return parse(text, len);
    AUTO(buf) struct buf clean = BUF_MAX(len * 3);
    if (utf8_add(&clean, text, len, NULL, NULL))
        return NULL;
    return parse(clean.data, clean.len);
}

int64_t cdp_id_of(const char *text, size_t len)
{
    static const char head[] = "{\"id\":";
    int64_t id = 0;
    size_t i = sizeof(head) - 1;

    if (len <= i || memcmp(text, head, i) || !isdigit((unsigned char)text[i]))
        return -1;
    for (; i < len && isdigit((unsigned char)text[i]) && id < INT32_MAX; i++)
        id = id * 10 + (text[i] - '0');
    return i < len && text[i] == ',' ? id : -1;
}

int cdp_command(struct buf *out, int64_t id, const char *session, const char *method,
                const char *params, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "id", id);
    jw_kstr(&w, "method", method);
    jw_kraw(&w, "params", params ? params : "{}");
    if (session && *session)
        jw_kstr(&w, "sessionId", session);
    jw_end(&w);
    return jw_done(&w);
}

int cdp_refused(yyjson_val *error, const char *method, struct err *err)
{
    static const char *const replaced[] = { "Cannot find context with", "context was destroyed",
                                            "Not attached to an active page" };
    const char *message = json_str(error, "message"), *data = json_str(error, "data");

    for (size_t i = 0; message && i < COUNT_OF(replaced); i++)
        if (strstr(message, replaced[i])) {
            err_set(err, ERR_STALE, "the page went to another document meanwhile");
            return err_next(err, "call again, or wait for it with browser_wait");
        }
    return err_set(err, ERR_INVALID, "Browser: %s: %s%s%s", method,
                   message ? message : "it failed without a reason", data ? ": " : "",
                   data ? data : "");
}
