#include "backend/local/local.h"
#include "backend/local/job_file.h"
#include "backend/local/launcher.h"
#include "backend/undo.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>

static int local_open(struct backend *base, const struct backend_config *config UNUSED,
                      struct err *err)
{
    struct local_backend *be = local_backend_of(base);

    pthread_mutex_init(&be->lock, NULL);
    browser_tender_init(&be->tender);
    list_init(&be->sandboxes);
    be->null_fd = -1;
    be->state = (struct state){ .root_fd = -1, .sandboxes_fd = -1 };
    be->base_filter = be->strict_filter = BUF_MAX(0);
    if (local_setup(be, err) || reactor_new(&be->reactor, err) || spawner_new(&be->spawner, err)) {
        reactor_free(be->reactor);
        local_setup_done(be);
        return -1;
    }
    if (be->host_runtime)
        log_warn("--runtime host: commands run on this machine without any isolation");
    local_watches_open(be);
    local_idle_open(be);
    return 0;
}

static void free_sandbox(struct local_sandbox *sb)
{
    sandbox_browser_free(&sb->base);
    undo_forget(sb->backend->base.undo, sb->base.id);
    local_watches_free(sb);
    local_code_free(sb);
    local_sessions_free(sb);
    local_ptys_free(sb);
    list_each(link, &sb->jobs) job_forget(list_of(link, struct job, link));
    cgroups_remove(&sb->stale_cgroups);
    strings_done(&sb->stale_cgroups);
    strings_done(&sb->cgroups);
    strings_done(&sb->degraded);
    state_dir_done(&sb->dir);
    pthread_cond_destroy(&sb->changed);
    pthread_mutex_destroy(&sb->lock);
    pthread_mutex_destroy(&sb->history);
    free(sb->restart_note);
    free(sb->principal);
    free(sb->owner);
    free(sb->name);
    free(sb);
}

/* An unnamed sandbox that left nothing behind needs no keeping. */
static void put_away(struct local_sandbox *sb)
{
    struct err err = { 0 };

    if (!sb->name && state_unused(&sb->dir))
        state_remove(&sb->backend->state, &sb->dir);
    else if (state_touch(&sb->dir, sb->owner, sb->name, false, &err))
        log_warn("sandbox %s: %s", sb->base.id, err.msg);
}

static void local_close(struct backend *base)
{
    struct local_backend *be = local_backend_of(base);

    pthread_mutex_lock(&be->lock);
    be->closing = true;
    pthread_mutex_unlock(&be->lock);
    browser_tender_stop(be);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        pthread_mutex_lock(&sb->lock);
        if (sb->agent)
            agent_stop(sb->agent, "the server stops");
        pthread_mutex_unlock(&sb->lock);
    }
    list_each(link, &be->sandboxes)
        local_stop(list_of(link, struct local_sandbox, link), "the server stops");
    reactor_free(be->reactor);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        list_remove(link);
        put_away(sb);
        free_sandbox(sb);
    }
    spawner_free(be->spawner);
    local_setup_done(be);
    pthread_cond_destroy(&be->tender.changed);
    pthread_mutex_destroy(&be->lock);
}

/* Backend lock held. */
static struct local_sandbox *find(struct local_backend *be, const char *principal, const char *name)
{
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        bool same_name = name && sb->name ? !strcmp(name, sb->name) : name == sb->name;
        if (same_name && !strcmp(sb->principal, principal))
            return sb;
    }
    return NULL;
}

/* A live workspace makes another sandbox of the same name and owner. */
static int owner_of(struct local_backend *be, const char *principal, char **out, struct err *err)
{
    int n = asprintf(out, "%s%s%s", principal, be->workspace ? "\n" : "",
                     be->workspace ? be->workspace : "");

    return n < 0 ? err_oom(err) : 0;
}

/* The one on disk, or a new one. Unnamed ones of this machine's user are new for every server. */
static int make_dir(struct local_backend *be, struct local_sandbox *sb, const char *name,
                    struct err *err)
{
    bool found_again = name || strcmp(sb->principal, "local");
    uid_t uid = be->workspace && !be->host_runtime ? be->workspace_uid : (uid_t)-1;
    gid_t gid = uid == (uid_t)-1 ? (gid_t)-1 : be->workspace_gid;

    if (be->host_runtime) {
        uid = geteuid();
        gid = getegid();
    }
    if (owner_of(be, sb->principal, &sb->owner, err) ||
        (found_again && state_find(&be->state, sb->owner, name, &sb->dir, err)))
        return -1;
    if (sb->dir.dir_fd >= 0)
        return state_touch(&sb->dir, sb->owner, name, true, err);
    return state_create(&be->state, sb->owner, name, uid, gid, &sb->dir, err);
}

static void init_sandbox(struct local_sandbox *sb, struct local_backend *be)
{
    pthread_condattr_t attr;

    sb->base.backend = &be->base;
    sb->backend = be;
    sb->dir = (struct state_dir){ .dir_fd = -1, .lock_fd = -1, .jobs_fd = -1 };
    sb->quota.max = SPOOL_QUOTA;
    list_init(&sb->jobs);
    list_init(&sb->sessions);
    list_init(&sb->ptys);
    list_init(&sb->observed);
    local_watches_init(&sb->watches);
    pthread_mutex_init(&sb->history, NULL);
    pthread_mutex_init(&sb->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sb->changed, &attr);
    pthread_condattr_destroy(&attr);
}

/* Backend lock held. */
static int make(struct local_backend *be, const char *principal, const char *name,
                struct local_sandbox **out, struct err *err)
{
    struct local_sandbox *sb = calloc(1, sizeof(*sb));

    if (!sb)
        return err_oom(err);
    init_sandbox(sb, be);
    sb->principal = strdup(principal);
    sb->name = name ? strdup(name) : NULL;
    if (!sb->principal || (name && !sb->name)) {
        free_sandbox(sb);
        return err_oom(err);
    }
    if (make_dir(be, sb, name, err)) {
        free_sandbox(sb);
        return -1;
    }
    memcpy(sb->base.id, sb->dir.id, sizeof(sb->base.id));
    jobs_load(sb);
    list_append(&be->sandboxes, &sb->link);
    be->count++;
    *out = sb;
    return 0;
}

/* Nothing runs in it and nobody holds it or one of its jobs. */
static bool is_unused(struct local_sandbox *sb)
{
    bool unused;

    pthread_mutex_lock(&sb->lock);
    unused = sb->state == SANDBOX_STOPPED && !sb->users && local_watches_none(&sb->watches) &&
             local_ptys_unused(sb);
    list_each(link, &sb->jobs) unused &= atomic_load(&list_of(link, struct job, link)->refs) == 1;
    pthread_mutex_unlock(&sb->lock);
    return unused;
}

/* Backend lock held. When the table is full the longest unused stopped sandbox leaves it; its files
 * stay on disk. */
static int make_room(struct local_backend *be, struct err *err)
{
    struct local_sandbox *oldest = NULL;
    char text[32];

    if (!be->base.config->max_sandboxes || be->count < be->base.config->max_sandboxes)
        return 0;
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        if (is_unused(sb) && (!oldest || sb->used_ms < oldest->used_ms))
            oldest = sb;
    }
    if (!oldest) {
        err_set(err, ERR_QUOTA, "this server already runs %u sandboxes", be->count);
        return err_next(err, "retry when one has been idle for %s", local_idle_text(be, text));
    }
    list_remove(&oldest->link);
    be->count--;
    put_away(oldest);
    free_sandbox(oldest);
    return 0;
}

static void hold(struct local_sandbox *sb)
{
    pthread_mutex_lock(&sb->lock);
    sb->users++;
    pthread_mutex_unlock(&sb->lock);
}

static int local_open_default(struct backend *base, struct call *call UNUSED, const char *principal,
                              const char *name, struct sandbox **out, struct err *err)
{
    struct local_backend *be = local_backend_of(base);
    struct local_sandbox *sb;
    int r = 0;

    if (be->broken.code) {
        if (err)
            *err = be->broken;
        return -1;
    }
    pthread_mutex_lock(&be->lock);
    sb = find(be, principal, name);
    if (be->closing)
        r = err_set(err, ERR_UNAVAILABLE, "the server is stopping");
    else if (!sb)
        r = make_room(be, err) || make(be, principal, name, &sb, err) ? -1 : 0;
    if (!r) {
        hold(sb);
        *out = &sb->base;
    }
    pthread_mutex_unlock(&be->lock);
    return r;
}

static int local_find(struct backend *base, const char *principal, const char *name, const char *id,
                      struct sandbox **out, struct err *err)
{
    struct local_backend *be = local_backend_of(base);
    struct local_sandbox *sb = NULL;

    pthread_mutex_lock(&be->lock);
    if (!id)
        sb = find(be, principal, name);
    list_each(link, &be->sandboxes)
    {
        struct local_sandbox *at = list_of(link, struct local_sandbox, link);
        if (id && !strcmp(at->base.id, id) && !strcmp(at->principal, principal))
            sb = at;
    }
    if (sb) {
        hold(sb);
        *out = &sb->base;
    }
    pthread_mutex_unlock(&be->lock);
    return sb ? 0 : err_set(err, ERR_NOT_FOUND, "no sandbox has this id");
}

static int local_ids(struct backend *base, const char *principal, struct strings *out,
                     struct err *err)
{
    struct local_backend *be = local_backend_of(base);
    int r = 0;

    pthread_mutex_lock(&be->lock);
    list_each(link, &be->sandboxes)
    {
        const struct local_sandbox *sb = list_of(link, struct local_sandbox, link);
        if (!r && !strcmp(sb->principal, principal))
            r = strings_add(out, sb->base.id, strlen(sb->base.id), err);
    }
    pthread_mutex_unlock(&be->lock);
    return r;
}

static void local_put(struct sandbox *base)
{
    struct local_sandbox *sb = local_sandbox_of(base);

    pthread_mutex_lock(&sb->lock);
    sb->users--;
    sb->used_ms = clock_ms();
    pthread_mutex_unlock(&sb->lock);
}

static void local_release(struct backend *base, const char *principal, const char *name)
{
    struct local_backend *be = local_backend_of(base);
    struct local_sandbox *sb;

    pthread_mutex_lock(&be->lock);
    sb = find(be, principal, name);
    if (sb)
        hold(sb);
    pthread_mutex_unlock(&be->lock);
    if (!sb)
        return;
    local_stop(sb, "its client has gone");
    local_put(&sb->base);
}

static const struct sandbox_ops local_sandbox_ops = {
    .open_default = local_open_default,
    .put = local_put,
    .find = local_find,
    .ids = local_ids,
    .info = local_info,
    .ready = local_ready,
    .count = local_count,
    .release = local_release,
};

const struct backend_ops local_backend = {
    .name = "local",
    .backend_size = sizeof(struct local_backend),
    .open = local_open,
    .close = local_close,
    .describe = local_describe,
    .sandbox = &local_sandbox_ops,
    .exec = &local_exec_ops,
    .file = &local_file_ops,
    .code = &local_code_ops,
    .transfer = &local_transfer_ops,
    .manage = &local_manage_ops,
    .process = &local_process_ops,
    .pty = &local_pty_ops,
    .watch = &local_watch_ops,
    .file_watch = &local_file_watch_ops,
    .browser = &local_browser_ops,
};
