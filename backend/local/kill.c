#include "backend/local/exec.h"
#include "backend/local/pty.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/id.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AFTER_KILL_MS 5000
#define REPLY_MS 5000
#define SETTLE_MS 300 /* a signal that ends nothing shows its effect meanwhile */
#define LOOK_MS 10
#define LOOK_MAX_MS 160
#define SAME_MS 500 /* a start is told to so much */

static bool asks_to_end(int signal)
{
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

static bool over(struct job *j)
{
    bool yes;

    pthread_mutex_lock(&j->lock);
    yes = j->phase == JOB_OVER;
    pthread_mutex_unlock(&j->lock);
    return yes;
}

static int wait_over(struct job *j, struct call *call, int64_t ms, struct err *err)
{
    int64_t until = clock_earlier(clock_ms() + ms, call->deadline_ms);

    return job_wait(j, call, UINT64_MAX, UINT64_MAX, JOB_OVER, until, err);
}

static int kill_job(struct job *j, struct call *call, const struct kill_request *req,
                    struct kill_result *res, struct err *err)
{
    if (!over(j)) {
        if (job_signal(j, req->signal, err) || strings_addf(&res->killed, err, "%s", j->id))
            return -1;
        if (wait_over(j, call, asks_to_end(req->signal) ? req->grace_ms : SETTLE_MS, err))
            return -1;
        if (!over(j) && (asks_to_end(req->signal) || req->signal == SIGKILL)) {
            job_kill(j);
            if (wait_over(j, call, AFTER_KILL_MS, err))
                return -1;
        }
    }
    pthread_mutex_lock(&j->lock);
    res->status = j->status;
    res->exit_code = j->exit_code;
    pthread_mutex_unlock(&j->lock);
    return 0;
}

static int signal_pid(struct agent *a, struct call *call, uint32_t pid, int signal, struct err *err)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    AUTO_FD int channel = -1;
    struct wire_out start;

    if (!f)
        return err_oom(err);
    wire_begin(&start, WIRE_START, 0);
    wire_put_u32(&start, TAG_PID, pid);
    wire_put_u32(&start, TAG_SIGNAL, (uint32_t)signal);
    if (agent_open(a, WIRE_KILL_PID, &start, NULL, 0, &channel, err))
        return -1;
    return channel_expect(a, channel, WIRE_REPLY, call, clock_ms() + REPLY_MS, f, err);
}

/* A pid that began at another time is another process. */
static bool is_among(const struct processes_result *list, const struct process_info *p)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].pid == p->pid &&
            llabs(list->items[i].started_ms - p->started_ms) < SAME_MS)
            return true;
    return false;
}

/* Those of before that still run, signalled unless signal is 0; -1: an error. */
static int remaining(struct local_sandbox *sb, struct agent *a, struct call *call,
                     const struct processes_result *before, int signal, struct err *err)
{
    AUTO(processes_result) struct processes_result now = { 0 };
    struct processes_request all = { 0 };
    struct err gone = { 0 };
    int count = 0;

    if (local_process_ops.list(&sb->base, call, &all, &now, err))
        return -1;
    for (size_t i = 0; i < now.count; i++) {
        if (now.items[i].state == 'Z' || !is_among(before, &now.items[i]))
            continue;
        count++;
        if (signal && signal_pid(a, call, now.items[i].pid, signal, &gone) &&
            gone.code != ERR_NOT_FOUND)
            return *err = gone, -1;
    }
    return count;
}

/* The same once none is left, or after that time. */
static int wait_gone(struct local_sandbox *sb, struct agent *a, struct call *call,
                     const struct processes_result *before, int64_t ms, struct err *err)
{
    int64_t until = clock_earlier(clock_ms() + ms, call->deadline_ms), pause = LOOK_MS;
    int left;

    while ((left = remaining(sb, a, call, before, 0, err)) > 0 && clock_ms() < until) {
        struct pollfd p = { .fd = call->event_fd, .events = POLLIN };
        poll(&p, 1, (int)(pause < clock_left(until) ? pause : clock_left(until)));
        if (call_check(call, err))
            return -1;
        pause = pause < LOOK_MAX_MS ? pause * 2 : pause;
    }
    return left;
}

static int kill_pid(struct local_sandbox *sb, struct call *call, uint32_t pid,
                    const struct kill_request *req, struct kill_result *res, struct err *err)
{
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO(processes_result) struct processes_result before = { 0 };
    struct processes_request tree = { .pid = pid };
    bool ends = asks_to_end(req->signal);
    struct err none = { 0 };
    int left;

    if (local_agent(sb, call, &a, err))
        return -1;
    (void)local_process_ops.list(&sb->base, call, &tree, &before, &none); /* the next says why */
    if (signal_pid(a, call, pid, req->signal, err) ||
        strings_addf(&res->killed, err, "pid %u", pid))
        return -1;
    left = wait_gone(sb, a, call, &before, ends ? req->grace_ms : SETTLE_MS, err);
    if (left > 0 && (ends || req->signal == SIGKILL)) {
        left = remaining(sb, a, call, &before, SIGKILL, err);
        if (left > 0)
            left = wait_gone(sb, a, call, &before, AFTER_KILL_MS, err);
    }
    if (left < 0)
        return -1;
    res->status = left ? EXEC_RUNNING : EXEC_KILLED;
    res->exit_code = -1;
    return 0;
}

int local_kill(struct sandbox *base, struct call *call, const struct kill_request *req,
               struct kill_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    char *end;
    unsigned long pid = strtoul(req->id, &end, 10);

    if (id_valid("p", req->id)) {
        AUTO_PTR(job) struct job *j = NULL;
        return job_find(sb, req->id, &j, err) ? -1 : kill_job(j, call, req, res, err);
    }
    if (end != req->id && !*end && pid && pid <= INT32_MAX)
        return kill_pid(sb, call, (uint32_t)pid, req, res, err);
    if (pty_known(sb, req->id))
        return local_pty_kill(sb, call, req->id, res, err);
    if (session_close(sb, req->id, err))
        return -1;
    res->status = EXEC_KILLED;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "session %s", req->id);
}
