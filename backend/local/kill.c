#include "backend/local/exec.h"
#include "backend/local/pty.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/id.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define AFTER_KILL_MS 5000
#define REPLY_MS 5000
#define SETTLE_MS 300 /* a signal that ends nothing shows its effect meanwhile */

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

static int kill_pid(struct local_sandbox *sb, struct call *call, unsigned long pid, int signal,
                    struct kill_result *res, struct err *err)
{
    AUTO_PTR(agent) struct agent *a = NULL;
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    AUTO_FD int channel = -1;
    struct wire_out start;

    if (!f)
        return err_oom(err);
    wire_begin(&start, WIRE_START, 0);
    wire_put_u32(&start, TAG_PID, (uint32_t)pid);
    wire_put_u32(&start, TAG_SIGNAL, (uint32_t)signal);
    if (local_agent(sb, call, &a, err) ||
        agent_open(a, WIRE_KILL_PID, &start, NULL, 0, &channel, err) ||
        channel_expect(a, channel, WIRE_REPLY, call, clock_ms() + REPLY_MS, f, err))
        return -1;
    res->status = asks_to_end(signal) || signal == SIGKILL ? EXEC_KILLED : EXEC_RUNNING;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "pid %lu", pid);
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
        return kill_pid(sb, call, pid, req->signal, res, err);
    if (pty_known(sb, req->id))
        return local_pty_kill(sb, call, req->id, res, err);
    if (session_close(sb, req->id, err))
        return -1;
    res->status = EXEC_KILLED;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "session %s", req->id);
}
