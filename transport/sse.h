/*
 * Server-sent events: framing, and the bounded queue of one stream. Not thread-safe.
 *
 * A message is framed as "event: message\ndata: JSON\n\n"; JSON holds no newline (compact), and a
 * stray one becomes a blank, which is the same JSON.
 */
#ifndef TRANSPORT_SSE_H
#define TRANSPORT_SSE_H

#include "base/buf.h"
#include <stdbool.h>

#define SSE_HEAD "event: message\ndata: "
#define SSE_TAIL "\n\n"
#define SSE_COMMENT ":\n\n"
#define SSE_QUEUE_MAX (64 * 1024) /* bytes that wait for a slow reader */

struct sse {
    struct buf queue; /* framed, not yet read from `at` on; at most SSE_QUEUE_MAX */
    size_t at;
    unsigned dropped; /* messages that found no room */
};

#define SSE_INIT                        \
    (struct sse)                        \
    {                                   \
        .queue = BUF_MAX(SSE_QUEUE_MAX) \
    }

void sse_done(struct sse *s);

/* Frame and queue a message, or drop it when the reader is that far behind (or without memory). */
bool sse_add(struct sse *s, const char *json, size_t len);

/* Queue a comment that keeps proxies awake, unless something is waiting anyway. */
void sse_keep_alive(struct sse *s);

/* Take up to max bytes; 0 when nothing waits. */
size_t sse_read(struct sse *s, char *out, size_t max);

/*
 * A copy of json between SSE_HEAD and SSE_TAIL (and a NUL), to be freed; NULL without memory.
 * The bare JSON starts at sizeof(SSE_HEAD) - 1.
 */
char *sse_frame(const char *json, size_t len);

#endif
