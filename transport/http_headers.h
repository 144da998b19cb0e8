/*
 * The request headers that matter here, picked in one pass over all of them. Pure: knows
 * no socket and no library.
 */
#ifndef TRANSPORT_HTTP_HEADERS_H
#define TRANSPORT_HTTP_HEADERS_H

#include "mcp/param_header.h"
#include <stdbool.h>

enum http_header {
    HEADER_HOST,
    HEADER_ORIGIN,
    HEADER_AUTHORIZATION,
    HEADER_CONTENT_TYPE,
    HEADER_CONTENT_LENGTH,
    HEADER_TRANSFER_ENCODING,
    HEADER_EXPECT,
    HEADER_ACCEPT,
    HEADER_SESSION,  /* Mcp-Session-Id */
    HEADER_EVENT_ID, /* Last-Event-ID */
    HEADER_VERSION,  /* MCP-Protocol-Version */
    HEADER_METHOD,   /* Mcp-Method */
    HEADER_NAME,     /* Mcp-Name */
    HEADER_SANDBOX,  /* X-Sandbox */
    HEADER_TRACEPARENT,
    HEADER_TRACESTATE,
    HEADER_REQUEST_HEADERS, /* Access-Control-Request-Headers */
    HEADER_COUNT
};

#define ACCEPT_JSON (1u << 0)
#define ACCEPT_SSE (1u << 1)

/* Zero it, add every header, http_headers_done() when the values are not needed any more. */
struct http_headers {
    struct param_given params[PARAM_HEADERS_MAX]; /* Mcp-Param-*; repeated ones too */
    size_t param_count;
    const char *value[HEADER_COUNT]; /* of the first one, without blanks around it; NULL absent */
    unsigned repeated;               /* set of 1u << header that came more than once */
    unsigned accepts;                /* set of ACCEPT_* over all Accept headers; see below */
    char *copies[HEADER_COUNT];      /* values that had to be trimmed behind */
};

/* Remembers the pointers: they must stay valid. A NULL value is an empty one. False: no memory. */
bool http_headers_add(struct http_headers *h, const char *name, const char *value);
void http_headers_done(struct http_headers *h);

/* What the client takes; without any Accept header, everything. */
unsigned http_headers_accepts(const struct http_headers *h);

static inline bool http_headers_repeated(const struct http_headers *h, enum http_header which)
{
    return h->repeated & 1u << which;
}

#endif
