#include "backend/local/pty.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FRAMES 16       /* in one step */
#define ANSWER_MS 15000 /* beyond the time a request may wait */
#define END_MS 3000     /* the agent's own way to end it */
#define END_HARD_MS 5000

struct waiter {
    struct list link;
    uint32_t seq; /* 0: for the end */
    int fd;
    bool done;
    struct pty_result *res;
    struct err err; /* code != 0: refused */
};

struct pty *pty_ref(struct pty *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void pty_unref(struct pty *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    fd_close(&p->channel);
    agent_unref(p->agent);
    pthread_mutex_destroy(&p->lock);
    free(p->command);
    free(p);
}

int pty_exit_code(int status, int *signal)
{
    *signal = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (status < 0)
        return -1;
    return *signal ? 128 + *signal : WEXITSTATUS(status);
}

/* ---- what comes ---- */

/* Lock held. */
static struct waiter *find(struct pty *p, uint32_t seq)
{
    list_each(link, &p->waiters)
    {
        struct waiter *w = list_of(link, struct waiter, link);
        if (w->seq == seq && !w->done)
            return w;
    }
    return NULL;
}

static void finish(struct waiter *w)
{
    w->done = true;
    (void)eventfd_write(w->fd, 1);
}

static int copy(const struct wire_in *in, uint16_t tag, struct buf *out, struct err *err)
{
    *out = BUF_MAX(WIRE_MAX);
    return in->tags[tag].len ? buf_add(out, in->tags[tag].data, in->tags[tag].len, err) : 0;
}

static int fill(struct pty *p, const struct wire_in *in, struct pty_result *r, struct err *err)
{
    uint32_t state = wire_u32(in, TAG_PTY_STATE, 0), cursor = wire_u32(in, TAG_PTY_CURSOR, 0);
    struct buf title;

    r->rows = p->rows = (int)(wire_u32(in, TAG_PTY_ROWS, 0) & 0xffff);
    r->cols = p->cols = (int)(wire_u32(in, TAG_PTY_COLS, 0) & 0xffff);
    r->row = (int)(cursor >> 16 & 0xffff) + 1;
    r->col = (int)(cursor & 0xffff) + 1;
    r->alive = p->alive;
    r->matched = state & WIRE_PTY_MATCHED;
    r->alternate = state & WIRE_PTY_ALTERNATE;
    r->hidden = state & WIRE_PTY_HIDDEN;
    r->cut = state & WIRE_PTY_CUT;
    r->costly = state & WIRE_PTY_COSTLY;
    r->missed = wire_i64(in, TAG_PTY_MISSED, 0);
    r->missed = r->missed < 0 ? 0 : r->missed;
    r->exit_code = p->alive ? -1 : pty_exit_code(p->status, &r->signal);
    if (copy(in, TAG_PTY_TITLE, &title, err))
        return -1;
    r->title = buf_take(&title);
    return copy(in, TAG_DATA, &r->screen, err) || copy(in, TAG_PTY_SCROLLED, &r->scrolled, err) ? -1
                                                                                                : 0;
}

/* Lock held. */
static void on_reply(struct pty *p, const struct wire_in *in)
{
    struct waiter *w = find(p, wire_u32(in, TAG_PTY_SEQ, 0));

    if (!w)
        return;
    (void)!fill(p, in, w->res, &w->err);
    finish(w);
}

/* Lock held. One without a number is of the start. */
static void on_error(struct pty *p, const struct frame *f)
{
    struct waiter *w = find(p, wire_u32(&f->in, TAG_PTY_SEQ, 1));

    if (!w)
        return;
    channel_error(f, &w->err);
    finish(w);
}

/* Lock held. False: a frame that does not belong. */
static bool take(struct pty *p, const struct frame *f)
{
    switch (f->in.op) {
    case WIRE_STARTED:
        p->started = p->alive = true;
        p->supervisor = wire_u32(&f->in, TAG_SUPERVISOR, 0);
        return true;
    case WIRE_REPLY:
        on_reply(p, &f->in);
        return true;
    case WIRE_ERROR:
        on_error(p, f);
        return true;
    case WIRE_EXIT:
        p->alive = false;
        p->status = (int)(wire_u32(&f->in, TAG_STATUS, 0) & 0xffff);
        p->ended_ms = clock_ms();
        return true;
    default:
        return false;
    }
}

/* Lock held. */
static void on_end(struct pty *p)
{
    if (p->alive || !p->ended_ms)
        p->ended_ms = clock_ms();
    p->alive = false;
    p->over = true;
    list_each(link, &p->waiters)(void) eventfd_write(list_of(link, struct waiter, link)->fd, 1);
}

static struct pty *pty_of(struct pump *pump)
{
    return (struct pty *)((char *)pump - offsetof(struct pty, pump));
}

static size_t pty_fds(struct pump *pump, struct pollfd fds[PUMP_FDS])
{
    fds[0] = (struct pollfd){ .fd = pty_of(pump)->channel, .events = POLLIN };
    return 1;
}

/* Lock held. A session that nobody uses ends, one that is over sooner. */
static void expire(struct pty *p, int64_t now_ms)
{
    int64_t limit = p->alive ? PTY_IDLE_MS : PTY_KEPT_MS;

    if (now_ms - p->used_ms >= limit && list_empty(&p->waiters)) {
        if (!*p->ended)
            snprintf(p->ended, sizeof(p->ended), "it was not used for %lld minutes",
                     (long long)limit / 60000);
        shutdown(p->channel, SHUT_RDWR);
    }
    p->pump.due_ms = p->used_ms + limit > now_ms ? p->used_ms + limit : now_ms + 1000;
}

static bool pty_step(struct pump *pump, int64_t now_ms)
{
    struct pty *p = pty_of(pump);
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    bool good = true, over = false;

    pump->due_ms = now_ms + 100;
    for (int i = 0; f && i < FRAMES && good && !over; i++) {
        enum channel_read r = channel_recv(p->channel, f);
        if (r == CHANNEL_AGAIN)
            break;
        pthread_mutex_lock(&p->lock);
        if (r == CHANNEL_EOF)
            over = true;
        else
            good = r == CHANNEL_FRAME && take(p, f);
        pthread_mutex_unlock(&p->lock);
    }
    if (!good)
        agent_violation(p->agent, "a frame that is none of a terminal", NULL);
    pthread_mutex_lock(&p->lock);
    if (over || !good)
        on_end(p);
    else
        expire(p, now_ms);
    pthread_mutex_unlock(&p->lock);
    return over || !good;
}

static void pty_drop(struct pump *pump)
{
    struct pty *p = pty_of(pump);

    pthread_mutex_lock(&p->lock);
    on_end(p);
    pthread_mutex_unlock(&p->lock);
    pty_unref(p);
}

const struct pump_ops pty_pump_ops = {
    .fds = pty_fds,
    .step = pty_step,
    .drop = pty_drop,
};

/* ---- those who wait ---- */

int pty_gone(struct pty *p, struct err *err)
{
    char why[320] = "the process that held its terminal was killed";

    pthread_mutex_lock(&p->lock);
    if (p->agent->dead)
        snprintf(why, sizeof(why), "the sandbox was stopped: %s", p->agent->why);
    else if (*p->ended)
        snprintf(why, sizeof(why), "%s", p->ended);
    pthread_mutex_unlock(&p->lock);
    err_set(err, ERR_GONE, "session %s is gone: %s", p->name, why);
    return err_next(err, "open another with terminal_session action=open");
}

static void join(struct pty *p, struct waiter *w)
{
    pthread_mutex_lock(&p->lock);
    list_append(&p->waiters, &w->link);
    p->used_ms = clock_ms();
    pthread_mutex_unlock(&p->lock);
}

static void leave(struct pty *p, struct waiter *w)
{
    pthread_mutex_lock(&p->lock);
    list_remove(&w->link);
    p->used_ms = clock_ms();
    pthread_mutex_unlock(&p->lock);
    close(w->fd);
}

/* 1 it is done or the session is over, 0 the time has passed, -1 the call was ended. */
static int await(struct pty *p, struct waiter *w, struct call *call, int64_t until_ms,
                 struct err *err)
{
    struct pollfd fds[2] = { { .fd = w->fd, .events = POLLIN },
                             { .fd = call->event_fd, .events = POLLIN } };

    for (;;) {
        bool done;
        pthread_mutex_lock(&p->lock);
        done = w->done || p->over;
        pthread_mutex_unlock(&p->lock);
        if (done)
            return 1;
        if (call_check(call, err))
            return -1;
        if (clock_ms() >= until_ms)
            return 0;
        poll(fds, 2, clock_left(until_ms));
    }
}

static int ask(struct pty *p, struct waiter *w, struct call *call, int64_t until_ms,
               struct err *err)
{
    int r = await(p, w, call, until_ms, err);

    if (r < 0)
        return -1;
    if (!r) {
        pty_end(p, "it did not answer in time");
        return err_set(err, ERR_UNAVAILABLE, "session %s did not answer and was closed", p->name);
    }
    if (!w->done || w->err.code) {
        if (w->err.code && err)
            *err = w->err;
        return w->err.code ? -1 : pty_gone(p, err);
    }
    return 0;
}

int pty_ask(struct pty *p, struct call *call, struct wire_out *out, int64_t yield_ms,
            int (*send)(struct pty *p, struct wire_out *w, struct err *err), struct pty_result *res,
            struct err *err)
{
    struct waiter w = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .res = res };
    int r;

    if (w.fd < 0)
        return err_sys(err, errno, "wait for the terminal");
    pthread_mutex_lock(&p->lock);
    w.seq = ++p->seq;
    pthread_mutex_unlock(&p->lock);
    wire_put_u32(out, TAG_PTY_SEQ, w.seq);
    join(p, &w);
    r = send(p, out, err) || ask(p, &w, call, clock_ms() + yield_ms + ANSWER_MS, err) ? -1 : 0;
    leave(p, &w);
    return r;
}

void pty_end(struct pty *p, const char *why)
{
    pthread_mutex_lock(&p->lock);
    if (!p->over && !*p->ended)
        snprintf(p->ended, sizeof(p->ended), "%s", why);
    shutdown(p->channel, SHUT_WR);
    pthread_mutex_unlock(&p->lock);
}

int pty_await_end(struct pty *p, struct call *call, struct err *err)
{
    struct waiter w = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    int r;

    if (w.fd < 0)
        return err_sys(err, errno, "wait for the terminal");
    join(p, &w);
    r = await(p, &w, call, clock_ms() + END_MS, err);
    if (!r) {
        shutdown(p->channel, SHUT_RDWR);
        r = await(p, &w, call, clock_ms() + END_HARD_MS, err);
    }
    leave(p, &w);
    return r < 0 ? -1 : 0;
}
