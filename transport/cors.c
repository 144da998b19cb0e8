#include "transport/cors.h"
#include "base/attr.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

static const char *const names[] = {
    "Authorization", "Content-Type", "Accept",         "Last-Event-ID", "MCP-Protocol-Version",
    "Mcp-Method",    "Mcp-Name",     "Mcp-Session-Id", "X-Sandbox",     "traceparent",
    "tracestate",
};

const char *cors_origin(const char *const *origins, const struct http_headers *h)
{
    const char *origin = h->value[HEADER_ORIGIN];

    if (!origin || http_headers_repeated(h, HEADER_ORIGIN))
        return NULL;
    for (; origins && *origins; origins++)
        if (!strcasecmp(*origins, origin))
            return origin;
    return NULL;
}

static bool may_send(const char *s, size_t len)
{
    if (!len || strspn(s, TOKEN) < len)
        return false;
    if (len > 4 && !strncasecmp(s, "Mcp-", 4))
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strlen(names[i]) == len && !strncasecmp(names[i], s, len))
            return true;
    return false;
}

static size_t add(char *out, size_t at, const char *name, size_t len)
{
    size_t need = len + (at ? 2 : 0);

    if (at + need >= CORS_HEADERS_MAX)
        return at;
    if (at) {
        memcpy(out + at, ", ", 2);
        at += 2;
    }
    memcpy(out + at, name, len);
    out[at + len] = '\0';
    return at + len;
}

const char *cors_allow_headers(const struct http_headers *h, char out[CORS_HEADERS_MAX])
{
    const char *s = h->value[HEADER_REQUEST_HEADERS];
    size_t at = 0;

    *out = '\0';
    if (!s)
        for (size_t i = 0; i < COUNT_OF(names); i++)
            at = add(out, at, names[i], strlen(names[i]));
    while (s && *s) {
        size_t len;
        s += strspn(s, " \t,");
        len = strcspn(s, " \t,");
        if (may_send(s, len))
            at = add(out, at, s, len);
        s += len;
    }
    return out;
}
