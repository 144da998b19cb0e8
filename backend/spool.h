/*
 * One output stream, kept whole within a bound: the first SPOOL_HEAD bytes and the last
 * SPOOL_RING; what lies between is dropped and counted. Short streams stay in memory, longer
 * ones go to an unlinked file in the sandbox's state directory.
 *
 * Offsets are those of the stream and never change their meaning. Not thread-safe: the
 * owner (struct job) holds its lock around every call.
 */
#ifndef BACKEND_SPOOL_H
#define BACKEND_SPOOL_H

#include "backend/results.h"
#include <pthread.h>
#include <stdatomic.h>

#define SPOOL_MEMORY (64 * 1024)
#define SPOOL_HEAD (32 * 1024 * 1024)
#define SPOOL_RING (32 * 1024 * 1024)
#define SPOOL_QUOTA (512 * 1024 * 1024) /* bytes in files per sandbox */

/* Of one sandbox; shared by its spools, touched by any thread. */
struct spool_quota {
    _Atomic uint64_t used;
    uint64_t max;
};

struct spool {
    struct spool_quota *quota;
    int dir_fd; /* borrowed: where the file is made */
    int fd;     /* -1: in memory */
    char *memory;
    size_t memory_cap;
    uint64_t total, lines;       /* bytes and newlines ever added */
    uint64_t head_cap, ring_cap; /* shrink to what is there when the quota is used up */
    uint64_t charged;            /* of the quota */
    bool lost;                   /* a write failed (disk full): later bytes are only counted */
    uint64_t stored;             /* when lost: what is still there */
};

/* No memory and no file is taken yet. dir_fd and quota must outlive the spool. */
void spool_init(struct spool *s, int dir_fd, struct spool_quota *quota);
void spool_done(struct spool *s);

/* Never fails: what cannot be kept is dropped and counted. */
void spool_add(struct spool *s, const void *data, size_t len);

/* Copy up to len bytes from `offset` on; the count, 0 at the end or within the dropped middle. */
size_t spool_read(const struct spool *s, uint64_t offset, void *out, size_t len);

/* The dropped middle is [*from, *to); false when nothing was dropped. */
bool spool_gap(const struct spool *s, uint64_t *from, uint64_t *to);

/*
 * Everything from `from` to the end within budget bytes: whole, or its first 60 % and
 * last 40 %, cut at line ends where one is near and never inside a UTF-8 character. *hole_at is the
 * stream offset of the first omitted byte (the end when nothing is).
 */
int spool_text(const struct spool *s, uint64_t from, size_t budget, struct stream_text *out,
               uint64_t *hole_at, struct err *err) MUST_CHECK;

/*
 * The next budget bytes from `from` on without a hole, cut as above; *next is where the
 * following chunk starts.
 */
int spool_chunk(const struct spool *s, uint64_t from, size_t budget, struct stream_text *out,
                uint64_t *next, struct err *err) MUST_CHECK;

/* The last `count` lines, within budget (then the end of them). */
int spool_tail(const struct spool *s, int64_t count, size_t budget, struct stream_text *out,
               struct err *err) MUST_CHECK;

/* Newlines in a stretch. */
uint64_t spool_lines(const char *p, size_t len);

/*
 * The lines from `from` on that match, within budget: the first ones (omitted counts the rest).
 * `lock`, held by the caller, is released while matching. A line counts up to SPOOL_LINE bytes.
 */
#define SPOOL_LINE 65536
struct spool_regex;
int spool_regex_new(const char *pattern, struct spool_regex **out, struct err *err) MUST_CHECK;
void spool_regex_free(struct spool_regex *re);
int spool_grep(const struct spool *s, pthread_mutex_t *lock, uint64_t from, struct spool_regex *re,
               size_t budget, struct stream_text *out, struct err *err) MUST_CHECK;

#endif
