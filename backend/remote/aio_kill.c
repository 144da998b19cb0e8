#include "backend/remote/aio_code.h"
#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool asks_to_end(int signal)
{
    return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

/* 0 when it is over or the time is; -1 when the call ended or the service does not answer. */
static int wait_end(struct aio_job *j, struct call *call, int64_t ms, struct err *err)
{
    int64_t until = clock_ms() + ms;

    while (aio_job_status(j) == EXEC_RUNNING) {
        int64_t left = until - clock_ms();
        if (left <= 0)
            return 0;
        if (aio_job_fetch(j, call, left, err) && aio_job_status(j) == EXEC_RUNNING)
            return -1;
    }
    return 0;
}

static int stop(struct aio_job *j, struct call *call, const struct kill_request *req,
                struct err *err)
{
    int last = req->signal;

    if (aio_job_signal(j, call, req->signal, err) && aio_job_status(j) == EXEC_RUNNING)
        return wait_end(j, call, 0, NULL) || aio_job_status(j) == EXEC_RUNNING ? -1 : 0;
    if (asks_to_end(req->signal)) {
        if (wait_end(j, call, req->grace_ms, err))
            return -1;
        if (aio_job_status(j) == EXEC_RUNNING) {
            last = SIGKILL;
            if (aio_job_signal(j, call, SIGKILL, err) && aio_job_status(j) == EXEC_RUNNING)
                return -1;
        }
    }
    return last == SIGKILL ? wait_end(j, call, AIO_GRACE_MS, err) : 0;
}

static int kill_job(struct aio_job *j, struct call *call, const struct kill_request *req,
                    struct kill_result *res, struct err *err)
{
    bool running = aio_job_status(j) == EXEC_RUNNING;

    if (running && (j->cell ? aio_cell_stop(j, call, req, err) : stop(j, call, req, err)))
        return -1;
    if (running && strings_addf(&res->killed, err, "%s", j->id))
        return -1;
    pthread_mutex_lock(&j->lock);
    res->status = j->status;
    res->exit_code = j->exit_code;
    pthread_mutex_unlock(&j->lock);
    if (running && res->status != EXEC_RUNNING && !j->cell)
        aio_session_close_later(aio_of(&j->sandbox->base), j->id);
    return 0;
}

static bool is_pid(const char *id)
{
    size_t n = strspn(id, "0123456789");

    return n && n < 10 && !id[n] && id[0] != '0';
}

static int kill_pid(struct aio *a, struct call *call, const struct kill_request *req,
                    struct kill_result *res, struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(256);
    char signal[16], grace[16];
    const char *args[] = { req->id, signal, grace };
    int64_t grace_s = (req->grace_ms + 999) / 1000;

    snprintf(signal, sizeof(signal), "%d", req->signal);
    snprintf(grace, sizeof(grace), "%d",
             asks_to_end(req->signal) ? (int)(grace_s < 1    ? 1
                                              : grace_s > 20 ? 20
                                                             : grace_s)
                                      : 0);
    if (aio_paths(a, call, err) ||
        aio_help(a, call, aio_script_kill_pid, args, 3, false, &out, err))
        return -1;
    res->status = req->signal == SIGKILL || asks_to_end(req->signal) ? EXEC_KILLED : EXEC_RUNNING;
    res->exit_code = -1;
    return strings_addf(&res->killed, err, "pid %s", req->id);
}

int aio_kill(struct sandbox *sb, struct call *call, const struct kill_request *req,
             struct kill_result *res, struct err *err)
{
    struct aio_sandbox *s = (struct aio_sandbox *)sb;
    AUTO_PTR(aio_job) struct aio_job *j = NULL;

    if (is_pid(req->id))
        return kill_pid(aio_of(sb), call, req, res, err);
    if (id_valid("p", req->id))
        return aio_job_find(s, req->id, &j, err) ? -1 : kill_job(j, call, req, res, err);
    res->status = EXEC_KILLED;
    res->exit_code = -1;
    return aio_shell_close(s, call, req->id, &res->killed, err);
}
