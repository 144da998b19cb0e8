/*
 * Lines to a client that may be slow: written at once when the other side takes them, queued
 * in order otherwise, so that whoever reads the client's messages is not held up by it.
 *
 * The descriptor may be a pipe, socket, file or terminal; its flags, which others may share,
 * are left alone. Any thread; a line is never torn by another one.
 */
#ifndef TRANSPORT_STDIO_OUT_H
#define TRANSPORT_STDIO_OUT_H

#include "base/err.h"
#include "base/list.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct stdio_out {
    int fd;     /* own */
    int way;    /* how to write without blocking */
    int wake;   /* eventfd for the reader: broken, or room again after stdio_out_full() */
    int kick;   /* eventfd for the thread: give up */
    size_t max; /* bytes queued */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* queue or state */
    /* all below: lock */
    struct list queue;
    size_t queued, offered; /* bytes; offered: of stdio_out_offer() */
    unsigned waiters;       /* lines that stand for room */
    pthread_t thread;
    bool has_thread, broken, closing, hurries, reader_waits;
};

/* Takes fd. */
int stdio_out_init(struct stdio_out *o, int fd, size_t max, struct err *err) MUST_CHECK;

/*
 * Send text and a newline. With `wait`, stands until there is room in the queue; without,
 * the queue may grow by this line. Dropped once the other side is gone.
 */
void stdio_out_line(struct stdio_out *o, const char *text, size_t len, bool wait);

#define STDIO_OFFERS_MAX (256 * 1024) /* bytes of offers that are queued, beside the last one */

/*
 * Send a line that may be left out: one that waits already in the same words is not queued again.
 * False: the other side is so slow that there is no room. Never waits.
 */
bool stdio_out_offer(struct stdio_out *o, const char *text, size_t len);

/*
 * True when the queue is over its maximum or somebody waits for room: `wake` becomes readable
 * when it is half empty.
 */
bool stdio_out_full(struct stdio_out *o);

/* True when the other side is gone. */
bool stdio_out_broken(struct stdio_out *o);

/* From now on nobody waits for room: what finds none is dropped. */
void stdio_out_hurry(struct stdio_out *o);

/* Send what is queued until the deadline (see base/clock.h), then close. */
void stdio_out_done(struct stdio_out *o, int64_t deadline_ms);

#endif
