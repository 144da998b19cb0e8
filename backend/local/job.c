#include "backend/local/job.h"
#include "backend/local/history.h"
#include "backend/local/job_file.h"
#include "backend/local/local.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void init_spool(struct job *j, struct spool *s, const char *name)
{
    char path[SPOOL_NAME];

    snprintf(path, sizeof(path), "%s/%s", j->id, name);
    spool_init(s, j->sandbox->dir.jobs_fd, &j->sandbox->quota);
    spool_name(s, path);
}

int job_new(struct local_sandbox *sb, struct agent *a, struct job **out, struct err *err)
{
    struct job *j = calloc(1, sizeof(*j));

    if (!j)
        return err_oom(err);
    j->refs = 1;
    j->sandbox = sb;
    j->agent = a ? agent_ref(a) : NULL;
    j->foreign_fd = j->channel = j->pipes[0] = j->pipes[1] = -1;
    j->status = EXEC_RUNNING;
    j->exit_code = -1;
    j->started_ms = clock_ms();
    id_make("p", j->id);
    list_init(&j->waiters);
    pthread_mutex_init(&j->lock, NULL);
    init_spool(j, &j->out, "out");
    init_spool(j, &j->errs, "err");
    *out = j;
    return 0;
}

int job_describe(struct job *j, const char *tool, const char *command, struct err *err)
{
    size_t len = strlen(command);

    if (!tool)
        return 0;
    snprintf(j->tool, sizeof(j->tool), "%s", tool);
    free(j->command);
    j->command =
        strndup(command, len > EXECUTION_COMMAND ? utf8_cut(command, EXECUTION_COMMAND) : len);
    return j->command ? 0 : err_oom(err);
}

struct job *job_ref(struct job *j)
{
    atomic_fetch_add(&j->refs, 1);
    return j;
}

/* A session's channel outlives its commands. */
static void close_channel(struct job *j)
{
    if (!j->session)
        fd_close(&j->channel);
    j->channel = -1;
}

void job_fail(struct job *j, const struct err *why)
{
    struct err *copy = malloc(sizeof(*copy));

    if (!copy)
        return;
    *copy = *why;
    pthread_mutex_lock(&j->lock);
    free(j->failed);
    j->failed = copy;
    pthread_mutex_unlock(&j->lock);
}

void job_unref(struct job *j)
{
    if (!j || atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    close_channel(j);
    fd_close(&j->pipes[0]);
    fd_close(&j->pipes[1]);
    exec_tap_unref(j->tap);
    if (j->discard || !j->kept)
        job_remove_files(j);
    spool_done(&j->out);
    spool_done(&j->errs);
    fd_close(&j->foreign_fd);
    job_drop_late(j);
    pthread_mutex_destroy(&j->lock);
    agent_unref(j->agent);
    free(j->cwd);
    free(j->note);
    free(j->command);
    free(j->failed);
    free(j);
}

static bool is_over(struct job *j)
{
    bool over;

    pthread_mutex_lock(&j->lock);
    over = j->phase == JOB_OVER;
    pthread_mutex_unlock(&j->lock);
    return over;
}

/* Sandbox lock held. The oldest finished job leaves the table; NULL when all are running. */
static struct job *evict(struct local_sandbox *sb)
{
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        if (is_over(j)) {
            list_remove(link);
            sb->job_count--;
            j->listed = false;
            return j;
        }
    }
    return NULL;
}

static bool full(struct local_sandbox *sb)
{
    return sb->job_count > JOB_KEPT_MAX ||
           (sb->job_count && atomic_load(&sb->quota.used) >= sb->quota.max - SPOOL_HEAD);
}

void jobs_evict(struct local_sandbox *sb)
{
    struct job *old;

    do {
        old = NULL;
        pthread_mutex_lock(&sb->lock);
        if (full(sb))
            old = evict(sb);
        pthread_mutex_unlock(&sb->lock);
        if (old)
            old->discard = true;
        job_unref(old);
    } while (old);
}

void job_list(struct job *j, bool hand_out)
{
    struct local_sandbox *sb = j->sandbox;

    pthread_mutex_lock(&sb->lock);
    if (!j->listed) {
        list_append(&sb->jobs, &job_ref(j)->link);
        sb->job_count++;
        j->listed = true;
    }
    j->handed_out |= hand_out;
    pthread_mutex_unlock(&sb->lock);
    if (hand_out)
        job_keep(j);
    jobs_evict(sb);
}

int job_room(struct local_sandbox *sb, struct err *err)
{
    unsigned live = 0;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        live += j->handed_out && !is_over(j);
    }
    pthread_mutex_unlock(&sb->lock);
    if (live < JOB_LIVE_MAX)
        return 0;
    err_set(err, ERR_QUOTA, "%u processes are already running in this sandbox", live);
    return err_next(err, "stop some with terminal_kill");
}

void job_forget(struct job *j)
{
    struct local_sandbox *sb = j->sandbox;
    bool listed;

    pthread_mutex_lock(&sb->lock);
    listed = j->listed;
    if (listed) {
        list_remove(&j->link);
        sb->job_count--;
        j->listed = false;
    }
    pthread_mutex_unlock(&sb->lock);
    if (listed)
        job_unref(j);
}

int job_find(struct local_sandbox *sb, const char *id, struct job **out, struct err *err)
{
    struct job *found = NULL;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->jobs)
    {
        struct job *j = list_of(link, struct job, link);
        if (!strcmp(j->id, id)) {
            found = job_ref(j);
            break;
        }
    }
    pthread_mutex_unlock(&sb->lock);
    if (!found && id_valid("p", id) && !job_find_elsewhere(sb, id, out, NULL))
        return 0;
    if (!found) {
        err_set(err, ERR_NOT_FOUND, "no process \"%.40s\" is known here", id);
        return err_next(err, "use the process_id of an earlier result; finished ones are kept "
                             "until newer ones need the room");
    }
    *out = found;
    return 0;
}

/* Job lock held. */
static void wake(struct job *j)
{
    list_each(link, &j->waiters)(void) eventfd_write(list_of(link, struct job_waiter, link)->fd, 1);
}

void job_output(struct job *j, int stream, const void *data, size_t len)
{
    if (j->tap)
        j->tap->output(j->tap, stream, data, len);
    pthread_mutex_lock(&j->lock);
    spool_add(stream ? &j->errs : &j->out, data, len);
    j->errs_last = stream;
    j->output_ms = clock_ms();
    wake(j);
    pthread_mutex_unlock(&j->lock);
}

void job_phase(struct job *j, enum job_phase phase)
{
    bool moves, ends;

    pthread_mutex_lock(&j->lock);
    moves = phase > j->phase;
    ends = j->phase < JOB_BACKGROUND && phase >= JOB_BACKGROUND;
    if (moves)
        j->phase = phase;
    if (phase == JOB_OVER) {
        close_channel(j);
        agent_unref(TAKE(j->agent));
    }
    wake(j);
    pthread_mutex_unlock(&j->lock);
    if (ends)
        history_note(j);
    if (moves && phase >= JOB_BACKGROUND)
        job_save(j);
    if (moves && phase == JOB_OVER && j->tap)
        j->tap->over(j->tap, j->status == EXEC_EXITED ? j->exit_code : -1);
}

/* Job lock held: the main process is over. */
static void ended(struct job *j, enum exec_status status)
{
    if (j->status != EXEC_RUNNING)
        return;
    j->status = status;
    j->ended_ms = clock_ms();
    if (j->phase < JOB_EXITED)
        j->phase = JOB_EXITED;
}

void job_exited(struct job *j, int wait_status)
{
    bool by_signal = WIFSIGNALED(wait_status);

    pthread_mutex_lock(&j->lock);
    if (by_signal)
        j->signal = WTERMSIG(wait_status);
    if (j->timed_out)
        ended(j, EXEC_TIMED_OUT);
    else if (by_signal && j->killing)
        ended(j, EXEC_KILLED);
    else {
        j->exit_code = by_signal ? 128 + j->signal : WEXITSTATUS(wait_status);
        ended(j, EXEC_EXITED);
    }
    wake(j);
    pthread_mutex_unlock(&j->lock);
}

/* Job lock held. Nobody asked for it: the sandbox was stopped around it. */
static void note_stop(struct job *j)
{
    static const char text[] = "Interrupted%s: the sandbox was stopped (%s).";
    const struct agent *a = j->agent;

    if (j->status != EXEC_RUNNING || j->killing || j->timed_out || !a || !a->dead)
        return;
    free(j->note);
    if (asprintf(&j->note, text, j->sandbox->backend->closing ? " by restart" : "", a->why) < 0)
        j->note = NULL;
}

void job_killed(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    note_stop(j);
    ended(j, j->timed_out ? EXEC_TIMED_OUT : EXEC_KILLED);
    wake(j);
    pthread_mutex_unlock(&j->lock);
}

void job_over(struct job *j)
{
    job_killed(j);
    job_phase(j, JOB_OVER);
}

int job_signal(struct job *j, int signal, struct err *err)
{
    int r;

    pthread_mutex_lock(&j->lock);
    if (j->phase == JOB_OVER || j->channel < 0) {
        r = err_set(err, ERR_NOT_FOUND, "process %s has already ended", j->id);
    } else {
        j->killing |= signal == SIGKILL || signal == SIGTERM || signal == SIGINT ||
                      signal == SIGHUP || signal == SIGQUIT;
        r = channel_signal(j->channel, signal, err);
    }
    pthread_mutex_unlock(&j->lock);
    return r;
}

void job_kill(struct job *j)
{
    pthread_mutex_lock(&j->lock);
    j->killing = true;
    if (j->channel >= 0)
        shutdown(j->channel, SHUT_RDWR);
    pthread_mutex_unlock(&j->lock);
}
