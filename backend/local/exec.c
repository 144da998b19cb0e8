#include "backend/local/exec.h"
#include "backend/local/session.h"
#include "base/clock.h"

#include <string.h>

#define STARTED_MS 1000 /* a background start waits so long for the process to be there */

int exec_put_request(struct agent *a, struct wire_out *w, const struct exec_request *req,
                     const char *cwd, unsigned index, int *command_fd, struct err *err)
{
    AUTO(buf) struct buf env = BUF_MAX(EXEC_ENV_MAX);
    size_t len = strlen(req->command);

    if (local_env(req->env, req->env_count, &env, err))
        return -1;
    wire_put_str(w, TAG_CWD, cwd);
    if (env.len)
        wire_put(w, TAG_ENV, env.data, env.len);
    if (len <= WIRE_INLINE_MAX) {
        wire_put(w, TAG_COMMAND, req->command, len);
        return 0;
    }
    wire_put_u32(w, TAG_COMMAND_FD, index);
    return agent_input(a, req->command, len, command_fd, err);
}

static int open_pipes(struct job *j, const struct exec_request *req, int fds[4], struct err *err)
{
    return agent_input(j->agent, req->stdin_data, req->stdin_len, &fds[0], err) ||
                   agent_pipe_out(j->agent, &j->pipes[0], &fds[1], err) ||
                   agent_pipe_out(j->agent, &j->pipes[1], &fds[2], err)
               ? -1
               : 0;
}

static int launch(struct job *j, const struct exec_request *req, struct err *err)
{
    AUTO(buf) struct buf cwd = BUF_MAX(8192);
    int fds[4] = { -1, -1, -1, -1 }, r;
    struct wire_out start;

    if (local_path(j->sandbox, req->cwd, &cwd, err))
        return -1;
    wire_begin(&start, WIRE_START, 0);
    r = exec_put_request(j->agent, &start, req, cwd.data, 4, &fds[3], err) ||
        open_pipes(j, req, fds, err) ||
        agent_open(j->agent, WIRE_EXEC, &start, fds, fds[3] >= 0 ? 4 : 3, &j->channel, err);
    for (int i = 0; i < 4; i++)
        fd_close(&fds[i]);
    j->cwd = buf_take(&cwd);
    return r ? -1 : 0;
}

/* The sandbox may die between being found alive and being asked: once more then. */
static int start(struct local_sandbox *sb, struct call *call, const struct exec_request *req,
                 struct job **out, struct err *err)
{
    for (int attempt = 0;; attempt++) {
        AUTO_PTR(agent) struct agent *a = NULL;
        AUTO_PTR(job) struct job *j = NULL;
        if (local_agent(sb, call, &a, err) || job_new(sb, a, &j, err) ||
            job_describe(j, req->tool, req->command, err))
            return -1;
        if (!launch(j, req, err)) {
            *out = TAKE(j);
            return 0;
        }
        if (attempt || !a->dead)
            return -1;
    }
}

/* From here on others may read and end it by its id. */
static bool stays(struct job *j, const struct stay *stay)
{
    if (!stay->run)
        return false;
    job_list(j, true);
    return !stay->run(stay->context, j->id);
}

static enum pump_end wait_for(struct job *j, struct call *call, const struct exec_request *req)
{
    int64_t now = clock_ms(), until = now + req->yield_ms;
    enum pump_end end;

    if (req->yield_ms) {
        end = pump_drive(&j->pump, call, clock_earlier(until, call->deadline_ms), job_progress);
        if (end == PUMP_UNTIL && stays(j, &req->stay))
            end = pump_drive(&j->pump, call, call->deadline_ms, job_progress);
        return end;
    }
    until = now + STARTED_MS;
    do
        end = pump_drive(&j->pump, call, clock_ms() + 2, NULL);
    while (end == PUMP_UNTIL && !j->pid && !j->session && clock_ms() < until);
    return end;
}

/* The reactor goes on with it; hand_out: its id is known to a client now. */
static void hand_over(struct job *j, bool hand_out)
{
    j->foreground = false;
    if (hand_out)
        job_list(j, true);
    reactor_give(j->sandbox->backend->reactor, &job_ref(j)->pump);
}

static int ended_by_client(struct job *j, struct call *call, struct err *err)
{
    bool cancelled = call_state(call) == CALL_CANCELLED;

    if (cancelled)
        drive_kill(j, clock_ms());
    hand_over(j, !cancelled);
    return call_check(call, err);
}

const char *local_network_hint(const struct local_sandbox *sb, const char *text, size_t len)
{
    static const char *const words[] = { "Could not resolve",
                                         "Temporary failure in name resolution",
                                         "Network is unreachable",
                                         "ENOTFOUND",
                                         "EAI_AGAIN",
                                         "Name or service not known",
                                         "unable to resolve host" };

    if (!text || sb->backend->host_runtime)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (memmem(text, len, words[i], strlen(words[i])))
            return sb->backend->policy
                       ? "The way out is the proxy in HTTPS_PROXY, which this program did not use "
                         "(curl, pip, npm and Python do, node's fetch from 22.21 and 24.5 on)."
                       : "This sandbox has no network (--network none): nothing outside it can "
                         "be reached.";
    return NULL;
}

static int explain_network(const struct local_sandbox *sb, struct exec_result *res, struct err *err)
{
    const char *hint;

    if (res->note || !res->exit_code)
        return 0;
    hint = local_network_hint(sb, res->errs.text.data, res->errs.text.len);
    if (!hint)
        hint = local_network_hint(sb, res->out.text.data, res->out.text.len);
    if (!hint)
        return 0;
    res->note = strdup(hint);
    return res->note ? 0 : err_oom(err);
}

/* What only the first answer of a call adds to the job's own story. */
static int finish(struct local_sandbox *sb, struct job *j, struct exec_result *res, struct err *err)
{
    if (!res->note) {
        pthread_mutex_lock(&sb->lock);
        res->note = TAKE(sb->restart_note);
        pthread_mutex_unlock(&sb->lock);
    }
    return explain_network(sb, res, err) || local_denied(sb, j->started_ms, &res->denied, err) ? -1
                                                                                               : 0;
}

static int local_run(struct sandbox *base, struct call *call, const struct exec_request *req,
                     struct exec_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(job) struct job *j = NULL;
    enum pump_end end;

    if (job_room(sb, err) ||
        (req->session_id ? session_start(sb, call, req, &j, err) : start(sb, call, req, &j, err)))
        return -1;
    j->pump.ops = &drive_ops;
    j->tap = exec_tap_ref(req->tap);
    j->foreground = true;
    j->timeout_ms = req->timeout_ms ? clock_ms() + req->timeout_ms : 0;
    end = wait_for(j, call, req);
    if (end == PUMP_CALL)
        return ended_by_client(j, call, err);
    if (job_result(j, NULL, req->max_bytes, res, err)) {
        if (j->phase != JOB_OVER)
            hand_over(j, false);
        return -1;
    }
    if (j->phase != JOB_OVER)
        hand_over(j, res->process_id[0]);
    else if (res->process_id[0])
        job_list(j, true);
    return finish(sb, j, res, err);
}

static int local_output(struct sandbox *base, struct call *call, const struct output_request *req,
                        struct exec_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO_PTR(job) struct job *j = NULL;
    uint64_t out, errs;
    int64_t until = clock_ms() + req->wait_ms;

    if (job_find(sb, req->process_id, &j, err))
        return -1;
    if (req->wait_ms) {
        if (job_position(j, req->cursor, &out, &errs, err) ||
            job_wait(j, call, out, errs, JOB_OVER, clock_earlier(until, call->deadline_ms), err))
            return -1;
    }
    if (job_result(j, req, req->max_bytes, res, err))
        return -1;
    return local_denied(sb, j->started_ms, &res->denied, err);
}

static int local_handles(struct sandbox *base, struct strings *running, struct strings *over,
                         struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    int r = 0;

    pthread_mutex_lock(&sb->lock);
    for (struct list *at = sb->jobs.prev; at != &sb->jobs && !r; at = at->prev) {
        struct job *j = list_of(at, struct job, link);
        bool ended;
        if (!j->handed_out)
            continue;
        pthread_mutex_lock(&j->lock);
        ended = j->phase == JOB_OVER;
        pthread_mutex_unlock(&j->lock);
        r = strings_add(ended ? over : running, j->id, strlen(j->id), err);
    }
    pthread_mutex_unlock(&sb->lock);
    return r;
}

const struct exec_ops local_exec_ops = {
    .run = local_run,
    .output = local_output,
    .kill = local_kill,
    .handles = local_handles,
};
