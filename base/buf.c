#include "base/buf.h"

#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_MAX(max);
}

void buf_done(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t more, struct err *err)
{
    size_t cap = b->cap ? b->cap : 256;

    if (more > b->max || b->len > b->max - more) {
        err_set(err, ERR_TOO_LARGE, "more than %zu bytes", b->max);
        return NULL;
    }
    while (cap < b->len + more + 1)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap > b->cap) {
        char *p = realloc(b->data, cap);
        if (!p) {
            err_oom(err);
            return NULL;
        }
        b->data = p;
        b->cap = cap;
    }
    return b->data + b->len;
}

void buf_commit(struct buf *b, size_t wrote)
{
    b->len += wrote;
    b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t len, struct err *err)
{
    char *p = buf_reserve(b, len, err);

    if (!p)
        return -1;
    if (len)
        memcpy(p, data, len);
    buf_commit(b, len);
    return 0;
}

int buf_adds(struct buf *b, const char *s, struct err *err)
{
    return buf_add(b, s, strlen(s), err);
}

int buf_addc(struct buf *b, char c, struct err *err)
{
    return buf_add(b, &c, 1, err);
}

int buf_addv(struct buf *b, struct err *err, const char *fmt, va_list ap)
{
    va_list again;
    char *p;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        return err_set(err, ERR_INTERNAL, "format failed");
    p = buf_reserve(b, (size_t)n, err);
    if (!p)
        return -1;
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    buf_commit(b, (size_t)n);
    return 0;
}

int buf_addf(struct buf *b, struct err *err, const char *fmt, ...)
{
    va_list ap;
    int r;

    va_start(ap, fmt);
    r = buf_addv(b, err, fmt, ap);
    va_end(ap);
    return r;
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (!n)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
    char *p = b->data ? b->data : calloc(1, 1);

    b->data = NULL;
    b->len = b->cap = 0;
    return p;
}
