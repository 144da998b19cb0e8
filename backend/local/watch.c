#include "backend/local/watch_parts.h"
#include "base/clock.h"

#include <string.h>

#define TOLD_MAX 64 /* in one look; the rest in the next */

static struct watch *watch_of(struct list *link)
{
    return list_of(link, struct watch, link);
}

void watch_unref(struct watch *w)
{
    if (atomic_fetch_sub(&w->refs, 1) != 1)
        return;
    w->request.gone(w->request.context);
    free((char *)(size_t)w->request.what);
    free(w);
}

void watch_tell(struct watch **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i]->request.changed(list[i]->request.context);
        watch_unref(list[i]);
    }
}

void local_watches_init(struct watch_list *w)
{
    list_init(&w->all);
}

bool local_watches_none(const struct watch_list *w)
{
    return !w->count && !w->lines;
}

bool local_watches_blind(const struct watch_list *w)
{
    return w->count > w->polled && !w->line;
}

/* ---- output and state: looked at once a second ---- */

/* Sandbox lock held. */
static struct job *find_job(struct local_sandbox *sb, const char *id)
{
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        if (!strcmp(j->id, id))
            return j;
    }
    return NULL;
}

/* Sandbox lock held: two numbers that differ when something happened. */
static void look(struct local_sandbox *sb, const struct watch *w, uint64_t out[2])
{
    struct job *j;
    unsigned live = 0;

    if (w->request.kind == WATCH_OUTPUT) {
        j = find_job(sb, w->request.what);
        out[0] = out[1] = UINT64_MAX;
        if (!j)
            return;
        pthread_mutex_lock(&j->lock);
        out[0] = j->out.total + j->errs.total;
        out[1] = (uint64_t)j->phase << 8 | (uint64_t)j->status;
        pthread_mutex_unlock(&j->lock);
        return;
    }
    list_each(link, &sb->jobs)
    {
        j = list_of(link, struct job, link);
        pthread_mutex_lock(&j->lock);
        live += j->phase != JOB_OVER;
        pthread_mutex_unlock(&j->lock);
    }
    out[0] = sb->state;
    out[1] = live;
}

/* Sandbox lock held. The number of references taken into found. */
static size_t look_at(struct local_sandbox *sb, struct watch **found, size_t room)
{
    size_t count = 0;

    if (!sb->watches.polled)
        return 0;
    list_each(link, &sb->watches.all)
    {
        struct watch *w = watch_of(link);
        uint64_t now[2];
        if (w->request.kind == WATCH_FILE || count == room)
            continue;
        look(sb, w, now);
        if (!memcmp(now, w->seen, sizeof(now)))
            continue;
        memcpy(w->seen, now, sizeof(now));
        atomic_fetch_add(&w->refs, 1);
        found[count++] = w;
    }
    return count;
}

static struct local_backend *backend_of(struct pump *p)
{
    return (struct local_backend *)((char *)p - offsetof(struct local_backend, look));
}

static size_t look_fds(struct pump *p UNUSED, struct pollfd fds[PUMP_FDS] UNUSED)
{
    return 0;
}

static bool look_step(struct pump *p, int64_t now_ms)
{
    struct local_backend *be = backend_of(p);
    struct watch *found[TOLD_MAX];
    unsigned polled = 0;
    size_t count = 0;

    if (p->due_ms > now_ms)
        return false;
    pthread_mutex_lock(&be->lock);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        pthread_mutex_lock(&sb->lock);
        polled += sb->watches.polled;
        count += look_at(sb, found + count, COUNT_OF(found) - count);
        pthread_mutex_unlock(&sb->lock);
    }
    if (!polled)
        be->looking = false;
    pthread_mutex_unlock(&be->lock);
    watch_tell(found, count);
    p->due_ms = now_ms + WATCH_SPACE_MS;
    return !polled;
}

static void look_drop(struct pump *p)
{
    p->due_ms = 0;
}

static const struct pump_ops look_ops = {
    .fds = look_fds,
    .step = look_step,
    .drop = look_drop,
};

void local_watches_open(struct local_backend *be)
{
    be->look.ops = &look_ops;
}

static void begin_looking(struct local_backend *be)
{
    bool begin;

    pthread_mutex_lock(&be->lock);
    begin = !be->looking;
    be->looking = true;
    pthread_mutex_unlock(&be->lock);
    if (!begin)
        return;
    reactor_give(be->reactor, &be->look);
}

/* ---- start and stop ---- */

/* Sandbox lock held. */
static uint32_t free_slot(const struct local_sandbox *sb)
{
    bool taken[WATCH_SLOTS_ALL] = { false };
    uint32_t slot = 0;

    for (struct list *at = sb->watches.all.next; at != &sb->watches.all; at = at->next)
        if (watch_of(at)->request.kind == WATCH_FILE)
            taken[watch_of(at)->slot] = true;
    while (slot < WATCH_SLOTS_ALL && taken[slot])
        slot++;
    return slot;
}

/* Sandbox lock held. */
static int enter(struct local_sandbox *sb, struct watch *w, struct err *err)
{
    if (sb->watches.count >= WATCH_SLOTS_ALL)
        return err_set(err, ERR_QUOTA, "%d things of this sandbox are watched already",
                       WATCH_SLOTS_ALL);
    if (w->request.kind == WATCH_FILE)
        w->slot = free_slot(sb);
    else
        look(sb, w, w->seen);
    list_append(&sb->watches.all, &w->link);
    sb->watches.count++;
    sb->watches.polled += w->request.kind != WATCH_FILE;
    return 0;
}

static int copy_what(struct local_sandbox *sb, const struct watch_request *req, char **out,
                     struct err *err)
{
    AUTO(buf) struct buf full = BUF_MAX(8192);

    if (req->kind == WATCH_FILE && local_path(sb, req->what, &full, err))
        return -1;
    *out = strdup(req->kind == WATCH_FILE ? buf_str(&full) : req->what ? req->what : "");
    return *out ? 0 : err_oom(err);
}

static int local_watch_start(struct sandbox *base, const struct watch_request *req,
                             struct watch **out, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_FREE struct watch *w = calloc(1, sizeof(*w));
    AUTO_FREE char *what = NULL;
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO_PTR(job) struct job *j = NULL;
    int r;

    if (!w)
        return err_oom(err);
    if (copy_what(sb, req, &what, err) ||
        (req->kind == WATCH_OUTPUT && job_find(sb, what, &j, err)))
        return -1;
    w->request = *req;
    w->request.what = what;
    w->sandbox = sb;
    w->refs = 1;
    pthread_mutex_lock(&sb->lock);
    r = enter(sb, w, err);
    if (!r && sb->agent && !sb->agent->dead)
        a = agent_ref(sb->agent);
    pthread_mutex_unlock(&sb->lock);
    if (r)
        return -1;
    what = NULL;
    *out = TAKE(w);
    if (req->kind != WATCH_FILE)
        begin_looking(sb->backend);
    else if (a)
        line_update(sb, a);
    return 0;
}

/* Sandbox lock held. */
static void leave(struct local_sandbox *sb, struct watch *w)
{
    list_remove(&w->link);
    sb->watches.count--;
    sb->watches.polled -= w->request.kind != WATCH_FILE;
    if (w->request.kind == WATCH_FILE)
        line_forget(sb, w);
}

static void local_watch_stop(struct watch *w)
{
    struct local_sandbox *sb = w->sandbox;

    pthread_mutex_lock(&sb->lock);
    leave(sb, w);
    pthread_mutex_unlock(&sb->lock);
    watch_unref(w);
}

void local_watches_resume(struct local_sandbox *sb, struct agent *a)
{
    bool wanted;

    pthread_mutex_lock(&sb->lock);
    wanted = sb->watches.count > sb->watches.polled;
    pthread_mutex_unlock(&sb->lock);
    if (wanted)
        line_update(sb, a);
}

void local_watches_free(struct local_sandbox *sb)
{
    list_each(link, &sb->watches.all)
    {
        struct watch *w = watch_of(link);
        list_remove(link);
        watch_unref(w);
    }
}

const struct watch_ops local_watch_ops = {
    .start = local_watch_start,
    .stop = local_watch_stop,
};
