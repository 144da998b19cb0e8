/*
 * Cross-origin requests of browsers, only for origins that the operator listed. Pure.
 */
#ifndef TRANSPORT_CORS_H
#define TRANSPORT_CORS_H

#include "transport/http_headers.h"

#define CORS_ALLOW_METHODS "POST, GET, DELETE"
#define CORS_EXPOSE "Mcp-Session-Id, WWW-Authenticate, Retry-After"
#define CORS_MAX_AGE "7200"
#define CORS_HEADERS_MAX 1024 /* bytes of the list of headers that are allowed */

/* The Origin of the request when `origins` (ends with NULL, or is NULL) lists it; else NULL. */
const char *cors_origin(const char *const *origins, const struct http_headers *h);

/*
 * Which of the request headers named by a preflight may be sent: ours, and every Mcp-*. Without
 * any, all of ours. Writes into and returns out.
 */
const char *cors_allow_headers(const struct http_headers *h, char out[CORS_HEADERS_MAX]);

#endif
