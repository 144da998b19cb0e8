#include "backend/local/code.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_MAX (8 * 1024 * 1024)
#define STEP_BYTES (256 * 1024)
#define DRAIN_MS 250

enum stage { CELL_RUNS, CELL_INTERRUPTED, CELL_KILLED };

/* One cell in flight; owned by its job's driver, freed when that lets go. */
struct cell {
    struct job *job;
    struct code_context
        *context; /* released with the cell: the reactor asks for its descriptors until then */
    struct local_sandbox *sandbox;
    struct buf answer;                /* the response line */
    bool answered, background, ended; /* ended: the interpreter is gone */
    enum stage stage;
    int64_t id;
    char token[33], note[200];
    int wait_status; /* of the interpreter, when it ended */
};

static struct cell *cell_of(struct pump *p)
{
    return ((struct job *)p)->driver;
}

static void cell_free(struct cell *cell)
{
    code_release(cell->sandbox, cell->context);
    buf_done(&cell->answer);
    job_unref(cell->job);
    free(cell);
}

static size_t cell_fds(struct pump *p, struct pollfd fds[PUMP_FDS])
{
    const struct code_context *c = cell_of(p)->context;
    const int all[PUMP_FDS] = { c->responses, c->out, c->errs, c->channel };
    size_t n = 0;

    for (int i = 0; i < PUMP_FDS; i++)
        if (all[i] >= 0)
            fds[n++] = (struct pollfd){ .fd = all[i], .events = POLLIN };
    return n;
}

/* Bytes moved; 0 when there is nothing now. */
static size_t drain(struct job *j, int stream, int *fd, char *bytes)
{
    ssize_t n = *fd >= 0 ? io_read(*fd, bytes, STEP_BYTES) : 0;

    if (!n || (n < 0 && errno != EAGAIN))
        fd_close(fd);
    if (n <= 0)
        return 0;
    job_output(j, stream, bytes, (size_t)n);
    return (size_t)n;
}

static void look_at_channel(struct cell *cell)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    struct code_context *c = cell->context;

    if (!f || c->channel < 0)
        return;
    switch (channel_recv(c->channel, f)) {
    case CHANNEL_AGAIN:
        return;
    case CHANNEL_FRAME:
        if (f->in.op == WIRE_EXIT)
            cell->wait_status = (int)wire_u32(&f->in, TAG_STATUS, 0);
        cell->ended |= f->in.op == WIRE_EXIT || f->in.op == WIRE_ERROR;
        return;
    case CHANNEL_BAD:
        (void)agent_violation(c->agent, "a malformed frame", NULL);
        break;
    case CHANNEL_EOF:
        break;
    }
    fd_close(&c->channel);
    cell->ended = true;
}

static void advance_clock(struct cell *cell, int64_t now)
{
    struct code_context *c = cell->context;
    struct pump *p = &cell->job->pump;

    if (!p->due_ms || now < p->due_ms)
        return;
    if (cell->stage == CELL_RUNS) {
        cell->stage = CELL_INTERRUPTED;
        p->due_ms = now + CODE_INTERRUPT_MS;
        if (c->channel >= 0 && channel_signal(c->channel, SIGINT, NULL))
            cell->ended = true;
        return;
    }
    cell->stage = CELL_KILLED;
    p->due_ms = now + CODE_INTERRUPT_MS;
    fd_close(&c->channel);
    cell->ended = true;
}

/* Nobody waits for the value any more: it goes where the output goes. */
static void append_answer(struct cell *cell)
{
    AUTO(code_result) struct code_result res = { 0 };

    if (!cell->answered ||
        code_parse(buf_str(&cell->answer), cell->answer.len, cell->id, cell->token, &res, NULL))
        return;
    if (res.text) {
        job_output(cell->job, 0, res.text, strlen(res.text));
        job_output(cell->job, 0, "\n", 1);
    }
    if (res.traceback)
        job_output(cell->job, 1, res.traceback, strlen(res.traceback));
}

static void say_ended(struct cell *cell)
{
    int s = cell->wait_status;

    if (cell->stage == CELL_KILLED)
        snprintf(cell->note, sizeof(cell->note),
                 "The cell did not stop when interrupted, so the interpreter was ended: its "
                 "variables are lost; the next call starts a fresh one.");
    else if (WIFSIGNALED(s))
        snprintf(cell->note, sizeof(cell->note),
                 "The interpreter was ended by signal %d: its variables are lost; the next call "
                 "starts a fresh one.",
                 WTERMSIG(s));
    else
        snprintf(cell->note, sizeof(cell->note),
                 "The interpreter ended (exit status %d): its variables are lost; the next call "
                 "starts a fresh one.",
                 WEXITSTATUS(s));
}

static bool finish(struct cell *cell)
{
    struct job *j = cell->job;
    int status = cell->answered && cell->stage == CELL_RUNS ? 0 : 1 << 8;

    if (cell->ended && !cell->answered) {
        say_ended(cell);
        status = cell->wait_status ? cell->wait_status : 1 << 8;
    }
    if (cell->background)
        append_answer(cell);
    if (cell->stage != CELL_RUNS) {
        pthread_mutex_lock(&j->lock);
        j->timed_out = true;
        pthread_mutex_unlock(&j->lock);
    }
    cell->context->dead = cell->context->dead || cell->ended || cell->context->once;
    if (cell->ended && !cell->wait_status && cell->context->agent->dead)
        job_killed(j);
    else
        job_exited(j, status);
    job_over(j);
    return true;
}

static bool cell_step(struct pump *p, int64_t now)
{
    struct cell *cell = cell_of(p);
    struct code_context *c = cell->context;
    int64_t until = clock_ms() + DRAIN_MS;
    AUTO_FREE char *bytes = malloc(STEP_BYTES);
    int got;

    if (!bytes)
        return false;
    (void)drain(cell->job, 0, &c->out, bytes);
    (void)drain(cell->job, 1, &c->errs, bytes);
    got = c->responses >= 0 ? code_read_line(c) : -1;
    if (got > 0 && !cell->answered && !code_take_line(c, &cell->answer, NULL))
        cell->answered = true;
    if (got < 0)
        fd_close(&c->responses);
    look_at_channel(cell);
    if (!cell->answered && !cell->ended) {
        cell->ended = got < 0 && c->channel < 0;
        advance_clock(cell, now);
    }
    if (!cell->answered && !cell->ended)
        return false;
    while (clock_ms() < until &&
           drain(cell->job, 0, &c->out, bytes) + drain(cell->job, 1, &c->errs, bytes))
        ;
    return finish(cell);
}

static void cell_drop(struct pump *p)
{
    cell_free(cell_of(p));
}

static const struct pump_ops cell_ops = {
    .fds = cell_fds,
    .step = cell_step,
    .drop = cell_drop,
};

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

static int take_answer(struct cell *cell, struct code_result *res, struct err *err)
{
    struct err bad = { 0 };

    if (cell->answered &&
        code_parse(buf_str(&cell->answer), cell->answer.len, cell->id, cell->token, res, &bad)) {
        err_set(err, ERR_UNAVAILABLE, "the interpreter's answer cannot be read: %.200s", bad.msg);
        return err_next(err, "call again");
    }
    if (!cell->answered) {
        res->status = CODE_ERROR;
        res->error_name = strdup("InterpreterEnded");
        res->error_value = strdup(cell->note);
    }
    if (cell->stage != CELL_RUNS)
        res->status = CODE_TIMEOUT;
    if (cell->note[0])
        res->note = strdup(cell->note);
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
    memcpy(res->context_id, c->once ? "" : c->id, c->once ? 1 : sizeof(c->id));
    if (make_request(cell, req, &line, err)) {
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
    r = take_streams(cell, req->max_bytes, res, err) || take_answer(cell, res, err);
    cell_free(cell);
    return r ? -1 : 0;
}
