/*
 * The HTTP client of every remote backend, and of `call --url`.
 *
 * A client belongs to one base URL: its path prefix and query string go with every request.
 * Any number of threads may send at once; connections are kept and reused. libcurl is loaded
 * by the first http_send(), so that a process which never sends does not pay for it.
 *
 * The key goes as `Authorization: Bearer`, and in the service's own header too, unless it looks
 * like a JWT or the operator set Authorization himself. Redirects are not followed, so that
 * nothing is ever sent to another host. Keys, headers and query strings are never logged. TLS
 * certificates are verified (CURL_CA_BUNDLE or SSL_CERT_FILE name others than the system's);
 * proxies come from the environment.
 */
#ifndef BACKEND_REMOTE_HTTP_H
#define BACKEND_REMOTE_HTTP_H

#include "base/buf.h"
#include "base/call.h"
#include <stdbool.h>

#define HTTP_TRIES 4               /* of an idempotent request: once and three times more */
#define HTTP_RETRY_AFTER_MAX 10000 /* ms a Retry-After is waited for; longer: not tried again */
#define HTTP_TEXT_MAX 65536        /* kept of a body whose status is not 2xx */

struct http_client;

/* The strings are borrowed for the client's life. */
struct http_options {
    const char *service;        /* for messages: "the AIO sandbox" */
    const char *url;            /* http:// or https:// */
    const char *const *headers; /* "Name: value", sent with every request */
    size_t header_count;
    const char *key, *key_file; /* NULL: none; the file wins, read again after a 401 */
    const char *key_header;     /* of the service; NULL: none */
};

struct http_field {
    const char *name, *value;
};

/*
 * Takes the body of a 2xx answer piece by piece instead of the response's buffer. begin() is
 * called before each try: what an earlier one gave may come again. Either may fail with err.
 */
struct http_sink {
    void (*begin)(struct http_sink *sink);
    int (*data)(struct http_sink *sink, const char *data, size_t len, struct err *err);
};

struct http_request {
    const char *method, *path; /* path begins with '/' and is percent-encoded already; may be "" */
    const struct http_field *query; /* encoded here */
    size_t query_count;
    const char *content_type; /* NULL: no body */
    const char *body;
    size_t len;
    const struct http_field *headers;
    size_t header_count;
    bool idempotent;    /* tried again on 408, 429, 5xx and broken connections; others never are */
    int64_t timeout_ms; /* of one try */
    struct http_sink *sink; /* NULL: into the buffer */
};

struct http_response {
    int status;
    char content_type[96];
    char location[256];
    int64_t retry_after_ms;
    struct buf body; /* its max, set by the caller, bounds a 2xx body */
    bool unsure;     /* after an error: the service may have got the request and acted on it */
    bool stale;      /* unsure, but it looks as if a kept connection had died before */
};
void http_response_done(struct http_response *r);

/* Checks the URL and headers and reads the key; nothing is sent. */
int http_open(const struct http_options *options, struct http_client **out,
              struct err *err) MUST_CHECK;
void http_free(struct http_client *c); /* NULL is fine; no request may be in flight */

/* "https://host:port" without user, path or query. */
const char *http_origin(const struct http_client *c);

/* What stands in the client's URL between host and query, "" mostly, and its query, NULL none. */
const char *http_prefix(const struct http_client *c);
const char *http_query(const struct http_client *c);

/* For a connection of another kind to the same service: the headers that requests carry, the key
 * among them, as "Name: value" lines. Secret. */
int http_header_lines(struct http_client *c, struct buf *out, struct err *err) MUST_CHECK;

/*
 * 0 with whatever status came; -1 when none did: ERR_UNAVAILABLE (cannot connect, broke off, no
 * answer in time), ERR_TOO_LARGE, the sink's error, or what ended the call. A cancelled call ends
 * a transfer at once. call NULL: only timeout_ms counts.
 */
int http_send(struct http_client *c, struct call *call, const struct http_request *req,
              struct http_response *resp, struct err *err) MUST_CHECK;

/*
 * The pause before a request is tried again: jittered, longer each time, at least what the
 * service asked for. 0 to go on, 1 when that is too long, -1 when the call ended.
 */
int http_pause(struct call *call, int tried, int64_t asked_ms, struct err *err) MUST_CHECK;

/* The code for a status that is not 2xx. */
enum err_code http_code(int status);

/* Append s percent-encoded for one path segment or query value. */
int http_escape(struct buf *out, const char *s, struct err *err) MUST_CHECK;

#endif
