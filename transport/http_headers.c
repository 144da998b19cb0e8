#include "transport/http_headers.h"
#include "base/attr.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

static const struct {
    const char *name;
    size_t len;
} names[HEADER_COUNT] = {
#define NAME(s)           \
    {                     \
        s, sizeof(s) - 1, \
    }
    [HEADER_HOST] = NAME("Host"),
    [HEADER_ORIGIN] = NAME("Origin"),
    [HEADER_AUTHORIZATION] = NAME("Authorization"),
    [HEADER_CONTENT_TYPE] = NAME("Content-Type"),
    [HEADER_CONTENT_LENGTH] = NAME("Content-Length"),
    [HEADER_TRANSFER_ENCODING] = NAME("Transfer-Encoding"),
    [HEADER_EXPECT] = NAME("Expect"),
    [HEADER_ACCEPT] = NAME("Accept"),
    [HEADER_SESSION] = NAME("Mcp-Session-Id"),
    [HEADER_EVENT_ID] = NAME("Last-Event-ID"),
    [HEADER_VERSION] = NAME("MCP-Protocol-Version"),
    [HEADER_METHOD] = NAME("Mcp-Method"),
    [HEADER_NAME] = NAME("Mcp-Name"),
    [HEADER_SANDBOX] = NAME("X-Sandbox"),
    [HEADER_TRACEPARENT] = NAME("traceparent"),
    [HEADER_TRACESTATE] = NAME("tracestate"),
    [HEADER_REQUEST_HEADERS] = NAME("Access-Control-Request-Headers"),
#undef NAME
};

static const struct {
    const char *range;
    unsigned accepts;
} ranges[] = {
    { "application/json", ACCEPT_JSON },
    { "text/event-stream", ACCEPT_SSE },
    { "*/*", ACCEPT_JSON | ACCEPT_SSE },
    { "application/*", ACCEPT_JSON },
    { "text/*", ACCEPT_SSE },
};

static int find(const char *name)
{
    size_t len = strlen(name);

    for (int i = 0; i < HEADER_COUNT; i++)
        if (names[i].len == len && !strcasecmp(names[i].name, name))
            return i;
    return -1;
}

/* A media range with its parameters. */
static unsigned one_range(const char *s, size_t len)
{
    const char *end = memchr(s, ';', len);
    size_t n = end ? (size_t)(end - s) : len;

    while (n && strchr(BLANKS, s[n - 1]))
        n--;
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (strlen(ranges[i].range) == n && !strncasecmp(ranges[i].range, s, n))
            return ranges[i].accepts;
    return 0;
}

static unsigned accepted(const char *s)
{
    unsigned all = 0;

    while (*s) {
        size_t len;
        s += strspn(s, BLANKS ",");
        len = strcspn(s, ",");
        all |= one_range(s, len);
        s += len;
    }
    return all;
}

static void add_param(struct http_headers *h, const char *name, const char *value)
{
    struct param_given *param = &h->params[h->param_count];

    if (h->param_count == PARAM_HEADERS_MAX)
        return;
    value = value ? value + strspn(value, BLANKS) : "";
    *param = (struct param_given){ .name = name, .value = value, .len = strlen(value) };
    while (param->len && strchr(BLANKS, value[param->len - 1]))
        param->len--;
    h->param_count++;
}

bool http_headers_add(struct http_headers *h, const char *name, const char *value)
{
    int which = find(name);
    size_t len;

    if (which < 0 && !strncasecmp(name, PARAM_HEADER_PREFIX, strlen(PARAM_HEADER_PREFIX)))
        add_param(h, name + strlen(PARAM_HEADER_PREFIX), value);
    if (which < 0)
        return true;
    value = value ? value + strspn(value, BLANKS) : "";
    if (which == HEADER_ACCEPT)
        h->accepts |= accepted(value);
    if (h->value[which]) {
        h->repeated |= 1u << which;
        return true;
    }
    len = strlen(value);
    if (len && strchr(BLANKS, value[len - 1])) {
        while (len && strchr(BLANKS, value[len - 1]))
            len--;
        value = h->copies[which] = strndup(value, len);
    }
    h->value[which] = value;
    return value;
}

void http_headers_done(struct http_headers *h)
{
    for (int i = 0; i < HEADER_COUNT; i++)
        free(h->copies[i]);
    memset(h, 0, sizeof(*h));
}

unsigned http_headers_accepts(const struct http_headers *h)
{
    return h->value[HEADER_ACCEPT] ? h->accepts : ACCEPT_JSON | ACCEPT_SSE;
}
