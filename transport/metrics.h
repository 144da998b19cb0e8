/*
 * What the server counts, as Prometheus reads it (text format 0.0.4). Any thread.
 *
 * Labels come from tables of ours alone (tools, error codes, reasons, methods, statuses): nothing
 * that a client sends becomes one.
 */
#ifndef TRANSPORT_METRICS_H
#define TRANSPORT_METRICS_H

#include "mcp/server.h"
#include "transport/http_guard.h"

#define METRICS_TEXT_MAX (4u * 1024 * 1024)

struct metrics;

int metrics_new(struct metrics **out, struct err *err) MUST_CHECK;
void metrics_free(struct metrics *m); /* NULL is fine, here and below */

/* A tool call is over. */
void metrics_call(struct metrics *m, const struct tool_def *def, enum err_code outcome,
                  int64_t took_us);

/* An HTTP request is over; refused: VERDICT_PASS when it was not. Bytes are of the bodies. */
void metrics_request(struct metrics *m, enum http_method method, int status, enum verdict refused,
                     uint64_t received, uint64_t sent, int64_t took_us);

void metrics_connection(struct metrics *m, bool opened);
void metrics_stream(struct metrics *m, bool opened);

/* What is not counted but looked at when the text is made. */
struct metrics_now {
    const char *version;
    struct server_stats server;
    unsigned sessions;
    int sandboxes; /* -1: not known */
    bool ready;
    uint64_t log_dropped, spans_dropped;
};

int metrics_print(struct metrics *m, const struct metrics_now *now, struct buf *out,
                  struct err *err) MUST_CHECK;

#endif
