#include "backend/agent/observe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct change {
    int64_t seq, wall_ms, came_ms;
    uint32_t hash;
    char kind;
    char *path, *from;
};

static struct change ring[OBSERVE_EVENTS];
static int64_t last, told;

static struct change *slot(int64_t seq)
{
    return &ring[seq % OBSERVE_EVENTS];
}

static int64_t wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;

    while (*s)
        h = (h ^ (uint8_t)*s++) * 16777619u;
    return h;
}

/* What an earlier change, not told yet, says already. */
static bool implied(char earlier, char kind)
{
    return earlier == kind ? kind != CHANGE_MOVED
                           : earlier == CHANGE_CREATED &&
                                 (kind == CHANGE_MODIFIED || kind == CHANGE_ATTRIBUTES);
}

static bool merged(char kind, const char *path, uint32_t hash)
{
    int64_t oldest = last - OBSERVE_EVENTS;

    for (int64_t seq = last; seq > told && seq > oldest; seq--) {
        struct change *c = slot(seq);
        if (kind == CHANGE_LOST && c->kind == CHANGE_LOST)
            return true;
        if (c->hash != hash || strcmp(c->path, path) != 0)
            continue;
        if (!implied(c->kind, kind))
            return false;
        c->wall_ms = wall_ms();
        return true;
    }
    return false;
}

void ring_add(char kind, const char *path, const char *from)
{
    uint32_t hash = hash_of(path);
    struct change *c;

    if (kind != CHANGE_MOVED && merged(kind, path, hash))
        return;
    c = slot(++last);
    free(c->path);
    free(c->from);
    *c = (struct change){ .seq = last, .wall_ms = wall_ms(), .came_ms = observe_now() };
    c->kind = kind;
    c->hash = hash;
    c->path = strdup(path);
    c->from = from ? strdup(from) : NULL;
    if (!c->path)
        _exit(0);
}

int64_t ring_last(void)
{
    return last;
}

int64_t ring_told(void)
{
    return told;
}

static int64_t first_behind(int64_t after, bool *lost)
{
    int64_t oldest = last > OBSERVE_EVENTS ? last - OBSERVE_EVENTS + 1 : 1;

    *lost = after + 1 < oldest;
    return *lost ? oldest : after + 1;
}

int64_t ring_since(int64_t after)
{
    bool lost;
    int64_t first = first_behind(after, &lost);

    return first > last ? 0 : slot(first)->came_ms;
}

static uint8_t *put_str(uint8_t *to, const char *root, const char *s)
{
    size_t r = *s || *root ? strlen(root) : 0, n = strlen(s);
    uint32_t len = (uint32_t)(r + (n ? 1 : 0) + n);

    memcpy(to, &len, 4);
    memcpy(to + 4, root, r);
    if (n)
        to[4 + r] = '/';
    memcpy(to + 4 + r + (n ? 1 : 0), s, n);
    return to + 4 + len;
}

/* 0: it does not fit. */
static size_t put_one(const struct change *c, const char *root, uint8_t *to, size_t room)
{
    size_t most =
        4 + 2 + 8 + 8 + 2 * (strlen(root) + 1) + strlen(c->path) + (c->from ? strlen(c->from) : 0);
    uint8_t *at = to + 4;
    uint32_t len;

    if (most > room)
        return 0;
    *at++ = 'w';
    *at++ = (uint8_t)c->kind;
    memcpy(at, &c->wall_ms, 8);
    at = put_str(at + 8, root, c->path);
    at = c->from ? put_str(at, root, c->from) : put_str(at, "", "");
    len = (uint32_t)(at - to - 4);
    memcpy(to, &len, 4);
    return (size_t)(at - to);
}

int64_t ring_put(int64_t after, const char *root, uint8_t *out, size_t room, size_t *len,
                 bool *lost)
{
    int64_t seq = first_behind(after, lost);

    *len = 0;
    for (; seq <= last; seq++) {
        const struct change *c = slot(seq);
        size_t left = room > *len ? room - *len : 0, first = *len ? 0 : RING_FIRST;
        size_t n =
            c->kind == CHANGE_LOST ? 0 : put_one(c, root, out + *len, left > first ? left : first);
        *lost |= c->kind == CHANGE_LOST;
        if (!n && c->kind != CHANGE_LOST)
            break;
        *len += n;
    }
    if (seq - 1 > told)
        told = seq - 1;
    return seq - 1;
}
