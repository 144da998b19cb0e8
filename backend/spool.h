/*
 * One output stream, kept whole within a bound: the first SPOOL_HEAD bytes and the last
 * SPOOL_RING; what lies between is dropped and counted. Short streams stay in memory, longer
 * ones go to a file: an unlinked one, or one with a name (spool_name). A named file that was
 * kept (spool_keep) can be read by a later process with spool_load(), however this one ended;
 * nothing is synced to the disk, so a crash of the machine may lose it.
 *
 * A named file begins with struct spool_head: how much was added is the file's size until the
 * stream is longer than what is kept, and from then on in the head, written after each add.
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

struct spool_head {
    char magic[8];
    uint64_t total, lines, head_cap, ring_cap, stored;
    uint32_t lost, closed; /* closed: nothing was added after this was written */
    char zero[8];
};

#define SPOOL_NAME 64
#define SPOOL_MAGIC "SPOOL\0\0\1"

struct spool {
    struct spool_quota *quota;
    int dir_fd;            /* borrowed: where the file is made */
    int fd;                /* -1: none is open; a named file is opened again for each read */
    char name[SPOOL_NAME]; /* relative to dir_fd, with one folder at most; "" unlinked */
    bool in_file, kept;    /* kept: the named file stays when the spool is done */
    bool resting;          /* nothing more is added */
    uint64_t begin;        /* of the bytes in the file */
    uint64_t margin;       /* after a crash: bytes of the ring that are not sure */
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

/* Its file, once it needs one, has this name; what is in the way is replaced. Before any add. */
void spool_name(struct spool *s, const char *name);

/* Into the file now and from now on; the file stays. An empty stream has none. */
void spool_keep(struct spool *s);

/* Nothing more will be added: a named file is closed. */
void spool_rest(struct spool *s);

/*
 * A resting spool over what an earlier one kept under that name; without a file it is empty. Its
 * bytes are charged to the quota even beyond its maximum.
 */
int spool_load(struct spool *s, int dir_fd, struct spool_quota *quota, const char *name,
               struct err *err) MUST_CHECK;

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

/* `from`, or the end of the dropped middle that it lies in; fills out->total and out->evicted. */
uint64_t spool_skip_gap(const struct spool *s, uint64_t from, struct stream_text *out);

/* Newlines in a stretch. */
uint64_t spool_lines(const char *p, size_t len);

/*
 * The lines from `from` on that match, within budget: the first ones (omitted counts the rest).
 * `lock`, held by the caller, is released while matching. A line counts up to SPOOL_LINE bytes.
 */
#define SPOOL_LINE 65536
struct spool_regex; /* PCRE2; of one search at a time. Lines are matched as text_add_plain() has
                       them */
int spool_regex_new(const char *pattern, struct spool_regex **out, struct err *err) MUST_CHECK;
void spool_regex_free(struct spool_regex *re);
int spool_grep(const struct spool *s, pthread_mutex_t *lock, uint64_t from, struct spool_regex *re,
               size_t budget, struct stream_text *out, struct err *err) MUST_CHECK;

/*
 * The first line from *at on that matches, as it was written: 1 and *at is behind it; 0 and *at is
 * where to go on once there is more. What has no newline yet is looked at, too: unless the stream
 * has ended, "$" does not match behind it, and *open says that the line may become longer.
 */
int spool_find(const struct spool *s, pthread_mutex_t *lock, uint64_t *at, bool ended,
               struct spool_regex *re, struct buf *line, bool *open, struct err *err) MUST_CHECK;

#endif
