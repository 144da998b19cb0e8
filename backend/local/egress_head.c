#include "backend/local/egress_proxy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const hop_by_hop[] = {
    "host", "connection",         "proxy-connection", "keep-alive", "proxy-authorization",
    "te",   "proxy-authenticate", "upgrade",          "trailer",
};

/* Length of the token at s that ends before `end` at one space or at the end. */
static size_t word(const char *s, const char *end)
{
    const char *p = s;

    while (p < end && (unsigned char)*p > 0x20 && *p != 0x7f)
        p++;
    return (size_t)(p - s);
}

static bool parse_port(const char *s, size_t len, uint16_t *port)
{
    unsigned n = 0;

    if (!len || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i]))
            return false;
        n = n * 10 + (unsigned)(s[i] - '0');
    }
    *port = (uint16_t)n;
    return n > 0 && n < 65536;
}

static bool parse_authority(const char *s, size_t len, uint16_t otherwise, struct egress_head *h)
{
    const char *bracket = memrchr(s, ']', len), *colon = memrchr(s, ':', len);
    size_t host = len;

    h->port = otherwise;
    if (colon && (!bracket || colon > bracket)) {
        host = (size_t)(colon - s);
        if (!parse_port(colon + 1, len - host - 1, &h->port))
            return false;
    }
    return h->port && egress_host_normal(s, host, h->host);
}

static bool parse_target(const char *s, size_t len, struct egress_head *h)
{
    static const char scheme[] = "http://";
    const char *slash;
    size_t authority;

    if (h->connect)
        return parse_authority(s, len, 0, h);
    if (len < sizeof(scheme) || strncasecmp(s, scheme, sizeof(scheme) - 1))
        return false;
    s += sizeof(scheme) - 1;
    len -= sizeof(scheme) - 1;
    slash = memchr(s, '/', len);
    authority = slash ? (size_t)(slash - s) : strcspn(s, "?");
    if (authority > len)
        authority = len;
    h->path = s + authority;
    h->path_len = len - authority;
    return !memchr(s, '@', authority) && parse_authority(s, authority, 80, h);
}

/* Every line is `name: value` CR LF, without folding and without controls. */
static bool fields_fine(const char *s, size_t len)
{
    const char *end = s + len;

    while (s < end) {
        const char *nl = memchr(s, '\n', (size_t)(end - s)), *colon;
        if (!nl || nl == s || nl[-1] != '\r' || *s == ' ' || *s == '\t')
            return false;
        colon = memchr(s, ':', (size_t)(nl - s));
        if (!colon || colon == s)
            return false;
        for (const char *p = s; p < nl - 1; p++)
            if ((unsigned char)*p < 0x20 ? *p != '\t' : *p == 0x7f)
                return false;
        for (const char *p = s; p < colon; p++)
            if (*p == ' ' || *p == '\t')
                return false;
        s = nl + 1;
    }
    return true;
}

int egress_head_parse(const char *text, size_t len, struct egress_head *h)
{
    const char *eol = memmem(text, len, "\r\n", 2), *target;
    size_t n;

    memset(h, 0, sizeof(*h));
    if (!eol || len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4))
        return 400;
    h->method = text;
    h->method_len = word(text, eol);
    target = text + h->method_len + 1;
    if (!h->method_len || target >= eol || target[-1] != ' ')
        return 400;
    n = word(target, eol);
    h->version = target + n + 1;
    if (!n || h->version >= eol || target[n] != ' ')
        return 400;
    h->version_len = (size_t)(eol - h->version);
    if (h->version_len != 8 || strncmp(h->version, "HTTP/1.", 7))
        return 505;
    h->connect = h->method_len == 7 && !memcmp(h->method, "CONNECT", 7);
    h->fields = eol + 2;
    h->fields_len = (size_t)(text + len - 2 - h->fields);
    if (!fields_fine(h->fields, h->fields_len) || !parse_target(target, n, h))
        return 400;
    return 0;
}

static bool dropped(const char *line, size_t name)
{
    for (size_t i = 0; i < COUNT_OF(hop_by_hop); i++)
        if (strlen(hop_by_hop[i]) == name && !strncasecmp(line, hop_by_hop[i], name))
            return true;
    return false;
}

int egress_head_rewrite(const struct egress_head *h, struct buf *out, struct err *err)
{
    const char *s = h->fields, *end = s + h->fields_len;
    bool v6 = strchr(h->host, ':');

    if (buf_add(out, h->method, h->method_len, err) || buf_addc(out, ' ', err) ||
        (!(h->path_len && h->path[0] == '/') && buf_addc(out, '/', err)) ||
        buf_add(out, h->path, h->path_len, err) || buf_adds(out, " HTTP/1.1\r\nHost: ", err) ||
        buf_addf(out, err, v6 ? "[%s]" : "%s", h->host) ||
        (h->port != 80 && buf_addf(out, err, ":%u", h->port)) ||
        buf_adds(out, "\r\nConnection: close\r\n", err))
        return -1;
    while (s < end) {
        size_t line = (size_t)((const char *)memchr(s, '\n', (size_t)(end - s)) - s) + 1;
        if (!dropped(s, (size_t)((const char *)memchr(s, ':', line) - s)) &&
            buf_add(out, s, line, err))
            return -1;
        s += line;
    }
    return buf_adds(out, "\r\n", err);
}
