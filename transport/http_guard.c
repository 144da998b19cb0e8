#include "transport/http_guard.h"
#include "base/attr.h"

#include <string.h>
#include <strings.h>

#define ERROR(code, message) \
    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":" #code ",\"message\":\"" message "\"}}"

static const struct refusal refusals[VERDICT_COUNT] = {
    [VERDICT_NO_PATH] = { .status = 404 },
    [VERDICT_NO_METHOD] = { 405, ERROR(-32000, "Method not allowed"), "Allow",
                            "POST, GET, DELETE" },
    [VERDICT_VERSION] = { .status = 400,
                          .body = ERROR(-32000, "Unsupported MCP-Protocol-Version") },
    [VERDICT_MODERN_METHOD] = { 405, ERROR(-32000, "Method not allowed"), "Allow", "POST" },
    [VERDICT_HOST] = { .status = 403, .body = ERROR(-32000, "Host not allowed") },
    [VERDICT_ORIGIN] = { .status = 403, .body = ERROR(-32000, "Origin not allowed") },
    [VERDICT_NO_TOKEN] = { .status = 401, .body = ERROR(-32000, "A bearer token is required") },
    [VERDICT_BAD_TOKEN] = { .status = 401, .body = ERROR(-32000, "The bearer token is not valid") },
    [VERDICT_BAD_AUTHORIZATION] = { .status = 400,
                                    .body = ERROR(-32000, "Send one token, in one Authorization "
                                                          "header") },
    [VERDICT_TOKEN_LATER] = { 503, ERROR(-32000, "The keys of the token's issuer are not here yet"),
                              "Retry-After", "1" },
    [VERDICT_SCOPE] = { .status = 403,
                        .body = ERROR(-32000, "Insufficient scope: this needs read") },
    [VERDICT_FRAMING] = { .status = 400,
                          .body = ERROR(-32000, "Content-Length or Transfer-Encoding is wrong") },
    [VERDICT_CONTENT_TYPE] = { .status = 415,
                               .body = ERROR(-32000, "Content-Type must be application/json") },
    [VERDICT_ACCEPT] = { .status = 406,
                         .body = ERROR(-32000, "Accept must allow application/json or "
                                               "text/event-stream") },
    [VERDICT_ACCEPT_STREAM] = { .status = 406,
                                .body = ERROR(-32000, "Accept must allow text/event-stream") },
    [VERDICT_TOO_LARGE] = { .status = 413, .body = ERROR(-32000, "The message is too large") },
    [VERDICT_SANDBOX] = { .status = 400,
                          .body = ERROR(-32000, "X-Sandbox must be 1 to 64 characters of a-z 0-9 "
                                                ". _ -") },
    [VERDICT_SELECTION] = { .status = 404,
                            .body = ERROR(-32000, "The path selects no tools of this server") },
    [VERDICT_SELECTION_FORM] = { .status = 400,
                                 .body = ERROR(-32000, "The path must be /mcp/x/NAME,NAME,... "
                                                       "with toolsets or tools, and may end in "
                                                       "/readonly") },
    [VERDICT_SELECTIONS] = { .status = 400,
                             .body = ERROR(-32000, "Too many different selections of tools are "
                                                   "in use") },
    [VERDICT_NO_SESSION] = { .status = 400, .body = ERROR(-32000, "Mcp-Session-Id is required") },
    [VERDICT_UNKNOWN_SESSION] = { .status = 404, .body = ERROR(-32001, "Session not found") },
    [VERDICT_SECOND_STREAM] = { .status = 409,
                                .body = ERROR(-32000, "The session has a stream already") },
    [VERDICT_EVENT_ID] = { .status = 400,
                           .body = ERROR(-32000, "Last-Event-ID names nothing that is kept") },
    [VERDICT_TOO_MANY_SESSIONS] = { 503, ERROR(-32000, "Too many sessions are in use"),
                                    "Retry-After", "10" },
    [VERDICT_BUSY] = { 503, ERROR(-32000, "The server is busy"), "Retry-After", "1" },
    [VERDICT_GET_ONLY] = { .status = 405, .header = "Allow", .value = "GET" },
    [VERDICT_METADATA] = { .status = 200 },
    [VERDICT_STOPPING] = { 503, ERROR(-32000, "The server is stopping"), "Retry-After", "5" },
    [VERDICT_RATE] = { .status = 429, .body = ERROR(-32000, "Too many requests: retry later") },
    [VERDICT_OPS_METHOD] = { .status = 405, .header = "Allow", .value = "GET, HEAD" },
    [VERDICT_UPGRADE] = { 426, ERROR(-32000, "Only a WebSocket is served here"),
                          "Sec-WebSocket-Version", "13" },
    [VERDICT_TICKET] = { .status = 403,
                         .body = ERROR(-32000, "The ticket is not good, or was used") },
    [VERDICT_DOWNLOAD] = { 404,
                           ERROR(-32000, "Nothing to download: such a URL is good once, and "
                                         "soon"),
                           "Cache-Control", "no-store" },
    [VERDICT_DOWNLOAD_METHOD] = { .status = 405, .header = "Allow", .value = "GET, HEAD, POST" },
    [VERDICT_UPLOAD] = { 404,
                         ERROR(-32000, "Nothing is taken here: such a URL is good once, and soon"),
                         "Cache-Control", "no-store" },
    [VERDICT_UPLOAD_METHOD] = { .status = 405, .header = "Allow", .value = "PUT, POST" },
};

static const char *const verdict_names[VERDICT_COUNT] = {
    [VERDICT_PASS] = "none",
    [VERDICT_NO_PATH] = "path",
    [VERDICT_NO_METHOD] = "method",
    [VERDICT_MODERN_METHOD] = "modern_method",
    [VERDICT_VERSION] = "version",
    [VERDICT_HOST] = "host",
    [VERDICT_ORIGIN] = "origin",
    [VERDICT_NO_TOKEN] = "no_token",
    [VERDICT_BAD_TOKEN] = "bad_token",
    [VERDICT_BAD_AUTHORIZATION] = "bad_authorization",
    [VERDICT_TOKEN_LATER] = "token_later",
    [VERDICT_SCOPE] = "stream_scope",
    [VERDICT_FRAMING] = "framing",
    [VERDICT_CONTENT_TYPE] = "content_type",
    [VERDICT_ACCEPT] = "accept",
    [VERDICT_ACCEPT_STREAM] = "accept_stream",
    [VERDICT_TOO_LARGE] = "too_large",
    [VERDICT_SANDBOX] = "sandbox_name",
    [VERDICT_SELECTION] = "selection",
    [VERDICT_SELECTION_FORM] = "selection_form",
    [VERDICT_SELECTIONS] = "selections",
    [VERDICT_EVENT_ID] = "event_id",
    [VERDICT_GET_ONLY] = "get_only",
    [VERDICT_METADATA] = "metadata",
    [VERDICT_NO_SESSION] = "no_session",
    [VERDICT_UNKNOWN_SESSION] = "unknown_session",
    [VERDICT_SECOND_STREAM] = "second_stream",
    [VERDICT_TOO_MANY_SESSIONS] = "sessions",
    [VERDICT_BUSY] = "memory",
    [VERDICT_STOPPING] = "stopping",
    [VERDICT_RATE] = "rate",
    [VERDICT_OPS_METHOD] = "ops_method",
    [VERDICT_UPGRADE] = "upgrade",
    [VERDICT_TICKET] = "ticket",
    [VERDICT_DOWNLOAD] = "download",
    [VERDICT_DOWNLOAD_METHOD] = "download_method",
    [VERDICT_UPLOAD] = "upload",
    [VERDICT_UPLOAD_METHOD] = "upload_method",
};

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_POST] = "POST", [HTTP_GET] = "GET", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
    [HTTP_HEAD] = "HEAD", [HTTP_PUT] = "PUT", [HTTP_OTHER] = "other",
};

static const struct {
    const char *name;
    enum http_method method;
} methods[] = { { "POST", HTTP_POST }, { "GET", HTTP_GET }, { "DELETE", HTTP_DELETE } };

static const char *const loopback_names[] = { "localhost", "127.0.0.1", "[::1]" };

const struct refusal *guard_refusal(enum verdict verdict)
{
    return &refusals[verdict];
}

const char *guard_selection(const char *path)
{
    static const char prefix[] = "/mcp/x/";

    return strncmp(path, prefix, sizeof(prefix) - 1) ? NULL : path + sizeof(prefix) - 1;
}

const char *guard_verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

enum http_method guard_method(const char *name)
{
    int m = 0;

    while (m < HTTP_OTHER && strcmp(method_names[m], name))
        m++;
    return (enum http_method)m;
}

const char *guard_method_name(enum http_method method)
{
    return method_names[method];
}

enum verdict guard_target(const char *method, const char *path, enum http_method *out)
{
    if (strcmp(path, "/mcp") && strcmp(path, "/mcp/") && !guard_selection(path))
        return VERDICT_NO_PATH;
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (!strcmp(methods[i].name, method)) {
            *out = methods[i].method;
            return VERDICT_PASS;
        }
    return VERDICT_NO_METHOD;
}

/* Length of the host in `host[:port]`; 0 when it has neither form. */
static size_t host_length(const char *s)
{
    size_t n = *s == '[' ? strcspn(s, "]") + 1 : strcspn(s, ":");
    size_t digits;

    if (*s == '[' && s[n - 1] != ']')
        return 0;
    if (!s[n])
        return n;
    digits = strspn(s + n + 1, "0123456789");
    return s[n] == ':' && digits && digits <= 5 && !s[n + 1 + digits] ? n : 0;
}

static bool same(const char *a, size_t len, const char *b)
{
    return strlen(b) == len && !strncasecmp(a, b, len);
}

static bool is_loopback_name(const char *s, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(loopback_names); i++)
        if (same(s, len, loopback_names[i]))
            return true;
    return false;
}

/* The bound address, which may be e.g. 127.0.0.2; an IPv6 one is written in brackets. */
static bool is_own_address(const struct guard *g, const char *s, size_t len)
{
    if (!strchr(g->address, ':'))
        return same(s, len, g->address);
    return len > 2 && *s == '[' && same(s + 1, len - 2, g->address);
}

static bool listed(const char *const *list, const char *s, size_t len)
{
    for (; list && *list; list++)
        if (same(s, len, *list))
            return true;
    return false;
}

static bool host_allowed(const struct guard *g, const char *host)
{
    size_t len = host ? host_length(host) : 0;

    if (!g->loopback && (!g->hosts || !*g->hosts))
        return true;
    if (!len)
        return false;
    return is_loopback_name(host, len) || (g->loopback && is_own_address(g, host, len)) ||
           listed(g->hosts, host, len) || listed(g->hosts, host, strlen(host));
}

static bool origin_allowed(const struct guard *g, const char *origin)
{
    static const char *const schemes[] = { "http://", "https://" };

    if (listed(g->origins, origin, strlen(origin)))
        return true;
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        size_t skip = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], skip))
            continue;
        return is_loopback_name(origin + skip, host_length(origin + skip));
    }
    return false;
}

enum verdict guard_source(const struct guard *g, const struct http_headers *h)
{
    if (http_headers_repeated(h, HEADER_HOST) || !host_allowed(g, h->value[HEADER_HOST]))
        return VERDICT_HOST;
    if (http_headers_repeated(h, HEADER_ORIGIN))
        return VERDICT_ORIGIN;
    if (h->value[HEADER_ORIGIN] && !origin_allowed(g, h->value[HEADER_ORIGIN]))
        return VERDICT_ORIGIN;
    return VERDICT_PASS;
}

static bool read_length(const char *s, uint64_t *out)
{
    uint64_t v = 0;
    size_t n = strspn(s, "0123456789");

    if (!n || n > 18 || s[n])
        return false;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (uint64_t)(s[i] - '0');
    *out = v;
    return true;
}

/* A message framed in two ways at once is how requests are smuggled past a proxy. */
bool guard_length(const struct http_headers *h, uint64_t *length)
{
    const char *size = h->value[HEADER_CONTENT_LENGTH],
               *coding = h->value[HEADER_TRANSFER_ENCODING];

    if (http_headers_repeated(h, HEADER_CONTENT_LENGTH) ||
        http_headers_repeated(h, HEADER_TRANSFER_ENCODING) || (size && coding))
        return false;
    if (size)
        return read_length(size, length);
    if (coding && strcasecmp(coding, "chunked"))
        return false;
    *length = coding ? GUARD_LENGTH_UNKNOWN : 0;
    return true;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t n = sizeof(json) - 1;

    return type && !strncasecmp(type, json, n) && (!type[n] || strchr("; \t", type[n]));
}

enum verdict guard_message(const struct guard *g, enum http_method method,
                           const struct http_headers *h)
{
    uint64_t length;

    if (!guard_length(h, &length))
        return VERDICT_FRAMING;
    if (h->value[HEADER_SANDBOX] &&
        (http_headers_repeated(h, HEADER_SANDBOX) || !guard_sandbox_name(h->value[HEADER_SANDBOX])))
        return VERDICT_SANDBOX;
    if (http_headers_repeated(h, HEADER_SESSION))
        return VERDICT_NO_SESSION;
    if (method == HTTP_GET && !(http_headers_accepts(h) & ACCEPT_SSE))
        return VERDICT_ACCEPT_STREAM;
    if (method == HTTP_POST) {
        if (http_headers_repeated(h, HEADER_CONTENT_TYPE) ||
            !is_json(h->value[HEADER_CONTENT_TYPE]))
            return VERDICT_CONTENT_TYPE;
        if (!http_headers_accepts(h))
            return VERDICT_ACCEPT;
    }
    if (length != GUARD_LENGTH_UNKNOWN && length > (method == HTTP_POST ? g->body_max : 0))
        return VERDICT_TOO_LARGE;
    return VERDICT_PASS;
}

bool guard_sandbox_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return n && n <= GUARD_SANDBOX_MAX && !s[n];
}
