/*
 * W3C trace context: where in somebody's trace a call belongs (traceparent, tracestate).
 * A plain value; zeroed, it belongs to none.
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>

#define TRACE_STATE_MAX 512 /* bytes of a tracestate; a longer one is left out */
#define TRACE_STATE_KEYS 32 /* members of a tracestate */

struct trace {
    char id[33];     /* lower-case hex; "" no trace */
    char parent[17]; /* the caller's span; "" we begin the trace */
    char span[17];   /* ours; "" until trace_begin() */
    bool sampled;    /* the caller records it, or we begin it */
    char state[TRACE_STATE_MAX + 1];
};

/*
 * Both values as they came, either may be NULL. False: traceparent is absent or malformed and *t
 * stays as it was. A malformed tracestate is left out and spoils nothing.
 */
bool trace_read(struct trace *t, const char *traceparent, const char *tracestate);

/* Gives the call a span of its own, and a trace when it belongs to none. */
void trace_begin(struct trace *t);

#endif
