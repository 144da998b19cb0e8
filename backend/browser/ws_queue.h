/*
 * Messages that wait to be sent over a WebSocket, bounded. Any thread.
 */
#ifndef BACKEND_BROWSER_WS_QUEUE_H
#define BACKEND_BROWSER_WS_QUEUE_H

#include "base/err.h"
#include "base/list.h"

#include <pthread.h>
#include <stddef.h>

#define WS_QUEUE_MAX (64 * 1024 * 1024) /* bytes that wait */
#define WS_QUEUE_MS 5000                /* somebody who reads nothing for so long is broken */

struct ws_message {
    struct list link;
    size_t len;
    unsigned char data[]; /* first the queue's `head` bytes of room */
};

struct ws_queue {
    size_t head; /* never changes */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list all;
    size_t bytes;
    bool over;
};

void ws_queue_init(struct ws_queue *q, size_t head);
void ws_queue_done(struct ws_queue *q);

/* A copy of it. Without room it waits for WS_QUEUE_MS, or not at all. ERR_UNAVAILABLE. */
int ws_queue_add(struct ws_queue *q, const char *data, size_t len, bool wait,
                 struct err *err) MUST_CHECK;

/* The oldest, to be freed by free(); NULL none. *more: there are others. */
struct ws_message *ws_queue_next(struct ws_queue *q, bool *more);

/* Nothing is taken any more; who waits gets ERR_UNAVAILABLE. */
void ws_queue_end(struct ws_queue *q);

#endif
