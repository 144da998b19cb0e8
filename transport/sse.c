#include "transport/sse.h"

#include <string.h>

#define HEAD (sizeof(SSE_HEAD) - 1)
#define TAIL (sizeof(SSE_TAIL) - 1)

static void one_line(char *s, size_t len)
{
    for (char *p = s; (p = memchr(p, '\n', (size_t)(s + len - p)));)
        *p = ' ';
    for (char *p = s; (p = memchr(p, '\r', (size_t)(s + len - p)));)
        *p = ' ';
}

static void frame(char *out, const char *json, size_t len)
{
    memcpy(out, SSE_HEAD, HEAD);
    if (len)
        memcpy(out + HEAD, json, len);
    one_line(out + HEAD, len);
    memcpy(out + HEAD + len, SSE_TAIL, TAIL + 1);
}

void sse_done(struct sse *s)
{
    buf_done(&s->queue);
    s->at = 0;
}

/* Only what waits counts against the maximum. */
static void compact(struct sse *s)
{
    buf_drop_front(&s->queue, s->at);
    s->at = 0;
}

bool sse_add(struct sse *s, const char *json, size_t len)
{
    char *p = NULL;

    compact(s);
    if (len <= SSE_QUEUE_MAX)
        p = buf_reserve(&s->queue, HEAD + len + TAIL, NULL);
    if (!p) {
        s->dropped++;
        return false;
    }
    frame(p, json, len);
    buf_commit(&s->queue, HEAD + len + TAIL);
    return true;
}

void sse_keep_alive(struct sse *s)
{
    if (s->at == s->queue.len)
        (void)!buf_adds(&s->queue, SSE_COMMENT, NULL);
}

size_t sse_read(struct sse *s, char *out, size_t max)
{
    size_t n = s->queue.len - s->at;

    if (n > max)
        n = max;
    if (n)
        memcpy(out, s->queue.data + s->at, n);
    s->at += n;
    if (s->at == s->queue.len && s->at) {
        buf_clear(&s->queue);
        s->at = 0;
    }
    return n;
}

char *sse_frame(const char *json, size_t len)
{
    char *p = malloc(HEAD + len + TAIL + 1);

    if (p)
        frame(p, json, len);
    return p;
}
