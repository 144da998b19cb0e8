#include "backend/local/code_cell.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_MAX (8 * 1024 * 1024)

static int make_request(struct cell *cell, const struct code_request *req, struct buf *out,
                        struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kint(&w, "id", cell->id);
    jw_kstr(&w, "token", cell->token);
    jw_kstr(&w, "op", "exec");
    jw_kstr(&w, "code", req->code);
    if (req->env_count) {
        jw_key(&w, "env");
        jw_obj(&w);
        for (size_t i = 0; i < req->env_count; i++)
            jw_kstr(&w, req->env[i].name, req->env[i].value);
        jw_end(&w);
    }
    if (req->cwd) {
        AUTO(buf) struct buf path = BUF_MAX(8192);
        if (local_path(cell->sandbox, req->cwd, &path, err))
            return -1;
        jw_kstr(&w, "cwd", path.data);
    }
    jw_end(&w);
    return jw_done(&w) || buf_addc(out, '\n', err) ? -1 : 0;
}

static int send_request(struct code_context *c, struct call *call, const struct buf *line,
                        struct err *err)
{
    int64_t until = clock_ms() + CODE_START_MS;
    size_t at = 0;

    while (at < line->len) {
        ssize_t n = write(c->requests, line->data + at, line->len - at);
        struct pollfd p[2] = { { .fd = c->requests, .events = POLLOUT },
                               { .fd = call->event_fd, .events = POLLIN } };
        if (n > 0) {
            at += (size_t)n;
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            break;
        if (poll(p, 2, clock_left(until)) == 0)
            break;
        if (call_check(call, err))
            return -1;
    }
    if (at == line->len)
        return 0;
    err_set(err, ERR_UNAVAILABLE, "the interpreter takes no more code: its variables are lost");
    return err_next(err, "call again: a fresh interpreter is started");
}

static int cell_new(struct local_sandbox *sb, struct code_context *c,
                    const struct code_request *req, struct cell **out, struct err *err)
{
    struct cell *cell = calloc(1, sizeof(*cell));
    unsigned char raw[16];

    if (!cell || job_new(sb, c->agent, &cell->job, err)) {
        free(cell);
        code_release(sb, c);
        return err_oom(err);
    }
    cell->context = c;
    cell->sandbox = sb;
    cell->id = ++c->cells;
    pthread_mutex_lock(&sb->code->lock);
    c->job = job_ref(cell->job);
    pthread_mutex_unlock(&sb->code->lock);
    random_bytes(raw, sizeof(raw));
    for (size_t i = 0; i < sizeof(raw); i++)
        snprintf(cell->token + 2 * i, 3, "%02x", raw[i]);
    cell->job->driver = cell;
    cell->job->pump.ops = &cell_ops;
    cell->job->pump.due_ms = req->timeout_ms ? clock_ms() + req->timeout_ms : 0;
    cell->job->channel = fcntl(c->channel, F_DUPFD_CLOEXEC, 3);
    *out = cell;
    return 0;
}

static void name_context(const struct cell *cell, struct code_result *res)
{
    if (!cell->context->once)
        snprintf(res->context_id, sizeof(res->context_id), "%s", cell->context->id);
}

static int take_streams(struct cell *cell, size_t max_bytes, struct code_result *res,
                        struct err *err)
{
    AUTO(exec_result) struct exec_result x = { 0 };

    if (job_result(cell->job, NULL, max_bytes, &x, err))
        return -1;
    if (x.out.omitted || x.errs.omitted || x.status == EXEC_RUNNING) {
        job_list(cell->job, true);
        memcpy(res->process_id, cell->job->id, sizeof(res->process_id));
        memcpy(res->cursor, x.cursor, sizeof(res->cursor));
        memcpy(res->hole_cursor, x.hole_cursor, sizeof(res->hole_cursor));
    }
    res->out = x.out;
    res->errs = x.errs;
    x.out = x.errs = (struct stream_text){ 0 };
    res->duration_ms = x.duration_ms;
    return local_denied(cell->sandbox, cell->job->started_ms, &res->denied, err);
}

static void explain_network(const struct local_sandbox *sb, struct code_result *res)
{
    const char *text = res->traceback ? res->traceback : res->error_value, *hint;

    if (res->note || res->status != CODE_ERROR || !text)
        return;
    hint = local_network_hint(sb, text, strlen(text));
    if (hint)
        res->note = strdup(hint);
}

/* An interpreter that crashes tells our own frames, too, and every module it had. */
static void drop_own_lines(struct stream_text *s)
{
    static const char *const own[] = { "  File \"/run/sandbox-mcp/", "Extension modules: " };
    char *to = s->text.data, *end = to + s->text.len, *line = to, *next;

    if (s->omitted || !s->text.len)
        return;
    for (; line < end; line = next) {
        size_t n;
        bool drop = false;
        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next + 1 : end;
        n = (size_t)(next - line);
        for (size_t i = 0; i < COUNT_OF(own); i++)
            drop |= n > strlen(own[i]) && !memcmp(line, own[i], strlen(own[i]));
        if (drop)
            continue;
        memmove(to, line, n);
        to += n;
    }
    *to = '\0';
    s->text.len = (size_t)(to - s->text.data);
}

static int take_answer(struct cell *cell, size_t max_bytes, struct code_result *res,
                       struct err *err)
{
    *res = cell->result;
    cell->result = (struct code_result){ 0 };
    name_context(cell, res);
    if (!cell->answered) {
        res->status = CODE_ERROR;
        res->error_name = strdup("InterpreterEnded");
        res->error_value = strdup(cell->note);
    }
    if (cell->stage != CELL_RUNS)
        res->status = CODE_TIMEOUT;
    if (cell->stage == CELL_INTERRUPTED && cell->answered)
        res->note = strdup("The cell was interrupted when its time was over: the interpreter goes "
                           "on, its variables are kept.");
    explain_network(cell->sandbox, res);
    if (take_streams(cell, max_bytes, res, err))
        return -1;
    if (!cell->answered)
        drop_own_lines(&res->errs);
    return 0;
}

/* The cell goes on without its call; the reactor owns it from here. */
static void leave(struct cell *cell)
{
    cell->background = true;
    reactor_give(cell->sandbox->backend->reactor, &cell->job->pump);
}

static int gave_up(struct cell *cell, struct call *call, struct err *err)
{
    if (!call_check(call, err))
        err_set(err, ERR_CANCELLED, "the call was ended");
    if (call_state(call) == CALL_GONE)
        job_list(cell->job, true);
    else
        cell->job->pump.due_ms = 1; /* interrupt now */
    leave(cell);
    return -1;
}

static int yielded(struct cell *cell, const struct code_request *req, struct code_result *res,
                   struct err *err)
{
    if (job_room(cell->sandbox, err)) {
        cell->job->pump.due_ms = 1;
        leave(cell);
        return -1;
    }
    res->status = CODE_RUNNING;
    job_list(cell->job, true);
    name_context(cell, res);
    if (take_streams(cell, req->max_bytes, res, err)) {
        leave(cell);
        return -1;
    }
    leave(cell);
    return 0;
}

static bool stays(struct cell *cell, const struct stay *stay)
{
    if (!stay->run || job_room(cell->sandbox, NULL))
        return false;
    job_list(cell->job, true);
    return !stay->run(stay->context, cell->job->id);
}

int code_run(struct local_sandbox *sb, struct call *call, struct code_context *c,
             const struct code_request *req, struct code_result *res, struct err *err)
{
    AUTO(buf) struct buf line = BUF_MAX(REQUEST_MAX);
    int64_t yield_at = clock_ms() + req->yield_ms;
    struct cell *cell = NULL;
    enum pump_end end;
    int r;

    if (cell_new(sb, c, req, &cell, err))
        return -1;
    if (job_describe(cell->job, req->tool, req->code, err) || make_request(cell, req, &line, err)) {
        cell_free(cell);
        return -1;
    }
    if (send_request(c, call, &line, err)) {
        c->dead = true;
        cell_free(cell);
        return -1;
    }
    end = pump_drive(&cell->job->pump, call, req->yield_ms ? yield_at : 1, job_progress);
    if (end == PUMP_UNTIL && req->yield_ms && stays(cell, &req->stay))
        end = pump_drive(&cell->job->pump, call, call->deadline_ms, job_progress);
    switch (end) {
    case PUMP_CALL:
        return gave_up(cell, call, err);
    case PUMP_UNTIL:
        return yielded(cell, req, res, err);
    case PUMP_OVER:
        break;
    }
    r = take_answer(cell, req->max_bytes, res, err);
    cell_free(cell);
    return r ? -1 : 0;
}
