/*
 * What an operator asks of the server beside /mcp: /healthz, /readyz, /metrics, and the access
 * log. The first two tell one word and are open to everybody who reaches the port; /metrics is
 * guarded as /mcp is (Host, Origin, token) unless the configuration opens it.
 */
#ifndef TRANSPORT_HTTP_OPS_H
#define TRANSPORT_HTTP_OPS_H

#include "transport/http_guard.h"
#include "transport/metrics.h"

enum ops_page { OPS_NONE, OPS_HEALTH, OPS_READY, OPS_METRICS };

enum ops_page ops_page(const char *path);

/* What is behind the server; any thread, must not block. */
struct http_probe {
    int (*ready)(void *context, struct err *err); /* 0, or why no call can succeed; NULL: ready */
    int (*sandboxes)(void *context);              /* running now; -1: not known */
    uint64_t (*log_dropped)(void *context);
    uint64_t (*spans_dropped)(void *context);
    void *context;
};

struct http_core;
struct http_request;
struct peer;

/* The page's text; *status is 200 or 503. */
int ops_answer(struct http_core *core, enum ops_page page, int *status, struct buf *out,
               struct err *err) MUST_CHECK;

/* The verdict about one for the document of metadata.h. */
enum verdict ops_metadata(const struct http_core *core, struct http_request *r, const char *method);

/* A request is over: count it, and write its line of the access log. */
void ops_record(struct http_core *core, const struct peer *peer, const struct http_request *r);

#endif
