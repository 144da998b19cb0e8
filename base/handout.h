/*
 * A file that somebody may fetch later: what it is called, and how it is opened when he does. Made
 * by who has the file, served by who knows nothing of it. While nobody fetches it, it holds no
 * descriptor.
 *
 * Or the other way round, a place where somebody may leave a file: what is opened is where it goes
 * meanwhile.
 *
 * Any thread; the source's functions too.
 */
#ifndef BASE_HANDOUT_H
#define BASE_HANDOUT_H

#include "base/buf.h"
#include "base/call.h"
#include "base/err.h"
#include <stdint.h>

#define HANDOUT_NAME_MAX 256 /* bytes, with the NUL; longer names are cut */
#define HANDOUT_MIME_MAX 64
#define HANDOUT_TAKE_MAX (1024ll * 1024 * 1024) /* bytes that may be left */

struct handout_source {
    /*
     * A descriptor of a regular file for reading, the caller's; -1. Others wait meanwhile: it opens
     * what lies on this machine, and asks no sandbox. May be called more than once.
     */
    int (*open)(void *context, struct err *err);
    /* A place: all of it lies in fd now, `size` bytes from the beginning. Until this returns he
     * waits, for the JSON object that is to tell him what became of it. NULL: it is none. */
    int (*take)(void *context, struct call *call, int fd, uint64_t size, struct buf *json,
                struct err *err);
    void (*free)(void *context); /* memory, and perhaps the file: locks may be held */
};

struct handout;

/* The context is the handout's from now on, and freed on failure too. One reference. */
int handout_new(const char *name, const char *mime, const struct handout_source *source,
                void *context, struct handout **out, struct err *err) MUST_CHECK;
struct handout *handout_ref(struct handout *h);
void handout_unref(struct handout *h); /* NULL is fine */

const char *handout_name(const struct handout *h); /* as it was given: any bytes */
const char *handout_mime(const struct handout *h);

/* *fd is the caller's, of a regular file with *size bytes now. */
int handout_open(const struct handout *h, int *fd, uint64_t *size, struct err *err) MUST_CHECK;

/* ERR_INVALID: it is no place for one. */
int handout_take(const struct handout *h, struct call *call, int fd, uint64_t size,
                 struct buf *json, struct err *err) MUST_CHECK;

#endif
