#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STAY_MS ((int64_t)1 << 50) /* its call became a task */
#define STAY_TRIES 60
#define STAY_PAUSE_MS 1000
#define START_TRIES 3
#define SLICE_MS 10000  /* one wait at the service, after the first */
#define FIRST_MS 1000   /* the first one, when somebody wants to see progress */
#define END_MS 50       /* for the end of a command that has just written */
#define THROTTLE_MS 100 /* between two looks at a command that writes all the time */

static int add_env(struct jw *w, struct aio_job *j, const struct exec_request *req)
{
    const struct backend_config *config = j->sandbox->base.backend->config;

    jw_key(w, "env");
    jw_obj(w);
    jw_kstr(w, "PAGER", "cat");
    jw_kstr(w, "TERM", "dumb");
    for (size_t i = 0; i < config->env_count; i++)
        jw_kstr(w, config->env[i].name, config->env[i].value);
    for (size_t i = 0; i < req->env_count; i++)
        jw_kstr(w, req->env[i].name, req->env[i].value);
    jw_kstr(w, "SANDBOX_MCP_PROCESS", j->id);
    jw_end(w);
    return w->failed ? -1 : 0;
}

static int make_body(struct aio_job *j, const struct exec_request *req, const char *command,
                     const char *cwd, int64_t wait_ms, struct buf *body, struct err *err)
{
    struct jw w = JW(body, err);

    jw_obj(&w);
    jw_kstr(&w, "command", command);
    jw_kstr(&w, "session_id", j->id);
    jw_kstr(&w, "exec_dir", cwd);
    add_env(&w, j, req);
    if (wait_ms)
        jw_knum(&w, "timeout", (double)wait_ms / 1000.0);
    else
        jw_kbool(&w, "async_mode", true);
    if (req->timeout_ms)
        jw_knum(&w, "hard_timeout", (double)req->timeout_ms / 1000.0);
    jw_kint(&w, "max_output_length", 0);
    jw_end(&w);
    return jw_done(&w);
}

/* After an answer that never came whole: did it start? 0 when it did, and its state is known; 1
 * when it did not. */
static int recover(struct aio_job *j, struct call *call, struct err *err)
{
    struct err why = { 0 };

    if (call_state(call) != CALL_RUNNING)
        return -1;
    if (!aio_job_fetch(j, call, 0, &why) || aio_job_status(j) != EXEC_RUNNING)
        return 0;
    if (why.code == ERR_NOT_FOUND) {
        err_wrap(err, "the command did not start");
        err_next(err, "call again");
        return 1;
    }
    err_wrap(err, "the command may be running");
    return err_next(err, "terminal_output process_id=%s shows it, terminal_kill id=%s ends it",
                    j->id, j->id);
}

/* One try: 0 the service has it, 1 it did not start and may be sent again, -1 error. */
static int try_start(struct aio_job *j, struct call *call, const struct buf *body, int64_t wait_ms,
                     struct err *err)
{
    AUTO(aio_reply) struct aio_reply reply;
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = {
        .method = "POST",
        .path = "/v1/bash/exec",
        .body = body,
        .timeout_ms = wait_ms + AIO_ASK_MS,
        .sink = &reply.scan.sink,
        .kept = &reply.scan.rest,
    };
    yyjson_val *data;
    int r;

    aio_reply_init(&reply, j);
    if (!aio_ask(aio_of(&j->sandbox->base), call, &ask, &doc, &data, err)) {
        j->started = true;
        aio_reply_take(j, data, data);
        return 0;
    }
    if (!ask.unsure)
        return -1;
    r = recover(j, call, err);
    j->started = r <= 0;
    return r > 0 && !ask.stale ? -1 : r;
}

static int start(struct aio_job *j, struct call *call, const struct exec_request *req,
                 const char *cwd, int64_t wait_ms, struct err *err)
{
    AUTO(buf) struct buf command = BUF_MAX(4 * 1024 * 1024), body = BUF_MAX(16 * 1024 * 1024);
    int r = 1;

    if (aio_command(j, call, req, cwd, &command, err) ||
        make_body(j, req, buf_str(&command), cwd, wait_ms, &body, err))
        return -1;
    for (int tried = 0; r > 0 && tried < START_TRIES; tried++)
        r = try_start(j, call, &body, wait_ms, err);
    return r ? -1 : 0;
}

static int follow(struct aio_job *j, struct call *call, int64_t until_ms, struct err *err)
{
    while (aio_job_status(j) == EXEC_RUNNING) {
        int64_t left = until_ms - clock_ms(), at = clock_ms();
        if (left <= 0)
            return 0;
        aio_job_progress(j, call);
        if (aio_job_fetch(j, call, left < SLICE_MS ? left : SLICE_MS, err) &&
            aio_job_status(j) == EXEC_RUNNING)
            return -1;
        left = until_ms - clock_ms();
        if (clock_ms() - at < THROTTLE_MS && left > 0 &&
            aio_job_sleep(j, call, left < THROTTLE_MS ? left : THROTTLE_MS, err))
            return -1;
    }
    return 0;
}

/* Its call became a task: nobody else would notice the end, so a service that is away is waited
 * for. */
static int stay(struct aio_job *j, struct call *call, struct err *err)
{
    struct err why = { 0 };

    for (int tries = 0; follow(j, call, clock_ms() + STAY_MS, &why); tries++) {
        if (call_state(call) != CALL_RUNNING || !err_retryable(why.code) || tries == STAY_TRIES) {
            if (err)
                *err = why;
            return -1;
        }
        if (aio_job_sleep(j, call, STAY_PAUSE_MS, err))
            return -1;
    }
    return 0;
}

static bool stays(struct aio_job *j, const struct exec_request *req)
{
    return aio_job_status(j) == EXEC_RUNNING && req->yield_ms && req->stay.run &&
           !aio_job_list(j, NULL) && !req->stay.run(req->stay.context, j->id);
}

void aio_exec_abort(struct aio_job *j, struct call *call)
{
    struct aio *a = aio_of(&j->sandbox->base);
    AUTO(buf) struct buf path = BUF_MAX(8192);

    if (j->started && aio_job_status(j) == EXEC_RUNNING)
        (void)!aio_job_signal(j, call, SIGKILL, NULL);
    if (j->started)
        aio_session_close(a, call, j->id);
    for (int i = 0; j->files && i < 2; i++)
        if (!aio_scratch(a, j->id, i ? ".in" : ".sh", &path, NULL))
            aio_remove_later(a, buf_take(&path));
    aio_job_end(j, EXEC_KILLED, -1);
    aio_job_forget(j);
}

static void abort_later(void *arg)
{
    struct aio_job *j = arg;

    aio_exec_abort(j, &aio_of(&j->sandbox->base)->quit);
    aio_job_unref(j);
}

void aio_exec_abort_later(struct aio_job *j)
{
    atomic_fetch_add(&j->refs, 1);
    aio_later(aio_of(&j->sandbox->base), abort_later, j);
}

/* The call failed: what it started must not be left behind, unless its id was handed out. */
static int give_up(struct aio_job *j, struct call *call, const struct err *err)
{
    bool kept = call_state(call) == CALL_GONE ||
                (call_state(call) == CALL_RUNNING && err->code == ERR_UNAVAILABLE);

    if (!j->started || !kept || aio_job_list(j, NULL))
        aio_exec_abort_later(j);
    return -1;
}

/* Why the service refused to start it, said better than it can. */
static int explain(struct aio_job *j, struct call *call, const struct exec_request *req,
                   const char *cwd, struct err *err)
{
    AUTO(buf) struct buf out = BUF_MAX(64);
    struct err why = { 0 };

    if (!req->cwd || call_state(call) != CALL_RUNNING ||
        !aio_help(aio_of(&j->sandbox->base), call, aio_script_is_dir, &cwd, 1, true, &out, &why) ||
        (why.code != ERR_NOT_FOUND && why.code != ERR_INVALID))
        return -1;
    *err = why;
    return err_wrap(err, "cwd");
}

static int run(struct aio_job *j, struct call *call, const struct exec_request *req,
               const char *cwd, struct err *err)
{
    int64_t until = clock_ms() + req->yield_ms;
    int64_t first = call->progress && req->yield_ms > FIRST_MS ? FIRST_MS : req->yield_ms;

    if (start(j, call, req, cwd, first, err)) {
        explain(j, call, req, cwd, err);
        return -1;
    }
    if (!follow(j, call, until, err) && (!stays(j, req) || !stay(j, call, err)))
        return 0;
    if (call_state(call) != CALL_RUNNING || !err_retryable(err->code))
        return -1;
    pthread_mutex_lock(&j->lock);
    if (!j->note && asprintf(&j->note, "Its state could not be read: %s.", err->msg) < 0)
        j->note = NULL;
    pthread_mutex_unlock(&j->lock);
    return 0;
}

static int finish(struct aio_job *j, struct call *call, const char *shell_id, size_t max_bytes,
                  struct exec_result *res, struct err *err)
{
    bool over = aio_job_status(j) != EXEC_RUNNING;

    if (over && shell_id[0])
        aio_shell_cwd(j, shell_id, call);
    if (aio_job_result(j, NULL, max_bytes, res, err))
        return -1;
    if (over)
        aio_session_close_later(aio_of(&j->sandbox->base), j->id);
    return res->process_id[0] ? aio_job_list(j, err) : 0;
}

static int aio_run(struct sandbox *sb, struct call *call, const struct exec_request *req,
                   struct exec_result *res, struct err *err)
{
    struct aio_sandbox *s = (struct aio_sandbox *)sb;
    AUTO_PTR(aio_job) struct aio_job *j = NULL;
    AUTO_FREE char *cwd = NULL;
    char shell_id[ID_SIZE] = "";

    if (aio_paths(aio_of(sb), call, err) || aio_path(aio_of(sb), req->cwd, &cwd, err) ||
        aio_job_new(s, &j, err))
        return -1;
    if (req->session_id) {
        if (aio_shell_claim(j, call, req->session_id, err))
            return -1;
        memcpy(shell_id, j->shell->id, sizeof(shell_id));
    }
    j->cwd = req->session_id ? NULL : strdup(cwd);
    if (run(j, call, req, cwd, err))
        return give_up(j, call, err);
    if (finish(j, call, shell_id, req->max_bytes, res, err)) {
        aio_exec_abort_later(j);
        return -1;
    }
    return 0;
}

/* Wait for more than was seen, or the end; when more comes, the end may follow at once. */
static int await_news(struct aio_job *j, struct call *call, int64_t until_ms, struct err *err)
{
    uint64_t seen;
    bool last = false;

    pthread_mutex_lock(&j->lock);
    seen = j->read[0] + j->read[1];
    pthread_mutex_unlock(&j->lock);
    while (aio_job_status(j) == EXEC_RUNNING) {
        int64_t left = until_ms - clock_ms(), wait = last ? END_MS : SLICE_MS;
        if (aio_job_fetch(j, call,
                          left < 0      ? 0
                          : left < wait ? left
                                        : wait,
                          err) &&
            aio_job_status(j) == EXEC_RUNNING)
            return -1;
        if (last || left <= 0)
            return 0;
        pthread_mutex_lock(&j->lock);
        last = j->out[0].total + j->out[1].total > seen;
        pthread_mutex_unlock(&j->lock);
    }
    return 0;
}

static int aio_output(struct sandbox *sb, struct call *call, const struct output_request *req,
                      struct exec_result *res, struct err *err)
{
    AUTO_PTR(aio_job) struct aio_job *j = NULL;
    bool running;

    if (aio_job_find((struct aio_sandbox *)sb, req->process_id, &j, err))
        return -1;
    running = aio_job_status(j) == EXEC_RUNNING;
    if (await_news(j, call, clock_ms() + req->wait_ms, err))
        return -1;
    if (running && aio_job_status(j) != EXEC_RUNNING && !j->cell)
        aio_session_close_later(aio_of(sb), j->id);
    return aio_job_result(j, req, req->max_bytes, res, err);
}

const struct exec_ops aio_exec_ops = {
    .run = aio_run,
    .output = aio_output,
    .kill = aio_kill,
};
