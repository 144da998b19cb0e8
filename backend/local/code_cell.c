#include "backend/local/code_cell.h"
#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STEP_BYTES (256 * 1024)
#define DRAIN_MS 250

static struct cell *cell_of(struct pump *p)
{
    return ((struct job *)p)->driver;
}

void cell_free(struct cell *cell)
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
        if (f->in.op == WIRE_STARTED)
            c->supervisor = wire_u32(&f->in, TAG_SUPERVISOR, 0);
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

const struct pump_ops cell_ops = {
    .fds = cell_fds,
    .step = cell_step,
    .drop = cell_drop,
};
