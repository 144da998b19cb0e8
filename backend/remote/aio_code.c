#include "backend/remote/aio_code.h"
#include "backend/remote/aio_exec.h"
#include "base/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define STAY_MS ((int64_t)1 << 50) /* its call became a task */
#include <sys/eventfd.h>

void aio_cell_free(struct aio_cell *cell)
{
    if (!cell)
        return;
    yyjson_doc_free(cell->doc);
    buf_done(&cell->request);
    buf_done(&cell->setup);
    call_done(&cell->stop);
    fd_close(&cell->done_fd);
    free(cell);
}

static void body_begin(struct jw *w, const struct aio_cell *cell, int64_t timeout_s)
{
    jw_obj(w);
    jw_kint(w, "timeout", timeout_s);
    jw_kstr(w, "session_id", cell->context->id);
    if (!strcmp(cell->context->language, "javascript"))
        jw_kbool(w, "stateful", true);
}

/* One statement that sets environment and directory; JSON's strings are both languages' own. */
static int setup_code(struct buf *out, bool python, const struct code_request *req,
                      const struct backend_config *config, const char *cwd, struct err *err)
{
    struct jw w = JW(out, err);

    if (buf_adds(out, python ? "__import__('os').environ.update(" : "Object.assign(process.env, ",
                 err))
        return -1;
    jw_obj(&w);
    for (size_t i = 0; i < config->env_count; i++)
        jw_kstr(&w, config->env[i].name, config->env[i].value);
    for (size_t i = 0; i < req->env_count; i++)
        jw_kstr(&w, req->env[i].name, req->env[i].value);
    jw_end(&w);
    if (jw_done(&w) || buf_adds(out, ");\n", err))
        return -1;
    if (!cwd)
        return 0;
    w = JW(out, err);
    if (buf_adds(out, python ? "__import__('os').chdir(" : "process.chdir(", err))
        return -1;
    jw_str(&w, cwd);
    return jw_done(&w) || buf_adds(out, ");\n", err) ? -1 : 0;
}

static int make_bodies(struct aio *a, struct aio_cell *cell, const struct code_request *req,
                       struct err *err)
{
    const struct backend_config *config = a->base.config;
    bool python = !strcmp(cell->context->language, "python");
    int64_t seconds = (cell->timeout_ms + 999) / 1000;
    AUTO(buf) struct buf code = BUF_MAX(8 * 1024 * 1024);
    AUTO_FREE char *cwd = NULL;
    struct jw w = JW(&cell->request, err);

    body_begin(&w, cell, seconds);
    jw_kstr(&w, "code", req->code);
    if (cell->context->fresh)
        jw_kstr(&w, "cwd", a->workspace);
    jw_end(&w);
    if (jw_done(&w) || (req->cwd && aio_path(a, req->cwd, &cwd, err)))
        return -1;
    if (!req->env_count && !cwd && !(cell->context->fresh && config->env_count))
        return 0;
    w = JW(&cell->setup, err);
    if (setup_code(&code, python, req, config, cwd, err))
        return -1;
    body_begin(&w, cell, AIO_ASK_MS / 1000);
    jw_kstr(&w, "code", buf_str(&code));
    if (cell->context->fresh)
        jw_kstr(&w, "cwd", a->workspace);
    jw_end(&w);
    return jw_done(&w);
}

static int ask_cell(struct aio_cell *cell, const struct buf *body, int64_t timeout_ms,
                    yyjson_doc **doc, yyjson_val **data, struct err *err)
{
    struct aio_ask ask = {
        .method = "POST",
        .path = cell->path,
        .body = body,
        .timeout_ms = timeout_ms + AIO_ASK_MS,
    };

    return aio_ask(aio_of(&cell->job->sandbox->base), &cell->stop, &ask, doc, data, err);
}

/* What the call gave must be there before the cell runs. */
static int set_up(struct aio_cell *cell, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *data, *last;
    const char *status, *value;

    if (!cell->setup.len)
        return 0;
    if (ask_cell(cell, &cell->setup, AIO_ASK_MS, &doc, &data, err))
        return -1;
    status = json_str(data, "status");
    if (status && !strcmp(status, "ok"))
        return 0;
    last = yyjson_arr_get_last(yyjson_obj_get(data, "outputs"));
    value = json_str(last, "evalue");
    return err_set(err, value && strstr(value, "o such file") ? ERR_NOT_FOUND : ERR_INVALID,
                   "set cwd and env: %s", value ? value : "refused");
}

static bool move(struct aio_cell *cell, enum aio_cell_state to)
{
    int expected = AIO_CELL_WAITED;

    return atomic_compare_exchange_strong(&cell->state, &expected, (int)to);
}

/* Nobody waits: what the cell gave is read as output. */
static void append(struct aio_cell *cell, bool stopped)
{
    struct aio_job *j = cell->job;
    char *note = NULL;

    (void)!aio_outputs(j, cell->data, NULL, NULL);
    if (stopped)
        note = strdup("The cell was ended together with its interpreter: its variables are lost; "
                      "the next call starts a fresh one.");
    else if (cell->failed.code &&
             asprintf(&note, "%s: %s.", err_code_name(cell->failed.code), cell->failed.msg) < 0)
        note = NULL;
    pthread_mutex_lock(&j->lock);
    j->note = note;
    pthread_mutex_unlock(&j->lock);
}

/* Let the next cell in. dead: the interpreter must not be used again. */
static void leave_context(struct aio_cell *cell, bool dead)
{
    struct aio_sandbox *sb = cell->job->sandbox;

    if (dead)
        aio_context_end(sb, cell->context);
    aio_context_release(sb, cell->context, dead);
}

static void finish(struct aio_cell *cell, bool dead)
{
    struct aio_job *j = cell->job;
    const char *status = json_str(cell->data, "status");
    bool ok = status && !strcmp(status, "ok");
    bool late = status && !strcmp(status, "timeout");
    bool stopped = call_state(&cell->stop) != CALL_RUNNING;
    bool once = cell->once && !dead; /* nobody waits for the end of a throw-away */

    cell->restarted = cell->context->cells && json_int(cell->data, "execution_count", 0) == 1;
    cell->context->cells++;
    if (!once)
        leave_context(cell, dead);
    if (!move(cell, AIO_CELL_DONE))
        append(cell, stopped);
    aio_job_end(j, stopped ? EXEC_KILLED : late ? EXEC_TIMED_OUT : EXEC_EXITED, ok ? 0 : 1);
    (void)eventfd_write(cell->done_fd, 1);
    if (once)
        leave_context(cell, true);
}

static void work(void *arg)
{
    struct aio_job *j = arg;
    struct aio_cell *cell = j->cell;
    bool dead = false;

    if (set_up(cell, &cell->failed) ||
        ask_cell(cell, &cell->request, cell->timeout_ms, &cell->doc, &cell->data, &cell->failed))
        dead = call_state(&cell->stop) != CALL_RUNNING || cell->failed.code == ERR_UNAVAILABLE;
    finish(cell, dead);
    aio_job_unref(j);
}

static int cell_new(struct aio_sandbox *sb, struct call *call, const struct code_request *req,
                    struct aio_job **out, struct err *err)
{
    AUTO_PTR(aio_job) struct aio_job *j = NULL;
    struct aio_cell *cell;

    if (aio_job_new(sb, &j, err))
        return -1;
    cell = calloc(1, sizeof(*cell));
    if (!cell)
        return err_oom(err);
    j->cell = cell;
    cell->job = j;
    cell->request = cell->setup = BUF_MAX(16 * 1024 * 1024);
    cell->clamped = !req->timeout_ms || req->timeout_ms > AIO_CELL_MAX_S * 1000;
    cell->timeout_ms = cell->clamped ? AIO_CELL_MAX_S * 1000 : req->timeout_ms;
    cell->once = req->context_id && !strcmp(req->context_id, "new");
    cell->path = strcmp(req->language, "python") ? "/v1/nodejs/execute" : "/v1/jupyter/execute";
    cell->stop.event_fd = -1;
    cell->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cell->done_fd < 0 || call_init(&cell->stop, err))
        return err_set(err, ERR_INTERNAL, "no descriptor for a cell");
    if (aio_context_claim(sb, call, req, &cell->context, err))
        return -1;
    *out = TAKE(j);
    return 0;
}

static int launch(struct aio_job *j, const struct code_request *req, struct err *err)
{
    struct aio *a = aio_of(&j->sandbox->base);

    if (make_bodies(a, j->cell, req, err)) {
        aio_context_release(j->sandbox, j->cell->context, j->cell->context->fresh);
        return -1;
    }
    atomic_fetch_add(&j->refs, 1);
    if (pool_run(a->cells, work, j, err)) {
        aio_context_release(j->sandbox, j->cell->context, j->cell->context->fresh);
        aio_job_unref(j);
        return -1;
    }
    return 0;
}

/* True when it is over, and what the worker wrote can be read. */
static bool is_over(struct aio_cell *cell)
{
    eventfd_t ignored;

    return !eventfd_read(cell->done_fd, &ignored);
}

/* 1 it is over, 0 it runs on, -1 the call ended. */
static int await(struct aio_job *j, struct call *call, int64_t yield_ms, struct err *err)
{
    int64_t until = clock_ms() + yield_ms;
    struct pollfd p[2] = { { .fd = j->cell->done_fd, .events = POLLIN },
                           { .fd = call->event_fd, .events = POLLIN } };

    for (;;) {
        int left = clock_left(until);
        if (poll(p, 2, left > 1000 ? 1000 : left) > 0 && is_over(j->cell))
            return 1;
        if (call_check(call, err))
            return -1;
        if (!left)
            return 0;
        aio_job_progress(j, call);
    }
}

static int take_streams(struct aio_job *j, size_t max_bytes, struct code_result *res,
                        struct err *err)
{
    AUTO(exec_result) struct exec_result x = { 0 };

    if (aio_job_result(j, NULL, max_bytes, &x, err))
        return -1;
    res->out = x.out;
    res->errs = x.errs;
    x.out = x.errs = (struct stream_text){ 0 };
    res->duration_ms = x.duration_ms;
    if (x.process_id[0] && aio_job_list(j, err))
        return -1;
    memcpy(res->process_id, x.process_id, sizeof(x.process_id));
    memcpy(res->cursor, x.cursor, sizeof(x.cursor));
    memcpy(res->hole_cursor, x.hole_cursor, sizeof(x.hole_cursor));
    return 0;
}

static int over(struct aio_job *j, size_t max_bytes, struct code_result *res, struct err *err)
{
    struct aio_cell *cell = j->cell;
    const char *status = json_str(cell->data, "status");
    bool late = status && !strcmp(status, "timeout");

    if (cell->failed.code) {
        if (err)
            *err = cell->failed;
        return -1;
    }
    res->status = late ? CODE_TIMEOUT : status && !strcmp(status, "ok") ? CODE_OK : CODE_ERROR;
    res->execution_count = json_int(cell->data, "execution_count", 0);
    if (aio_outputs(j, cell->data, res, err) || take_streams(j, max_bytes, res, err))
        return -1;
    if (cell->restarted)
        res->note = strdup("The service had ended the interpreter: its variables are lost.");
    else if (late && cell->clamped)
        res->note = strdup("This service ends every cell after 300 s, whatever timeout_s says.");
    return 0;
}

static int give_up(struct aio_job *j, struct call *call)
{
    if (move(j->cell, AIO_CELL_LEFT) && call_state(call) == CALL_GONE && !aio_job_list(j, NULL))
        return -1;
    call_end(&j->cell->stop, CALL_CANCELLED);
    return -1;
}

static int run_cell(struct sandbox *sb, struct call *call, const struct code_request *req,
                    struct code_result *res, struct err *err)
{
    AUTO_PTR(aio_job) struct aio_job *j = NULL;
    int r;

    if (aio_paths(aio_of(sb), call, err) || cell_new((struct aio_sandbox *)sb, call, req, &j, err))
        return -1;
    if (!j->cell->once)
        memcpy(res->context_id, j->cell->context->id, sizeof(res->context_id));
    if (launch(j, req, err))
        return -1;
    r = await(j, call, req->yield_ms, err);
    if (!r && req->yield_ms && req->stay.run && !aio_job_list(j, NULL) &&
        !req->stay.run(req->stay.context, j->id))
        r = await(j, call, STAY_MS, err);
    if (r < 0)
        return give_up(j, call);
    if (!r && !move(j->cell, AIO_CELL_LEFT)) {
        struct pollfd p = { .fd = j->cell->done_fd, .events = POLLIN };
        r = poll(&p, 1, AIO_CLEAN_MS) > 0 && is_over(j->cell);
    }
    if (r)
        return over(j, req->max_bytes, res, err);
    res->status = CODE_RUNNING;
    if (!take_streams(j, req->max_bytes, res, err))
        return 0;
    call_end(&j->cell->stop, CALL_CANCELLED);
    return -1;
}

int aio_cell_stop(struct aio_job *j, struct call *call, const struct kill_request *req UNUSED,
                  struct err *err)
{
    int64_t until = clock_ms() + AIO_CLEAN_MS;

    call_end(&j->cell->stop, CALL_CANCELLED);
    while (aio_job_status(j) == EXEC_RUNNING && clock_ms() < until)
        if (aio_job_sleep(j, call, 1000, err))
            return -1;
    return 0;
}

const struct code_ops aio_code_ops = {
    .execute = run_cell,
};
