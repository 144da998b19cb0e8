#include "backend/local/local.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define QUIET_MS 50
#define SETTLE_MS 250
#define START_MS 15000           /* until STARTED, or the agent is stuck */
#define GIVE_UP_MS 4000          /* the agent kills within 2 s, then sweeps */
#define STEP_BYTES (1024 * 1024) /* of one stream per step */
#define FRAMES_MAX 16            /* STARTED, EXIT; more is a violation */
#define WIDE_PIPE (1024 * 1024)

static struct job *job_of(struct pump *p)
{
    return (struct job *)((char *)p - offsetof(struct job, pump));
}

static bool pipes_open(const struct job *j)
{
    return j->pipes[0] >= 0 || j->pipes[1] >= 0;
}

static size_t drive_fds(struct pump *p, struct pollfd fds[PUMP_FDS])
{
    struct job *j = job_of(p);
    size_t n = 0;

    if (j->channel >= 0 && !j->channel_over)
        fds[n++] = (struct pollfd){ .fd = j->channel, .events = POLLIN };
    for (int i = 0; i < 2; i++)
        if (j->pipes[i] >= 0)
            fds[n++] = (struct pollfd){ .fd = j->pipes[i], .events = POLLIN };
    return n;
}

void drive_kill(struct job *j, int64_t now_ms)
{
    j->timeout_ms = 0;
    j->kill_ms = job_signal(j, SIGTERM, NULL) ? now_ms : now_ms + JOB_GRACE_MS;
}

static void settle(struct job *j, int64_t now_ms)
{
    j->exited = true;
    j->timeout_ms = 0;
    j->settle_ms = now_ms + QUIET_MS;
    j->settle_max_ms = now_ms + SETTLE_MS;
}

/* SIGKILL without anybody asking, and the kernel counted one: memory. */
static void notice_oom(struct job *j)
{
    struct local_sandbox *sb = j->sandbox;
    int64_t kills;

    pthread_mutex_lock(&sb->lock);
    kills = cgroups_oom_kills(&sb->cgroups);
    pthread_mutex_lock(&j->lock);
    if (kills > sb->last_oom_kills && j->status == EXEC_EXITED)
        j->status = EXEC_OOM;
    pthread_mutex_unlock(&j->lock);
    sb->last_oom_kills = kills;
    pthread_mutex_unlock(&sb->lock);
}

static bool asked_to_end(struct job *j)
{
    bool asked;

    pthread_mutex_lock(&j->lock);
    asked = j->killing || j->timed_out;
    pthread_mutex_unlock(&j->lock);
    return asked;
}

static void take_exit(struct job *j, const struct frame *f, int64_t now_ms)
{
    int status = (int)wire_u32(&f->in, TAG_STATUS, 0);
    bool killed = (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                  (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGKILL);

    j->descendants = wire_u32(&f->in, TAG_DESCENDANTS, 0);
    job_exited(j, status);
    if (killed && !asked_to_end(j))
        notice_oom(j);
    settle(j, now_ms);
}

/* The channel says no more: a session's belongs to the next command, ours is closed. */
static void end_channel(struct job *j)
{
    j->channel_over = true;
    if (!j->session) {
        pthread_mutex_lock(&j->lock);
        fd_close(&j->channel);
        pthread_mutex_unlock(&j->lock);
    }
}

static void lost(struct job *j, int64_t now_ms)
{
    end_channel(j);
    if (j->exited && !j->session && pipes_open(j)) {
        j->abandoned = true;
        j->give_up_ms = now_ms + GIVE_UP_MS;
    }
    if (j->exited)
        return;
    j->give_up_ms = now_ms + GIVE_UP_MS;
    job_killed(j);
    settle(j, now_ms);
}

static void failed(struct job *j, const struct frame *f, int64_t now_ms)
{
    struct err err = { 0 };

    channel_error(f, &err);
    job_fail(j, &err);
    if (!j->session)
        lost(j, now_ms);
    job_killed(j);
    settle(j, now_ms);
    fd_close(&j->pipes[0]);
    fd_close(&j->pipes[1]);
}

static void fail_with(struct job *j, const struct err *err, int64_t now_ms)
{
    job_fail(j, err);
    lost(j, now_ms);
}

static void violated(struct job *j, int64_t now_ms)
{
    struct err err = { 0 };

    agent_violation(j->agent, "a malformed or unexpected frame", &err);
    fail_with(j, &err, now_ms);
    if (j->session)
        session_command_over(j, NULL, true);
}

static void not_started(struct job *j, int64_t now_ms)
{
    struct err err = { 0 };

    agent_stop(j->agent, "it started no command in time");
    err_set(&err, ERR_UNAVAILABLE, "the sandbox started no command within %d s and was stopped",
            START_MS / 1000);
    err_next(&err, "call again: it is started anew");
    fail_with(j, &err, now_ms);
}

static void take_frame(struct job *j, const struct frame *f, int64_t now_ms)
{
    if (++j->frames > FRAMES_MAX || (j->exited && !j->session)) {
        violated(j, now_ms);
        return;
    }
    switch (f->in.op) {
    case WIRE_STARTED:
        pthread_mutex_lock(&j->lock);
        j->pid = wire_u32(&f->in, TAG_PID, 0);
        j->supervisor = wire_u32(&f->in, TAG_SUPERVISOR, 0);
        pthread_mutex_unlock(&j->lock);
        if (j->session)
            session_started(j);
        break;
    case WIRE_EXIT:
        take_exit(j, f, now_ms);
        if (j->session)
            session_command_over(j, f, false);
        break;
    case WIRE_LOST:
        if (!j->session) {
            violated(j, now_ms);
            break;
        }
        take_exit(j, f, now_ms);
        session_command_over(j, f, true);
        break;
    case WIRE_ERROR:
        failed(j, f, now_ms);
        if (j->session)
            session_command_over(j, f, false);
        break;
    default:
        violated(j, now_ms);
    }
}

static void read_channel(struct job *j, struct frame *f, int64_t now_ms)
{
    while (j->channel >= 0 && !j->channel_over) {
        switch (channel_recv(j->channel, f)) {
        case CHANNEL_AGAIN:
            return;
        case CHANNEL_FRAME:
            take_frame(j, f, now_ms);
            break;
        case CHANNEL_EOF:
            lost(j, now_ms);
            if (j->session)
                session_command_over(j, NULL, true);
            break;
        case CHANNEL_BAD:
            violated(j, now_ms);
            break;
        }
    }
}

static void read_pipe(struct job *j, int stream, char *data, size_t size, int64_t now_ms)
{
    size_t total = 0;

    while (j->pipes[stream] >= 0 && total < STEP_BYTES) {
        ssize_t n = io_read(j->pipes[stream], data, size);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fd_close(&j->pipes[stream]);
            return;
        }
        job_output(j, stream, data, (size_t)n);
        total += (size_t)n;
        if (j->exited)
            j->settle_ms = now_ms + QUIET_MS;
        if (!j->wide[stream] && total >= 65536) {
            j->wide[stream] = true;
            fcntl(j->pipes[stream], F_SETPIPE_SZ, WIDE_PIPE);
        }
    }
}

static int64_t start_due(const struct job *j)
{
    return j->frames || j->session || j->exited ? 0 : j->started_ms + START_MS;
}

static void obey_clock(struct job *j, int64_t now_ms)
{
    if (start_due(j) && now_ms >= start_due(j))
        not_started(j, now_ms);
    if (j->timeout_ms && now_ms >= j->timeout_ms) {
        pthread_mutex_lock(&j->lock);
        j->timed_out = true;
        pthread_mutex_unlock(&j->lock);
        drive_kill(j, now_ms);
    }
    if (j->kill_ms && now_ms >= j->kill_ms && !j->channel_over) {
        job_kill(j);
        j->kill_ms = 0;
        j->give_up_ms = now_ms + GIVE_UP_MS;
    }
}

/* Nothing more will come. The channel stays open while descendants live: closing it kills them. */
static bool is_over(const struct job *j, int64_t now_ms)
{
    if (j->give_up_ms && now_ms >= j->give_up_ms)
        return true;
    if (pipes_open(j) || !j->exited)
        return false;
    return j->channel_over || j->session || !j->descendants;
}

static bool is_settled(const struct job *j, int64_t now_ms)
{
    if (!j->exited)
        return false;
    if (!pipes_open(j) || now_ms >= j->settle_max_ms)
        return true;
    return j->descendants && now_ms >= j->settle_ms;
}

static int64_t next_due(const struct job *j)
{
    int64_t due = clock_earlier(clock_earlier(j->timeout_ms, j->kill_ms), j->give_up_ms);

    due = clock_earlier(due, start_due(j));
    if (!j->exited || j->phase >= JOB_BACKGROUND)
        return due;
    due = clock_earlier(due, j->settle_max_ms);
    return j->descendants ? clock_earlier(due, j->settle_ms) : due;
}

static void note_held(struct job *j)
{
    bool held = j->exited && pipes_open(j);

    if (held == j->was_held)
        return;
    pthread_mutex_lock(&j->lock);
    j->held = j->was_held = held;
    pthread_mutex_unlock(&j->lock);
}

/* What still holds the output although it was to end: then the whole sandbox goes. */
static void let_go(struct job *j)
{
    if (j->give_up_ms && pipes_open(j) && !j->abandoned)
        agent_stop(j->agent, "a command could not be ended");
    fd_close(&j->pipes[0]);
    fd_close(&j->pipes[1]);
    job_over(j);
}

static bool drive_step(struct pump *p, int64_t now_ms)
{
    struct job *j = job_of(p);
    struct frame f;

    read_channel(j, &f, now_ms);
    for (int i = 0; i < 2; i++)
        read_pipe(j, i, (char *)f.bytes, sizeof(f.bytes), now_ms);
    note_held(j);
    obey_clock(j, now_ms);
    p->due_ms = next_due(j);
    if (is_over(j, now_ms)) {
        let_go(j);
        return true;
    }
    if (is_settled(j, now_ms) && j->phase < JOB_BACKGROUND) {
        job_phase(j, JOB_BACKGROUND);
        p->due_ms = next_due(j);
        return j->foreground;
    }
    return false;
}

static void drive_drop(struct pump *p)
{
    struct job *j = job_of(p);

    if (j->session && !j->exited)
        session_command_over(j, NULL, true);
    job_over(j);
    job_unref(j);
}

const struct pump_ops drive_ops = {
    .fds = drive_fds,
    .step = drive_step,
    .drop = drive_drop,
};
