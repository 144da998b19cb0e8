/*
 * Server-sent events: framing, event ids, and the bounded queue of one stream. Not
 * thread-safe.
 *
 * A message is framed as "event: message\ndata: JSON\n\n"; JSON holds no newline (compact), and a
 * stray one becomes a blank, which is the same JSON. Where a client may come back for what it
 * missed, "id: STREAM-EVENT\n" comes first.
 */
#ifndef TRANSPORT_SSE_H
#define TRANSPORT_SSE_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

#define SSE_HEAD "event: message\ndata: "
#define SSE_TAIL "\n\n"
#define SSE_COMMENT ":\n\n"
#define SSE_QUEUE_MAX (64 * 1024) /* bytes that wait for a slow reader */
#define SSE_RETRY_MS 1000         /* a client that lost its stream comes back after */
#define SSE_ID_SIZE 40            /* room for an id with its NUL */
#define SSE_HEAD_SIZE 96          /* room for what comes before the data of an event with an id */

struct sse {
    struct buf queue; /* framed, not yet read from `at` on */
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

/*
 * The same, but what waits already in the same words is not queued again (and counts as kept), and
 * a message of any size fits as long as less than SSE_QUEUE_MAX waits.
 */
bool sse_offer(struct sse *s, const char *json, size_t len);

/* Queue a comment that keeps proxies awake, unless something is waiting anyway. */
void sse_keep_alive(struct sse *s);

/* Take up to max bytes; 0 when nothing waits. */
size_t sse_read(struct sse *s, char *out, size_t max);

/*
 * A copy of json between SSE_HEAD and SSE_TAIL (and a NUL), to be freed; NULL without memory.
 * The bare JSON starts at sizeof(SSE_HEAD) - 1.
 */
char *sse_frame(const char *json, size_t len);

/* Line ends become blanks. */
void sse_one_line(char *json, size_t len);

/* ---- ids ---- */

struct sse_id {
    uint64_t stream, event;
};

/* "STREAM-EVENT", both in lower-case hex without leading zeros; writes into and returns out. */
char *sse_id_write(struct sse_id id, char out[SSE_ID_SIZE]);

/* True when s is exactly what sse_id_write() gives. */
bool sse_id_read(const char *s, struct sse_id *out);

/*
 * What comes before the JSON of an event (SSE_TAIL comes after); its length. A priming event has
 * no JSON: it only tells the client an id and SSE_RETRY_MS.
 */
size_t sse_head(struct sse_id id, bool primes, char out[SSE_HEAD_SIZE]);

#endif
