#include "backend/local/browser_wire.h"
#include "backend/local/local.h"
#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define WHY_MS 2000 /* its end is told soon after its pipe's */

struct boxed_wire {
    struct cdp_wire base;
    struct cdp_wire *pipe;
    struct agent *agent;
    int channel;
    atomic_bool stopped; /* by us: no reason is asked for */

    pthread_mutex_t lock;
    struct err why; /* lock: what was said of its end */
};

static struct boxed_wire *boxed(struct cdp_wire *wire)
{
    return (struct boxed_wire *)wire;
}

/* ---- why it ended ---- */

static bool says_much(const char *line, size_t n)
{
    static const char *const words[] = { "FATAL", "error while loading", "Resource temporarily",
                                         "o space left", "Check failed" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (memmem(line, n, words[i], strlen(words[i])))
            return true;
    return false;
}

void browser_last_words(const char *text, size_t len, char out[256])
{
    const char *best = NULL, *end = text + len;
    size_t best_len = 0;
    bool much = false;

    for (const char *line = text, *next; line < end; line = next) {
        const char *nl = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((nl ? nl : end) - line);
        bool says = says_much(line, n);
        next = line + n + 1;
        if (!n || (much && !says))
            continue;
        much = says;
        best = line;
        best_len = n;
    }
    snprintf(out, 256, "%.*s", best ? (int)best_len : 0, best ? best : "");
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = ' ';
}

static int explain_exit(const struct frame *f, struct err *err)
{
    int status = (int)wire_u32(&f->in, TAG_STATUS, 0);
    char words[256];

    browser_last_words((const char *)f->in.tags[TAG_TEXT].data, f->in.tags[TAG_TEXT].len, words);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return err_set(err, ERR_UNAVAILABLE,
                       "the browser was killed, by a program or for lack of memory");
    if (WIFSIGNALED(status))
        return err_set(err, ERR_UNAVAILABLE, "the browser crashed (signal %d)%s%s",
                       WTERMSIG(status), *words ? ": " : "", words);
    return err_set(err, ERR_UNAVAILABLE, "the browser ended with status %d%s%s",
                   WEXITSTATUS(status), *words ? ": " : "", words);
}

/* -1 with the reason; 0: nothing was said. */
static int ask_why(struct boxed_wire *w, struct err *err)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    int64_t until = clock_ms() + WHY_MS;

    while (f && clock_ms() < until && !atomic_load(&w->stopped)) {
        struct pollfd p = { .fd = w->channel, .events = POLLIN };
        switch (channel_recv(w->channel, f)) {
        case CHANNEL_FRAME:
            if (f->in.op == WIRE_EXIT)
                return explain_exit(f, err);
            return agent_violation(w->agent, "an unexpected frame", err);
        case CHANNEL_BAD:
            return agent_violation(w->agent, "a malformed frame", err);
        case CHANNEL_EOF:
            return err_set(err, ERR_UNAVAILABLE, "the browser ended%s",
                           w->agent->dead ? " with its sandbox" : "");
        case CHANNEL_AGAIN:
            break;
        }
        poll(&p, 1, clock_left(until));
    }
    return 0;
}

/* Whoever meets the end first asks. *err: what is said when there is no better reason. */
static int explain(struct boxed_wire *w, struct err *err)
{
    pthread_mutex_lock(&w->lock);
    if (!w->why.code && ask_why(w, &w->why))
        err_next(&w->why, "call again, a new browser is started then");
    if (err && w->why.code)
        *err = w->why;
    pthread_mutex_unlock(&w->lock);
    return -1;
}

static int boxed_send(struct cdp_wire *wire, const char *json, size_t len, struct err *err)
{
    struct boxed_wire *w = boxed(wire);

    if (!w->pipe->send(w->pipe, json, len, err))
        return 0;
    return atomic_load(&w->stopped) ? -1 : explain(w, err);
}

static int boxed_receive(struct cdp_wire *wire, struct buf *buf, struct err *err)
{
    struct boxed_wire *w = boxed(wire);
    int got = w->pipe->receive(w->pipe, buf, err);

    if (got > 0 || atomic_load(&w->stopped))
        return got;
    if (!got)
        err_set(err, ERR_UNAVAILABLE, "the browser closed its connection");
    return explain(w, err);
}

/* ---- its end ---- */

static void boxed_stop(struct cdp_wire *wire)
{
    atomic_store(&boxed(wire)->stopped, true);
    boxed(wire)->pipe->stop(boxed(wire)->pipe);
}

/* The supervisor kills all of it, and closes the channel behind that. */
static void wait_for_end(int channel)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));
    int64_t until = clock_ms() + BROWSER_END_MS;

    (void)shutdown(channel, SHUT_WR);
    while (f && clock_ms() < until) {
        struct pollfd p = { .fd = channel, .events = POLLIN };
        enum channel_read r = channel_recv(channel, f);
        if (r == CHANNEL_EOF || r == CHANNEL_BAD)
            return;
        if (r == CHANNEL_AGAIN)
            poll(&p, 1, clock_left(until));
    }
}

static void boxed_free(struct cdp_wire *wire)
{
    struct boxed_wire *w = boxed(wire);

    w->pipe->free(w->pipe);
    wait_for_end(w->channel);
    fd_close(&w->channel);
    agent_unref(w->agent);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int browser_wire_new(struct agent *a, int channel, int from_browser, int to_browser,
                     struct cdp_wire **out, struct err *err)
{
    AUTO_FD int mine = channel;
    struct cdp_wire *pipe;
    struct boxed_wire *w;

    if (cdp_pipe_new(from_browser, to_browser, &pipe, err))
        return -1;
    w = calloc(1, sizeof(*w));
    if (!w) {
        pipe->free(pipe);
        return err_oom(err);
    }
    *w = (struct boxed_wire){
        .base = { boxed_send, boxed_receive, boxed_stop, boxed_free },
        .pipe = pipe,
        .agent = agent_ref(a),
        .channel = TAKE_FD(&mine),
    };
    pthread_mutex_init(&w->lock, NULL);
    *out = &w->base;
    return 0;
}
