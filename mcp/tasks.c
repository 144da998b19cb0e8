#include "mcp/tasks.h"
#include "base/clock.h"
#include "base/log.h"
#include "mcp/subs.h"

#include <string.h>

int tasks_open(struct server *srv, const struct task_config *config, struct tasks **out,
               struct err *err)
{
    struct tasks *ts = calloc(1, sizeof(*ts));

    if (!ts)
        return err_oom(err);
    ts->srv = srv;
    ts->recover = config->recover;
    ts->dir_fd = ts->lock_fd = -1;
    ts->purged_ms = clock_ms();
    list_init(&ts->tasks);
    pthread_mutex_init(&ts->lock, NULL);
    if (config->dir && task_files_open(ts, config->dir, err)) {
        tasks_free(ts);
        return -1;
    }
    *out = ts;
    return 0;
}

void tasks_free(struct tasks *ts)
{
    if (!ts)
        return;
    list_each(link, &ts->tasks) tasks_remove(ts, list_of(link, struct task, link));
    task_files_close(ts);
    pthread_mutex_destroy(&ts->lock);
    free(ts);
}

void tasks_end(struct tasks *ts, const struct server_conn *conn)
{
    if (!ts)
        return;
    pthread_mutex_lock(&ts->lock);
    list_each(link, &ts->tasks)
    {
        struct task *t = list_of(link, struct task, link);
        if (!t->call || (conn && t->conn != conn))
            continue;
        if (call_end(&t->call->call, conn ? CALL_CANCELLED : CALL_SHUTDOWN))
            t->interrupted = true;
    }
    pthread_mutex_unlock(&ts->lock);
}

static void task_free(struct task *t)
{
    task_record_done(&t->r);
    buf_done(&t->outcome);
    free(t->principal);
    free(t);
}

void task_unref(struct tasks *ts, struct task *t)
{
    bool last;

    pthread_mutex_lock(&ts->lock);
    last = !--t->refs;
    pthread_mutex_unlock(&ts->lock);
    if (last)
        task_free(t);
}

void tasks_add(struct tasks *ts, struct task *t)
{
    pthread_mutex_lock(&ts->lock);
    t->refs++;
    list_append(&ts->tasks, &t->link);
    ts->count++;
    pthread_mutex_unlock(&ts->lock);
}

void tasks_remove(struct tasks *ts, struct task *t)
{
    pthread_mutex_lock(&ts->lock);
    list_remove(&t->link);
    ts->count--;
    pthread_mutex_unlock(&ts->lock);
    task_unref(ts, t);
}

static bool expired(const struct task *t, int64_t wall_ms)
{
    return task_over(t->r.status) && t->r.created_ms + task_ttl(&t->r, wall_ms) < wall_ms;
}

struct task *tasks_find(struct tasks *ts, const char *id, const char *principal)
{
    list_each(link, &ts->tasks)
    {
        struct task *t = list_of(link, struct task, link);
        if (strcmp(t->r.id, id) != 0)
            continue;
        if (strcmp(t->principal, principal) != 0 || expired(t, clock_wall_ms()))
            return NULL;
        return t;
    }
    return NULL;
}

static struct task *take_expired(struct tasks *ts)
{
    int64_t now = clock_wall_ms();

    list_each(link, &ts->tasks)
    {
        struct task *t = list_of(link, struct task, link);
        if (expired(t, now)) {
            list_remove(&t->link);
            ts->count--;
            return t;
        }
    }
    return NULL;
}

static void purge(struct tasks *ts)
{
    struct task *t;

    for (;;) {
        pthread_mutex_lock(&ts->lock);
        t = take_expired(ts);
        pthread_mutex_unlock(&ts->lock);
        if (!t)
            break;
        task_file_remove(ts, t->r.id);
        task_unref(ts, t);
    }
    task_files_purge(ts);
}

struct use {
    unsigned running, kept;
    uint64_t bytes;
};

static void count(struct use *use, const struct task *t)
{
    use->running += t->call != NULL;
    use->kept++;
    use->bytes += t->bytes;
}

static bool within(const struct use *use, unsigned running, unsigned kept, uint64_t bytes)
{
    return use->running < running && use->kept < kept && use->bytes < bytes;
}

static bool has_room(struct tasks *ts, const char *principal)
{
    struct use all = { 0 }, own = { 0 };

    list_each(link, &ts->tasks)
    {
        const struct task *t = list_of(link, struct task, link);
        count(&all, t);
        if (!strcmp(t->principal, principal))
            count(&own, t);
    }
    return within(&all, ts->srv->max_calls / 2, TASKS_KEPT_MAX, TASKS_BYTES_MAX) &&
           within(&own, TASKS_PER_PRINCIPAL, TASKS_KEPT_PER_PRINCIPAL, TASKS_BYTES_EACH);
}

bool tasks_room(struct tasks *ts, const char *principal)
{
    int64_t now = clock_ms();
    bool due, room;

    pthread_mutex_lock(&ts->lock);
    due = now - ts->purged_ms >= TASK_PURGE_MS;
    if (due)
        ts->purged_ms = now;
    pthread_mutex_unlock(&ts->lock);
    if (due)
        purge(ts);
    pthread_mutex_lock(&ts->lock);
    room = has_room(ts, principal);
    pthread_mutex_unlock(&ts->lock);
    return room;
}

void tasks_announce(struct tasks *ts, struct task *t)
{
    AUTO(buf) struct buf out = BUF_MAX(SERVER_REPLY_MAX + 65536);
    int failed;

    pthread_mutex_lock(&ts->lock);
    failed =
        buf_addc(&out, '{', NULL) || task_add_current(&out, t, NULL) || buf_addc(&out, '}', NULL);
    pthread_mutex_unlock(&ts->lock);
    if (!failed)
        subs_task_changed(ts->srv, t->principal, t->r.id, out.data, out.len);
}
