#include "backend/agent/file_buf.h"
#include "backend/wire.h"

#include <stdlib.h>
#include <string.h>

bool file_buf_room(struct file_buf *b, size_t more)
{
    size_t cap = b->cap ? b->cap : 4096;
    char *data;

    if (more > b->max || b->len > b->max - more)
        return false;
    if (b->len + more <= b->cap)
        return true;
    while (cap < b->len + more)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    data = realloc(b->data, cap);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

bool file_buf_add(struct file_buf *b, const void *data, size_t len)
{
    if (!file_buf_room(b, len))
        return false;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return true;
}

void file_buf_done(struct file_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

static void put(struct file_buf *b, const void *data, size_t len)
{
    if (!b->failed && !file_buf_add(b, data, len))
        b->failed = true;
}

size_t record_begin(struct file_buf *b, char kind)
{
    size_t start = b->len;

    b->failed = false;
    put(b, "\0\0\0", 4);
    put(b, &kind, 1);
    return start;
}

void record_char(struct file_buf *b, char c)
{
    put(b, &c, 1);
}

void record_i64(struct file_buf *b, int64_t v)
{
    put(b, &v, sizeof(v));
}

void record_str(struct file_buf *b, const char *s, size_t len)
{
    uint32_t n = (uint32_t)len;

    put(b, &n, sizeof(n));
    put(b, s, len);
}

bool record_end(struct file_buf *b, size_t start)
{
    uint32_t n = (uint32_t)(b->len - start - 4);

    if (b->failed || n + 4 > WIRE_MAX) {
        b->len = start;
        b->failed = false;
        return false;
    }
    memcpy(b->data + start, &n, sizeof(n));
    return true;
}
