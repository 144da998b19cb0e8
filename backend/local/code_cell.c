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
    code_result_done(&cell->result);
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

static void keep_late(struct cell *cell)
{
    struct code_result *r = &cell->result, *kept;

    if (!r->result_count && !r->files_created.count)
        return;
    kept = code_results_copy(r, NULL);
    if (kept && job_keep_late(cell->job, kept))
        return;
    if (kept)
        code_result_done(kept);
    free(kept);
    snprintf(
        cell->note, sizeof(cell->note),
        "What it showed is too much to be kept: save it to files and show it in another cell.");
}

static void keep_note(struct cell *cell)
{
    struct job *j = cell->job;

    if (!cell->note[0])
        return;
    pthread_mutex_lock(&j->lock);
    free(j->note);
    j->note = strdup(cell->note);
    pthread_mutex_unlock(&j->lock);
}

/*
 * Nobody waits for the value any more: it goes where the output goes. The end is declared by then,
 * so that who is woken by it reads all in one answer.
 */
static void append_answer(struct cell *cell)
{
    const struct code_result *r = &cell->result;
    AUTO(buf) struct buf value = BUF_MAX(CODE_LINE_MAX);

    if (r->text && !buf_addf(&value, NULL, "[result] %s\n", r->text))
        job_output(cell->job, 0, value.data, value.len);
    if (r->traceback)
        job_output(cell->job, 1, r->traceback, strlen(r->traceback));
}

static bool oom_killed(struct local_sandbox *sb)
{
    int64_t kills;
    bool more;

    pthread_mutex_lock(&sb->lock);
    kills = cgroups_oom_kills(&sb->cgroups);
    more = kills > sb->last_oom_kills;
    sb->last_oom_kills = kills;
    pthread_mutex_unlock(&sb->lock);
    return more;
}

/* State lock held. */
static void say_why(struct cell *cell, bool oom, char why[CODE_WHY])
{
    int s = cell->wait_status;
    const struct code_context *c = cell->context;

    if (c->ending[0])
        snprintf(why, CODE_WHY, "The interpreter was ended by %s", c->ending);
    else if (cell->stage == CELL_KILLED)
        snprintf(why, CODE_WHY,
                 "The cell did not stop when interrupted, so the interpreter was "
                 "ended");
    else if (cell->garbled)
        snprintf(why, CODE_WHY, "The interpreter's answer cannot be read, so it was ended");
    else if (oom)
        snprintf(why, CODE_WHY,
                 "The interpreter was ended by signal 9: the sandbox's memory was "
                 "used up");
    else if (WIFSIGNALED(s))
        snprintf(why, CODE_WHY, "The interpreter was ended by signal %d", WTERMSIG(s));
    else
        snprintf(why, CODE_WHY, "The interpreter ended (exit status %d)", WEXITSTATUS(s));
}

static void say_ended(struct cell *cell)
{
    struct code_state *s = cell->sandbox->code;
    struct code_context *c = cell->context;
    bool oom = WIFSIGNALED(cell->wait_status) && WTERMSIG(cell->wait_status) == SIGKILL &&
               oom_killed(cell->sandbox);
    char why[CODE_WHY];

    pthread_mutex_lock(&s->lock);
    say_why(cell, oom, why);
    if (cell->background && !c->ending[0])
        snprintf(c->why, sizeof(c->why), "%s", why);
    pthread_mutex_unlock(&s->lock);
    snprintf(cell->note, sizeof(cell->note),
             "%s: its variables are lost; the next call starts a fresh one.", why);
}

/* What it answered, when that is an answer to this request. */
static void judge(struct cell *cell)
{
    if (!cell->answered || !code_parse(buf_str(&cell->answer), cell->answer.len, cell->id,
                                       cell->token, &cell->result, NULL))
        return;
    code_result_done(&cell->result);
    cell->answered = false;
    cell->garbled = cell->ended = true;
}

static bool finish(struct cell *cell)
{
    struct job *j = cell->job;
    int status = 0;

    judge(cell);
    if (!cell->answered) {
        say_ended(cell);
        status = cell->wait_status ? cell->wait_status : 1 << 8;
    } else if (cell->stage != CELL_RUNS || cell->result.status != CODE_OK) {
        status = 1 << 8;
    }
    if (cell->background) {
        keep_late(cell);
        keep_note(cell);
    }
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
    if (cell->background)
        append_answer(cell);
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
