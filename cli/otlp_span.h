/*
 * The JSON of OTLP's trace messages.
 */
#ifndef CLI_OTLP_SPAN_H
#define CLI_OTLP_SPAN_H

#include "mcp/tool.h"

/* One Span object. end_ns: wall time at which the call ended. */
int otlp_span(struct buf *out, const struct tool_call *call, enum err_code code, int64_t end_ns,
              int64_t took_us, struct err *err) MUST_CHECK;

/* An ExportTraceServiceRequest around Span objects that commas separate. */
int otlp_request(struct buf *out, const char *service, const char *instance, const char *spans,
                 size_t len, struct err *err) MUST_CHECK;

#endif
