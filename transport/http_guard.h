/*
 * What is refused before a request's body is looked at, and with which words. Pure
 * functions of the request line and the headers, in the order in which they are to be asked:
 * guard_target, guard_source, (authorization), guard_message.
 */
#ifndef TRANSPORT_HTTP_GUARD_H
#define TRANSPORT_HTTP_GUARD_H

#include "transport/http_headers.h"
#include <stddef.h>
#include <stdint.h>

#define GUARD_LENGTH_UNKNOWN UINT64_MAX
#define GUARD_SANDBOX_MAX 64 /* characters of X-Sandbox */

enum http_method {
    HTTP_POST,
    HTTP_GET,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_HEAD,
    HTTP_PUT,
    HTTP_OTHER,
    HTTP_METHOD_COUNT
};

enum verdict {
    VERDICT_PASS,
    VERDICT_NO_PATH,
    VERDICT_NO_METHOD,
    VERDICT_MODERN_METHOD, /* GET and DELETE belong to the legacy era */
    VERDICT_VERSION,       /* a revision that is none of ours */
    VERDICT_HOST,
    VERDICT_ORIGIN,
    VERDICT_NO_TOKEN,
    VERDICT_BAD_TOKEN,
    VERDICT_BAD_AUTHORIZATION, /* more than one token, or one in the URL */
    VERDICT_TOKEN_LATER,       /* its key is being fetched */
    VERDICT_SCOPE,             /* a stream is read, and the token does not allow reading */
    VERDICT_FRAMING,
    VERDICT_CONTENT_TYPE,
    VERDICT_ACCEPT,
    VERDICT_ACCEPT_STREAM,
    VERDICT_TOO_LARGE,
    VERDICT_SANDBOX,
    VERDICT_SELECTION, /* names of tools that are not there */
    VERDICT_SELECTION_FORM,
    VERDICT_SELECTIONS, /* too many different ones */
    VERDICT_NO_SESSION,
    VERDICT_UNKNOWN_SESSION,
    VERDICT_SECOND_STREAM,
    VERDICT_EVENT_ID,
    VERDICT_TOO_MANY_SESSIONS,
    VERDICT_BUSY,
    VERDICT_GET_ONLY, /* a path that is only read */
    VERDICT_METADATA, /* no refusal: the answer is the document of metadata.h */
    VERDICT_STOPPING,
    VERDICT_RATE,
    VERDICT_OPS_METHOD, /* /healthz and its like */
    VERDICT_UPGRADE,    /* only a WebSocket is served there */
    VERDICT_TICKET,     /* of a WebSocket; none, or not a good one */
    VERDICT_DOWNLOAD,   /* nothing that is to be had */
    VERDICT_DOWNLOAD_METHOD,
    VERDICT_UPLOAD, /* nothing is taken there */
    VERDICT_UPLOAD_METHOD,
    VERDICT_COUNT
};

/*
 * How a refusal is answered, beside the challenge that metadata.h has for some. body is NULL or
 * JSON; header may be NULL.
 */
struct refusal {
    int status;
    const char *body;
    const char *header, *value;
};

const struct refusal *guard_refusal(enum verdict verdict);

/* "rate", for logs and metrics; NULL when it has none. */
const char *guard_verdict_name(enum verdict verdict);

enum http_method guard_method(const char *name);
const char *guard_method_name(enum http_method method);

struct guard {
    const char *address;      /* bound to, as text without brackets */
    bool loopback;            /* it is one that only this machine reaches */
    const char *const *hosts; /* see http.h; NULL is empty */
    const char *const *origins;
    size_t body_max;
};

/* What follows /mcp/x/ in a path, e.g. "core,terminal/readonly"; NULL: there is none. */
const char *guard_selection(const char *path);

/* Path and method; *out is written only on VERDICT_PASS. */
enum verdict guard_target(const char *method, const char *path, enum http_method *out);

/* Host and Origin: who may have made the client send this (DNS rebinding). */
enum verdict guard_source(const struct guard *g, const struct http_headers *h);

/* Of the body; GUARD_LENGTH_UNKNOWN when it is chunked. False: framed in no way or in two. */
bool guard_length(const struct http_headers *h, uint64_t *length);

/* Everything else about the headers. */
enum verdict guard_message(const struct guard *g, enum http_method method,
                           const struct http_headers *h);

/* 1 to GUARD_SANDBOX_MAX of a-z 0-9 . _ - */
bool guard_sandbox_name(const char *s);

#endif
