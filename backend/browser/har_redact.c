#include "backend/browser/har_redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_LEN 64

/* ---- names ---- */

/* Lower case without what joins words: "X-Api-Key" is "xapikey". */
static size_t normalise(const char *name, size_t len, char out[NAME_MAX_LEN])
{
    size_t n = 0;

    for (size_t i = 0; i < len && n + 1 < NAME_MAX_LEN; i++)
        if (isalnum((unsigned char)name[i]))
            out[n++] = (char)tolower((unsigned char)name[i]);
    out[n] = '\0';
    return n;
}

bool redact_is_secret(const char *name, size_t len)
{
    static const char *const whole[] = {
        "auth",    "key",    "pass",    "pwd",       "sid",       "sig",
        "jwt",     "otp",    "pin",     "code",      "state",     "nonce",
        "session", "cookie", "cookies", "setcookie", "assertion", "samlresponse",
    };
    static const char *const parts[] = {
        "authorization", "token",     "secret",     "password",   "passwd",    "passphrase",
        "apikey",        "accesskey", "privatekey", "credential", "signature", "sessionid",
        "sessid",        "csrf",      "xsrf",       "bearer",
    };
    char plain[NAME_MAX_LEN];

    if (!normalise(name, len, plain))
        return false;
    for (size_t i = 0; i < COUNT_OF(whole); i++)
        if (!strcmp(whole[i], plain))
            return true;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strstr(plain, parts[i]))
            return true;
    return false;
}

/* ---- addresses and forms ---- */

/* "a=1&token=2" up to `end`, as far as it is one. */
static int add_pairs(struct buf *out, const char *at, const char *end, const char *mask,
                     struct err *err)
{
    while (at < end) {
        const char *next = at, *equals;
        while (next < end && *next != '&' && *next != ';')
            next++;
        equals = memchr(at, '=', (size_t)(next - at));
        if (equals && equals + 1 < next && redact_is_secret(at, (size_t)(equals - at))) {
            if (buf_add(out, at, (size_t)(equals + 1 - at), err) || buf_adds(out, mask, err))
                return -1;
        } else if (buf_add(out, at, (size_t)(next - at), err)) {
            return -1;
        }
        if (next < end && buf_addc(out, *next++, err))
            return -1;
        at = next;
    }
    return 0;
}

/* Up to the query: without what is before the host. */
static int add_place(struct buf *out, const char *url, size_t len, const char *mask,
                     struct err *err)
{
    const char *host = memmem(url, len, "://", 3), *end = url + len, *at;

    if (!host)
        return buf_add(out, url, len, err);
    host += 3;
    at = memchr(host, '@', (size_t)(end - host));
    if (!at || memchr(host, '/', (size_t)(at - host)))
        return buf_add(out, url, len, err);
    return buf_add(out, url, (size_t)(host - url), err) || buf_adds(out, mask, err) ||
                   buf_add(out, at, (size_t)(end - at), err)
               ? -1
               : 0;
}

int redact_url(struct buf *out, const char *url, const char *mask, struct err *err)
{
    size_t len = strlen(url), place = strcspn(url, "?#");
    const char *end = url + len, *at = url + place;

    if (add_place(out, url, place, mask, err))
        return -1;
    while (at < end) {
        const char *next = at + 1 + strcspn(at + 1, "#");
        if (buf_addc(out, *at, err) || add_pairs(out, at + 1, next, mask, err))
            return -1;
        at = next;
    }
    return 0;
}

/* ---- headers ---- */

static int add_cookies(struct buf *out, const char *value, const char *mask, struct err *err)
{
    while (*value) {
        size_t len = strcspn(value, ";\n"), name = strcspn(value, "=;\n");
        bool attribute = false;
        if (name < len) {
            if (buf_add(out, value, name + 1, err) || buf_adds(out, mask, err))
                return -1;
        } else {
            attribute = true;
        }
        if (attribute && buf_add(out, value, len, err))
            return -1;
        value += len;
        if (*value && buf_addc(out, *value++, err))
            return -1;
    }
    return 0;
}

/* Of each line only its first pair is the cookie, the rest says how long and where. */
static int add_set_cookies(struct buf *out, const char *value, const char *mask, struct err *err)
{
    while (*value) {
        size_t line = strcspn(value, "\n"), name = strcspn(value, "=;\n");
        size_t pair = strcspn(value, ";\n");
        if (buf_add(out, value, name < pair ? name + 1 : 0, err) || buf_adds(out, mask, err) ||
            buf_add(out, value + pair, line - pair, err))
            return -1;
        value += line;
        if (*value && buf_addc(out, *value++, err))
            return -1;
    }
    return 0;
}

static int add_credentials(struct buf *out, const char *value, const char *mask, struct err *err)
{
    size_t scheme = strcspn(value, " ");
    bool has = value[scheme] && scheme < 16;

    return (has && buf_add(out, value, scheme + 1, err)) || buf_adds(out, mask, err) ? -1 : 0;
}

static bool is_address(const char *name)
{
    static const char *const names[] = { "location", "referer", "content-location", "origin",
                                         ":path",    "link",    "refresh",          "sourcemap" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!strcasecmp(names[i], name))
            return true;
    return false;
}

int redact_header(struct buf *out, const char *name, const char *value, const char *mask,
                  struct err *err)
{
    if (!*value)
        return 0;
    if (!strcasecmp(name, "cookie"))
        return add_cookies(out, value, mask, err);
    if (!strcasecmp(name, "set-cookie"))
        return add_set_cookies(out, value, mask, err);
    if (!strcasecmp(name, "authorization") || !strcasecmp(name, "proxy-authorization"))
        return add_credentials(out, value, mask, err);
    if (is_address(name))
        return redact_url(out, value, mask, err);
    return buf_adds(out, redact_is_secret(name, strlen(name)) ? mask : value, err);
}

/* ---- bodies ---- */

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* Behind the quote that ends the string that begins at `at`; `end` when none does. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : end;
}

/* The value of a secret member ends here: a string, or what has no structure. */
static const char *value_end(const char *at, const char *end)
{
    if (*at == '"')
        return string_end(at, end);
    while (at < end && !strchr(",}] \t\r\n", *at))
        at++;
    return at;
}

/* Wherever a secret name in quotes is followed by a colon and a value; need not be whole JSON. */
static int add_json(struct buf *out, const char *text, size_t len, const char *mask,
                    struct err *err)
{
    const char *at = text, *end = text + len, *done = text;

    while (at < end && (at = memchr(at, '"', (size_t)(end - at)))) {
        const char *name = at + 1, *after = string_end(at, end);
        const char *colon = skip_space(after, end), *value;
        if (colon == end || *colon != ':' ||
            !redact_is_secret(name, (size_t)(after - name) - (after > name))) {
            at = after;
            continue;
        }
        value = skip_space(colon + 1, end);
        if (value == end || *value == '{' || *value == '[' || *value == 'n') {
            at = value;
            continue;
        }
        if (buf_add(out, done, (size_t)(value - done), err) || buf_addc(out, '"', err) ||
            buf_adds(out, mask, err) || buf_addc(out, '"', err))
            return -1;
        at = done = value_end(value, end);
    }
    return buf_add(out, done, (size_t)(end - done), err);
}

static bool looks_like_form(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-._*+%&=[];~!'()@:/,", text[i]))
            return false;
    return len && memchr(text, '=', len);
}

int redact_body(struct buf *out, const char *text, size_t len, const char *mime, const char *mask,
                struct err *err)
{
    if (strstr(mime, "x-www-form-urlencoded") || (!*mime && looks_like_form(text, len)))
        return add_pairs(out, text, text + len, mask, err);
    if (!*mime || strstr(mime, "json") || strstr(mime, "text/plain"))
        return add_json(out, text, len, mask, err);
    return buf_add(out, text, len, err);
}
