/*
 * Spans of tool calls for an OpenTelemetry collector: OTLP over HTTP, as JSON.
 *
 * Spans are queued, at most OTLP_QUEUE_MAX bytes, and sent by one thread, every five seconds
 * (OTEL_BSP_SCHEDULE_DELAY, in ms) or when a batch is full. What finds no room, or what the
 * collector does not take, is dropped and counted; a call never waits for any of it.
 */
#ifndef CLI_OTLP_H
#define CLI_OTLP_H

#include "mcp/tool.h"

#define OTLP_QUEUE_MAX (2u * 1024 * 1024)
#define OTLP_BATCH (256 * 1024) /* bytes after which it does not wait any longer */
#define OTLP_FLUSH_MS 2000      /* at the end */

struct otlp;

/*
 * url: the collector's base, to which /v1/traces is added; NULL: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
 * as it is, else OTEL_EXPORTER_OTLP_ENDPOINT. *out stays NULL when there is none. Headers come from
 * OTEL_EXPORTER_OTLP_HEADERS ("name=value,name=value"), the name from OTEL_SERVICE_NAME.
 */
int otlp_open(const char *url, struct otlp **out, struct err *err) MUST_CHECK;
void otlp_free(struct otlp *otlp); /* NULL is fine */

/* A call is over (ERR_NONE: well); any thread. Those that their caller does not record are not
 * sent. */
void otlp_add(struct otlp *otlp, const struct tool_call *call, enum err_code code, int64_t took_us);

uint64_t otlp_dropped(struct otlp *otlp); /* spans; NULL is fine */

#endif
