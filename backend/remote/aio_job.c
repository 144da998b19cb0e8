#include "backend/remote/aio_job.h"
#include "backend/remote/aio_code.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void aio_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

int aio_job_new(struct aio_sandbox *sb, struct aio_job **out, struct err *err)
{
    struct aio_job *j = calloc(1, sizeof(*j));

    if (!j)
        return err_oom(err);
    j->refs = 1;
    j->sandbox = sb;
    j->status = EXEC_RUNNING;
    j->exit_code = -1;
    j->started_ms = clock_ms();
    id_make("p", j->id);
    pthread_mutex_init(&j->lock, NULL);
    aio_cond_init(&j->changed);
    for (int i = 0; i < 2; i++)
        spool_init(&j->out[i], aio_of(&sb->base)->spool_fd, &sb->quota);
    *out = j;
    return 0;
}

void aio_job_unref(struct aio_job *j)
{
    if (!j || atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    for (int i = 0; i < 2; i++)
        spool_done(&j->out[i]);
    aio_cell_free(j->cell);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    free(j->cwd);
    free(j->note);
    free(j);
}

enum exec_status aio_job_status(struct aio_job *j)
{
    enum exec_status status;

    pthread_mutex_lock(&j->lock);
    status = j->status;
    pthread_mutex_unlock(&j->lock);
    return status;
}

/* Sandbox lock held. */
static void unlist(struct aio_job *j)
{
    list_remove(&j->link);
    j->sandbox->job_count--;
    j->listed = false;
}

/* Sandbox lock held: the oldest finished one, out of the table, or NULL. */
static struct aio_job *evict(struct aio_sandbox *sb)
{
    list_each(link, &sb->jobs)
    {
        struct aio_job *j = list_of(link, struct aio_job, link);
        if (aio_job_status(j) == EXEC_RUNNING)
            continue;
        unlist(j);
        return j;
    }
    return NULL;
}

int aio_job_list(struct aio_job *j, struct err *err)
{
    struct aio_sandbox *sb = j->sandbox;
    struct aio_job *old = NULL;
    unsigned live = 0;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        live += aio_job_status(list_of(link, struct aio_job, link)) == EXEC_RUNNING;
    }
    if (!j->listed && live < AIO_LIVE_MAX) {
        if (sb->job_count >= AIO_JOBS_MAX)
            old = evict(sb);
        atomic_fetch_add(&j->refs, 1);
        list_append(&sb->jobs, &j->link);
        sb->job_count++;
        j->listed = true;
    }
    live = j->listed ? 0 : live;
    pthread_mutex_unlock(&sb->lock);
    aio_job_unref(old);
    if (!live)
        return 0;
    err_set(err, ERR_QUOTA, "%u processes are already running in this sandbox", live);
    return err_next(err, "stop some with terminal_kill");
}

void aio_job_forget(struct aio_job *j)
{
    struct aio_sandbox *sb = j->sandbox;
    bool listed;

    pthread_mutex_lock(&sb->lock);
    listed = j->listed;
    if (listed)
        unlist(j);
    pthread_mutex_unlock(&sb->lock);
    if (listed)
        aio_job_unref(j);
}

int aio_job_find(struct aio_sandbox *sb, const char *id, struct aio_job **out, struct err *err)
{
    struct aio_job *found = NULL;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        struct aio_job *j = list_of(link, struct aio_job, link);
        if (strcmp(j->id, id))
            continue;
        atomic_fetch_add(&j->refs, 1);
        found = j;
        break;
    }
    pthread_mutex_unlock(&sb->lock);
    *out = found;
    if (found)
        return 0;
    err_set(err, ERR_NOT_FOUND, "no process \"%.40s\" is known here", id);
    return err_next(err, "use the process_id of an earlier result; finished ones are kept until "
                         "newer ones need the room");
}

void aio_job_text(struct aio_job *j, int stream, const char *data, size_t len)
{
    size_t known;

    pthread_mutex_lock(&j->lock);
    known = len < j->again[stream] ? len : (size_t)j->again[stream];
    j->again[stream] -= known;
    spool_add(&j->out[stream], data + known, len - known);
    j->extra[stream] += len - known;
    if (len > known)
        j->output_ms = clock_ms();
    pthread_mutex_unlock(&j->lock);
}

static void release_shell(struct aio_job *j)
{
    struct aio_sandbox *sb = j->sandbox;

    pthread_mutex_lock(&sb->lock);
    if (j->shell) {
        j->shell->busy = false;
        pthread_cond_broadcast(&sb->freed);
    }
    j->shell = NULL;
    pthread_mutex_unlock(&sb->lock);
}

/* A negative exit code is a signal, except that -1 is none. */
static int signal_of(const struct aio_job *j, enum exec_status status, int exit_code)
{
    if (exit_code < -1 && exit_code > -65)
        return status == EXEC_TIMED_OUT ? 0 : -exit_code;
    return status == EXEC_KILLED ? j->sent_signal : 0;
}

void aio_job_end(struct aio_job *j, enum exec_status status, int exit_code)
{
    bool first;

    pthread_mutex_lock(&j->lock);
    first = j->status == EXEC_RUNNING;
    if (first) {
        bool killed = status == EXEC_KILLED;
        if (status == EXEC_EXITED && j->sent_signal)
            killed = exit_code == -j->sent_signal || exit_code == 128 + j->sent_signal;
        status = killed ? EXEC_KILLED : status;
        j->status = status;
        j->signal = signal_of(j, status, exit_code);
        j->exit_code = status != EXEC_EXITED ? -1 : exit_code < 0 ? 128 - exit_code : exit_code;
        j->ended_ms = clock_ms();
    }
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    if (first)
        release_shell(j);
}

int aio_job_sleep(struct aio_job *j, struct call *call, int64_t ms, struct err *err)
{
    int64_t until = clock_ms() + ms;
    enum exec_status before;
    int r = 0;

    pthread_mutex_lock(&j->lock);
    before = j->status;
    while (!r && clock_ms() < until && j->status == before) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += 50 * 1000000;
        ts.tv_sec += ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        if (!pthread_cond_timedwait(&j->changed, &j->lock, &ts))
            break;
        r = call ? call_check(call, err) : 0;
    }
    pthread_mutex_unlock(&j->lock);
    return r;
}

void aio_job_progress(struct aio_job *j, struct call *call)
{
    char text[400];
    size_t n = 0;
    const char *nl;

    if (!call || !call->progress)
        return;
    pthread_mutex_lock(&j->lock);
    for (int i = 0; i < 2 && !n; i++) {
        uint64_t total = j->out[i].total;
        n = spool_read(&j->out[i], total > sizeof(text) ? total - sizeof(text) : 0, text,
                       sizeof(text));
    }
    pthread_mutex_unlock(&j->lock);
    while (n && text[n - 1] == '\n')
        n--;
    nl = memrchr(text, '\n', n);
    nl = nl ? nl + 1 : text;
    call->progress(call, (double)(clock_ms() - j->started_ms) / 1000.0, nl,
                   n - (size_t)(nl - text));
}
