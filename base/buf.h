/*
 * A byte string that grows up to a stated maximum.
 *
 * Everything that grows from outside input is one of these. `data` is always
 * NUL-terminated behind `len` once anything was added (the NUL is not counted),
 * and NULL before. An add that would pass `max` fails with ERR_TOO_LARGE and
 * leaves the buffer as it was. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len, cap, max;
};

#define BUF_MAX(bytes) \
    (struct buf)       \
    {                  \
        .max = (bytes) \
    }

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);

/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);

int buf_add(struct buf *b, const void *data, size_t len, struct err *err) MUST_CHECK;
int buf_adds(struct buf *b, const char *s, struct err *err) MUST_CHECK;
int buf_addc(struct buf *b, char c, struct err *err) MUST_CHECK;
int buf_addf(struct buf *b, struct err *err, const char *fmt, ...) PRINTF(3, 4) MUST_CHECK;
int buf_addv(struct buf *b, struct err *err, const char *fmt, va_list ap) PRINTF(3, 0) MUST_CHECK;

/* Make room for `more` bytes behind len and return where to write them, or NULL.
 * The caller then adds what it wrote to len (and keeps the NUL by buf_commit). */
char *buf_reserve(struct buf *b, size_t more, struct err *err) MUST_CHECK;
void buf_commit(struct buf *b, size_t wrote);

/* Remove the first n bytes (n <= len). */
void buf_drop_front(struct buf *b, size_t n);

/* The string, owned by the caller from now on ("" when empty; NULL only without memory). */
char *buf_take(struct buf *b);

/* Never NULL. */
static inline const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

#endif
