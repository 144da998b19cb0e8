#include "tools/recording.h"
#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#define SERVED_MAX 256 /* that run, of all principals */
#define SAVE_MS 5000   /* between two writes of a record */

/* ---- life of all ---- */

int recordings_new(const char *root, struct recordings **out, struct err *err)
{
    struct recordings *all = calloc(1, sizeof(*all));

    if (!all)
        return err_oom(err);
    all->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&all->lock, NULL);
    list_init(&all->list);
    if (all->wake_fd < 0 || (root && recording_store_new(root, &all->store, err))) {
        recordings_free(all);
        return err_sys(err, errno, "prepare for recordings");
    }
    *out = all;
    return 0;
}

void recordings_free(struct recordings *all)
{
    if (!all)
        return;
    recording_store_free(all->store);
    fd_close(&all->wake_fd);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

void recordings_wake(struct recordings *all)
{
    (void)eventfd_write(all->wake_fd, 1);
}

int recordings_store(struct tool_call *call, struct recording_store **out, struct err *err)
{
    struct tools_context *ctx = call->context;

    if (ctx->recordings && ctx->recordings->store) {
        *out = ctx->recordings->store;
        return 0;
    }
    err_set(err, ERR_UNAVAILABLE, "there is no place to keep recordings");
    return err_next(err, "the operator can name one with --state-dir");
}

/* ---- one ---- */

struct recording *recording_ref(struct recording *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void recording_unref(struct recording *r)
{
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    recording_file_done(&r->file);
    pthread_mutex_destroy(&r->lock);
    free(r->principal);
    free(r);
}

int64_t recording_at(const struct recording *r)
{
    int64_t now = r->paused_ms ? r->paused_ms : clock_ms();

    return now - r->started_ms - r->cut_ms;
}

static int64_t limit_left(const struct recording *r)
{
    return RECORDING_QUOTA - atomic_load(&r->others);
}

/* What the other recordings of this sandbox hold; those that run count as they end. */
static int64_t held_by_others(struct recording_store *store, const char *principal,
                              const char *sandbox)
{
    AUTO_FREE struct recording_meta *all = NULL;
    int64_t sum = 0;
    size_t n = 0;

    if (recording_load_all(store, principal, &all, &n, NULL))
        return 0;
    for (size_t i = 0; i < n; i++)
        sum += strcmp(all[i].sandbox, sandbox) ? 0 : all[i].bytes;
    return sum;
}

static unsigned running_of(struct recordings *all, const char *principal)
{
    unsigned n = 0;

    pthread_mutex_lock(&all->lock);
    list_each(link, &all->list) n +=
        !strcmp(list_of(link, struct recording, link)->principal, principal);
    pthread_mutex_unlock(&all->lock);
    return n;
}

int recording_make(struct tool_call *call, const struct recording_kind *kind,
                   const struct recording_meta *meta, int64_t max_ms, struct recording **out,
                   struct err *err)
{
    struct recordings *all = ((struct tools_context *)call->context)->recordings;
    AUTO_PTR(recording) struct recording *r = NULL;
    struct recording_store *store = NULL;

    if (recordings_store(call, &store, err))
        return -1;
    if (running_of(all, call->principal) >= RECORDINGS_RUNNING_MAX) {
        err_set(err, ERR_QUOTA, "%d recordings run already", RECORDINGS_RUNNING_MAX);
        return err_next(err, "stop one with recording_control");
    }
    r = calloc(1, sizeof(*r));
    if (!r)
        return err_oom(err);
    atomic_init(&r->refs, 1);
    pthread_mutex_init(&r->lock, NULL);
    r->file = RECORDING_FILE;
    r->all = all;
    r->kind = kind;
    r->store = store;
    r->meta = *meta;
    r->meta.kind = kind->id;
    r->max_ms = max_ms;
    r->principal = strdup(call->principal);
    if (!r->principal)
        return err_oom(err);
    atomic_init(&r->others, held_by_others(store, r->principal, r->meta.sandbox));
    if (recording_create(store, r->principal, &r->meta, &r->file, err))
        return -1;
    r->started_ms = r->saved_ms = clock_ms();
    *out = TAKE(r);
    return 0;
}

void recording_cancel(struct recording *r)
{
    recording_discard(r->store, r->principal, r->meta.id);
    recording_unref(r);
}

struct recording *recordings_find(struct recordings *all, const char *principal, const char *id)
{
    struct recording *found = NULL;

    pthread_mutex_lock(&all->lock);
    list_each(link, &all->list)
    {
        struct recording *r = list_of(link, struct recording, link);
        if (!strcmp(r->meta.id, id) && !strcmp(r->principal, principal))
            found = recording_ref(r);
    }
    pthread_mutex_unlock(&all->lock);
    return found;
}

size_t recordings_of(struct recordings *all, const char *principal, const char *sandbox,
                     struct recording *out[RECORDINGS_RUNNING_MAX])
{
    size_t n = 0;

    pthread_mutex_lock(&all->lock);
    list_each(link, &all->list)
    {
        struct recording *r = list_of(link, struct recording, link);
        if (n < RECORDINGS_RUNNING_MAX && !strcmp(r->principal, principal) &&
            !strcmp(r->meta.sandbox, sandbox))
            out[n++] = recording_ref(r);
    }
    pthread_mutex_unlock(&all->lock);
    return n;
}

bool recordings_dropped(struct recordings *all, const char *id)
{
    bool was = false;

    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < RECORDINGS_DROPPED && !was; i++)
        was = *id && !strcmp(all->dropped[i], id);
    pthread_mutex_unlock(&all->lock);
    return was;
}

/* ---- the end of one ---- */

/* Its bytes are from now on those of an ended one, for the others of the sandbox. */
static void leave(struct recording *r)
{
    struct recordings *all = r->all;
    bool listed;

    pthread_mutex_lock(&all->lock);
    listed = r->link.next;
    list_remove(&r->link);
    if (r->dropped)
        memcpy(all->dropped[all->dropped_next++ % RECORDINGS_DROPPED], r->meta.id, ID_SIZE);
    list_each(link, &all->list)
    {
        struct recording *o = list_of(link, struct recording, link);
        if (!r->dropped && !strcmp(o->principal, r->principal) &&
            !strcmp(o->meta.sandbox, r->meta.sandbox))
            atomic_fetch_add(&o->others, r->meta.bytes);
    }
    pthread_mutex_unlock(&all->lock);
    if (listed) {
        atomic_fetch_sub(&all->running, 1);
        recording_unref(r);
    }
}

/* Locked. */
static void close_files(struct recording *r, enum recording_state state, const char *why)
{
    struct recording_meta *m = &r->meta;
    struct err err = { 0 };

    m->duration_ms = recording_at(r);
    m->state = state;
    m->ended_ms = clock_wall_ms();
    m->failures = atomic_load(&r->failures);
    snprintf(m->reason, sizeof(m->reason), "%s", why);
    if (r->kind->finish(r, m->duration_ms, &err) && !*m->reason)
        snprintf(m->reason, sizeof(m->reason), "%.180s", err.msg);
    m->bytes = recording_bytes(&r->file);
    r->dropped = m->on_failure && !m->failures;
    if (!r->dropped && recording_save(&r->file, m, &err))
        log_warn("recording %s: %s", m->id, err.msg);
    recording_file_done(&r->file);
}

void recording_end(struct recording *r, enum recording_state state, const char *why)
{
    bool mine;

    pthread_mutex_lock(&r->lock);
    mine = !r->over;
    r->over = true;
    if (mine)
        close_files(r, state, why);
    pthread_mutex_unlock(&r->lock);
    if (!mine)
        return;
    r->kind->release(r);
    if (r->dropped)
        recording_discard(r->store, r->principal, r->meta.id);
    leave(r);
}

/* ---- the thread ---- */

/* Locked. NULL: it goes on. */
static const char *bound(struct recording *r, int64_t at_ms)
{
    if (at_ms >= r->max_ms)
        return "max_s has passed";
    if (r->paused_ms && clock_ms() - r->paused_ms > RECORDING_PAUSE_MS)
        return "it was paused for too long";
    if (recording_bytes(&r->file) >= limit_left(r))
        return "the recordings of this sandbox have no room left";
    return NULL;
}

/* Locked. */
static void save(struct recording *r, int64_t at_ms)
{
    if (clock_ms() - r->saved_ms < SAVE_MS)
        return;
    r->saved_ms = clock_ms();
    r->meta.duration_ms = at_ms;
    r->meta.bytes = recording_bytes(&r->file);
    r->meta.failures = atomic_load(&r->failures);
    (void)!recording_save(&r->file, &r->meta, NULL);
}

/* Milliseconds until it wants to be looked at again. */
static int64_t serve(struct recording *r)
{
    enum recording_state state = RECORDING_STOPPED;
    const char *why = NULL;
    int64_t at_ms, next = 1000;

    pthread_mutex_lock(&r->lock);
    if (!r->over) {
        at_ms = recording_at(r);
        next = r->kind->serve(r, at_ms, &why);
        if (next < 0)
            state = RECORDING_INTERRUPTED;
        else
            why = bound(r, at_ms);
        if (!r->paused_ms && r->max_ms - at_ms < next)
            next = r->max_ms - at_ms;
        save(r, at_ms);
    }
    pthread_mutex_unlock(&r->lock);
    if (why)
        recording_end(r, state, why);
    return next < 0 ? 0 : next;
}

static size_t all_running(struct recordings *all, struct recording *out[SERVED_MAX], bool *stopping)
{
    size_t n = 0;

    pthread_mutex_lock(&all->lock);
    list_each(link, &all->list) if (n < SERVED_MAX) out[n++] =
        recording_ref(list_of(link, struct recording, link));
    *stopping = all->stopping;
    pthread_mutex_unlock(&all->lock);
    return n;
}

static void *run(void *context)
{
    struct recordings *all = context;
    struct recording *now[SERVED_MAX];
    bool stopping = false;

    for (;;) {
        struct pollfd p = { .fd = all->wake_fd, .events = POLLIN };
        eventfd_t ignored;
        int64_t wait = -1;
        size_t n = all_running(all, now, &stopping);
        for (size_t i = 0; i < n; i++) {
            int64_t next = stopping ? 0 : serve(now[i]);
            if (stopping)
                recording_end(now[i], RECORDING_INTERRUPTED, "the server ended");
            wait = wait < 0 || next < wait ? next : wait;
            recording_unref(now[i]);
        }
        if (stopping)
            return NULL;
        poll(&p, 1, (int)wait);
        (void)eventfd_read(all->wake_fd, &ignored);
    }
}

void recording_run(struct recording *r)
{
    struct recordings *all = r->all;
    bool runs;

    pthread_mutex_lock(&all->lock);
    runs = all->started || !pthread_create(&all->thread, NULL, run, all);
    all->started = runs;
    if (runs)
        list_append(&all->list, &recording_ref(r)->link);
    pthread_mutex_unlock(&all->lock);
    if (runs)
        atomic_fetch_add(&all->running, 1);
    else
        recording_end(r, RECORDING_INTERRUPTED, "no thread could be started");
    recordings_wake(all);
}

void recordings_stop(struct recordings *all)
{
    bool started;

    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    started = all->started;
    pthread_mutex_unlock(&all->lock);
    recordings_wake(all);
    if (started)
        pthread_join(all->thread, NULL);
}
