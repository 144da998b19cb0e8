#include "transport/sse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEAD (sizeof(SSE_HEAD) - 1)
#define TAIL (sizeof(SSE_TAIL) - 1)

void sse_one_line(char *s, size_t len)
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
    sse_one_line(out + HEAD, len);
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

static bool add(struct sse *s, const char *json, size_t len)
{
    char *p = buf_reserve(&s->queue, HEAD + len + TAIL, NULL);

    if (!p) {
        s->dropped++;
        return false;
    }
    frame(p, json, len);
    buf_commit(&s->queue, HEAD + len + TAIL);
    return true;
}

bool sse_add(struct sse *s, const char *json, size_t len)
{
    compact(s);
    if (len <= SSE_QUEUE_MAX && s->queue.len <= SSE_QUEUE_MAX)
        return add(s, json, len);
    s->dropped++;
    return false;
}

static bool waits(const struct sse *s, const char *json, size_t len)
{
    const char *at = buf_str(&s->queue) + s->at, *end = buf_str(&s->queue) + s->queue.len;

    while (len && (at = memmem(at, (size_t)(end - at), json, len))) {
        if ((size_t)(end - at) >= len + TAIL && !memcmp(at + len, SSE_TAIL, TAIL) &&
            at - buf_str(&s->queue) >= (ptrdiff_t)(s->at + HEAD) &&
            !memcmp(at - HEAD, SSE_HEAD, HEAD))
            return true;
        at++;
    }
    return false;
}

bool sse_offer(struct sse *s, const char *json, size_t len)
{
    bool added;

    if (waits(s, json, len))
        return true;
    if (s->queue.len - s->at >= SSE_QUEUE_MAX || len < SSE_QUEUE_MAX / 2)
        return sse_add(s, json, len);
    compact(s);
    s->queue.max = s->queue.len + HEAD + len + TAIL;
    added = add(s, json, len);
    s->queue.max = SSE_QUEUE_MAX;
    return added;
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
        if (s->queue.cap > SSE_QUEUE_MAX)
            buf_done(&s->queue);
        else
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

char *sse_id_write(struct sse_id id, char out[SSE_ID_SIZE])
{
    snprintf(out, SSE_ID_SIZE, "%" PRIx64 "-%" PRIx64, id.stream, id.event);
    return out;
}

bool sse_id_read(const char *s, struct sse_id *out)
{
    struct sse_id id = { 0 };
    char canonical[SSE_ID_SIZE];
    int n = 0;

    if (strspn(s, "0123456789abcdef-") != strlen(s) || strlen(s) >= SSE_ID_SIZE ||
        sscanf(s, "%" SCNx64 "-%" SCNx64 "%n", &id.stream, &id.event, &n) != 2 || s[n] ||
        strcmp(sse_id_write(id, canonical), s))
        return false;
    *out = id;
    return true;
}

size_t sse_head(struct sse_id id, bool primes, char out[SSE_HEAD_SIZE])
{
    char text[SSE_ID_SIZE];

    sse_id_write(id, text);
    if (primes)
        return (size_t)snprintf(out, SSE_HEAD_SIZE, "id: %s\nretry: %d\ndata: ", text,
                                SSE_RETRY_MS);
    return (size_t)snprintf(out, SSE_HEAD_SIZE, "id: %s\n" SSE_HEAD, text);
}
