#include "mcp/subs_parts.h"

#include <string.h>

uint32_t watch_hash(const char *uri)
{
    uint32_t h = 2166136261u;

    for (; *uri; uri++)
        h = (h ^ (unsigned char)*uri) * 16777619u;
    return h;
}

bool watch_uri_valid(const char *uri, size_t len)
{
    if (!len || len > RESOURCE_URI_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (uri[i] <= ' ' || uri[i] >= 0x7f || uri[i] == '"' || uri[i] == '\\')
            return false;
    return true;
}

void watches_init(struct watches *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->turned, NULL);
}

void watches_close(struct watches *w)
{
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_mutex_unlock(&w->lock);
}

void watches_done(struct watches *w)
{
    for (size_t i = 0; i < WATCH_BUCKETS; i++)
        while (w->buckets[i]) {
            struct watched *first = w->buckets[i];
            w->buckets[i] = first->next;
            free(first);
        }
    pthread_cond_destroy(&w->turned);
    pthread_mutex_destroy(&w->lock);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Lock held, as in all below unless they say otherwise. */
static struct watched *find(struct watches *w, const struct caller *who, const char *uri,
                            uint32_t hash)
{
    struct watched *at = w->buckets[hash % WATCH_BUCKETS];

    while (at && (at->hash != hash || strcmp(at->uri, uri) ||
                  strcmp(at->principal, who->principal) || !same(at->sandbox, who->sandbox)))
        at = at->next;
    return at;
}

static unsigned count_of(const struct watches *w, const char *principal)
{
    unsigned n = 0;

    for (size_t i = 0; i < WATCH_BUCKETS; i++)
        for (const struct watched *at = w->buckets[i]; at; at = at->next)
            n += !strcmp(at->principal, principal);
    return n;
}

static struct watched *add(struct watches *w, const struct caller *who, const char *uri,
                           uint32_t hash, struct err *err)
{
    size_t uri_size = strlen(uri) + 1, principal_size = strlen(who->principal) + 1;
    size_t sandbox_size = who->sandbox ? strlen(who->sandbox) + 1 : 0;
    struct watched *new;

    if (w->count >= WATCHED_MAX) {
        err_set(err, ERR_QUOTA, "%d resources are watched already", WATCHED_MAX);
        return NULL;
    }
    if (w->count >= WATCHED_PER_PRINCIPAL && count_of(w, who->principal) >= WATCHED_PER_PRINCIPAL) {
        err_set(err, ERR_QUOTA, "you watch %d resources already", WATCHED_PER_PRINCIPAL);
        return NULL;
    }
    new = calloc(1, sizeof(*new) + uri_size + principal_size + sandbox_size);
    if (!new) {
        err_oom(err);
        return NULL;
    }
    memcpy(new->uri, uri, uri_size);
    new->principal = memcpy(new->uri + uri_size, who->principal, principal_size);
    if (who->sandbox)
        new->sandbox = memcpy(new->principal + principal_size, who->sandbox, sandbox_size);
    new->hash = hash;
    new->next = w->buckets[hash % WATCH_BUCKETS];
    w->buckets[hash % WATCH_BUCKETS] = new;
    w->count++;
    return new;
}

static void drop(struct watches *w, struct watched *gone)
{
    struct watched **at = &w->buckets[gone->hash % WATCH_BUCKETS];

    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    w->count--;
    free(gone);
}

/* Lets go of the lock while it asks the provider. */
static int turn(struct server *srv, struct watched *at, bool on, struct err *err)
{
    struct caller who = { .principal = at->principal, .sandbox = at->sandbox, .scopes = SCOPE_ALL };
    struct watches *w = &srv->subs->watches;
    int r;

    at->state = WATCHED_TURNING;
    pthread_mutex_unlock(&w->lock);
    r = srv->watch(srv->tools_context, &who, at->uri, on, err);
    pthread_mutex_lock(&w->lock);
    at->state = on && !r ? WATCHED_ON : WATCHED_OFF;
    pthread_cond_broadcast(&w->turned);
    return r;
}

struct watched *watch_acquire(struct server *srv, const struct caller *who, const char *uri,
                              struct err *err)
{
    struct watches *w = &srv->subs->watches;
    uint32_t hash = watch_hash(uri);
    struct watched *at;
    int r = 0;

    pthread_mutex_lock(&w->lock);
    at = find(w, who, uri, hash);
    if (!at)
        at = add(w, who, uri, hash, err);
    if (at)
        at->refs++;
    while (at && at->state == WATCHED_TURNING)
        pthread_cond_wait(&w->turned, &w->lock);
    if (at && at->state == WATCHED_OFF)
        r = turn(srv, at, true, err);
    if (at && r) {
        if (!--at->refs && at->state == WATCHED_OFF)
            drop(w, at);
        at = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    return at;
}

static struct watched *unwanted(struct watches *w)
{
    for (size_t i = 0; i < WATCH_BUCKETS; i++)
        for (struct watched *at = w->buckets[i]; at; at = at->next)
            if (!at->refs && at->state == WATCHED_ON)
                return at;
    return NULL;
}

static void sweep(void *arg)
{
    struct server *srv = arg;
    struct watches *w = &srv->subs->watches;
    struct err ignored = { 0 };
    struct watched *at;

    pthread_mutex_lock(&w->lock);
    while (!w->closing && (at = unwanted(w))) {
        (void)turn(srv, at, false, &ignored);
        if (!at->refs && at->state == WATCHED_OFF)
            drop(w, at);
    }
    w->sweeping = false;
    pthread_mutex_unlock(&w->lock);
}

/* When no worker is free, the next release tries again. */
void watch_release(struct server *srv, struct watched *at)
{
    struct watches *w = &srv->subs->watches;
    bool begin;

    pthread_mutex_lock(&w->lock);
    at->refs--;
    begin = !at->refs && !w->sweeping && !w->closing;
    if (begin)
        w->sweeping = true;
    pthread_mutex_unlock(&w->lock);
    if (!begin || !pool_run(srv->pool, sweep, srv, NULL))
        return;
    pthread_mutex_lock(&w->lock);
    w->sweeping = false;
    pthread_mutex_unlock(&w->lock);
}
