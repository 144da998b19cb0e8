#include "transport/limit.h"
#include "base/list.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct entry {
    struct list recent; /* limit.recent, longest unused first */
    struct entry *next;
    double tokens;
    int64_t at_us; /* when tokens was right */
    char principal[];
};

struct limit {
    struct limit_rate rate;
    pthread_mutex_t lock; /* all below */
    struct list recent;
    unsigned count;
    struct entry *buckets[BUCKETS];
};

static const char *number(const char *s, double *out)
{
    char *end;

    if (*s < '0' || *s > '9')
        return NULL;
    *out = strtod(s, &end);
    return *out <= LIMIT_RATE_MAX ? end : NULL;
}

int limit_parse(const char *text, struct limit_rate *out, struct err *err)
{
    struct limit_rate rate = { 0 };
    const char *at = number(text, &rate.per_s);

    if (at && !strncmp(at, "/s", 2)) {
        at += 2;
        rate.burst = rate.per_s < 1 ? 1 : rate.per_s;
        if (*at == ':')
            at = number(at + 1, &rate.burst);
        if (at && !*at && rate.per_s >= 0.001 && rate.burst >= 1) {
            *out = rate;
            return 0;
        }
    }
    err_set(err, ERR_INVALID, "\"%s\" is not N/s or N/s:BURST", text);
    return err_next(err, "use e.g. 50/s or 50/s:200");
}

int limit_new(const struct limit_rate *rate, struct limit **out, struct err *err)
{
    struct limit *l = calloc(1, sizeof(*l));

    if (!l)
        return err_oom(err);
    l->rate = *rate;
    list_init(&l->recent);
    pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return 0;
}

static struct entry **place(struct limit *l, const char *principal)
{
    unsigned h = 2166136261u;
    struct entry **at;

    for (const char *p = principal; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    at = &l->buckets[h % BUCKETS];
    while (*at && strcmp((*at)->principal, principal))
        at = &(*at)->next;
    return at;
}

static void forget(struct limit *l, struct entry *e)
{
    *place(l, e->principal) = e->next;
    list_remove(&e->recent);
    l->count--;
    free(e);
}

void limit_free(struct limit *l)
{
    if (!l)
        return;
    list_each(link, &l->recent) forget(l, list_of(link, struct entry, recent));
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Lock held; the entry is the most recent one afterwards. NULL without memory. */
static struct entry *find(struct limit *l, const char *principal, int64_t now_us)
{
    struct entry *e = *place(l, principal);
    size_t len = strlen(principal) + 1;

    if (e) {
        list_remove(&e->recent);
        list_append(&l->recent, &e->recent);
        return e;
    }
    if (l->count == LIMIT_PRINCIPALS)
        forget(l, list_of(l->recent.next, struct entry, recent));
    e = calloc(1, sizeof(*e) + len);
    if (!e)
        return NULL;
    memcpy(e->principal, principal, len);
    e->tokens = l->rate.burst;
    e->at_us = now_us;
    *place(l, principal) = e;
    list_append(&l->recent, &e->recent);
    l->count++;
    return e;
}

int64_t limit_take(struct limit *l, const char *principal, int64_t now_us)
{
    int64_t wait_ms = 0;
    struct entry *e;

    if (!l)
        return 0;
    pthread_mutex_lock(&l->lock);
    e = find(l, principal, now_us);
    if (e && now_us > e->at_us) {
        e->tokens += (double)(now_us - e->at_us) * l->rate.per_s / 1e6;
        if (e->tokens > l->rate.burst)
            e->tokens = l->rate.burst;
        e->at_us = now_us;
    }
    if (e && e->tokens >= 1)
        e->tokens -= 1;
    else
        wait_ms = e ? (int64_t)((1 - e->tokens) / l->rate.per_s * 1e3) + 1 : 1000;
    pthread_mutex_unlock(&l->lock);
    return wait_ms;
}
