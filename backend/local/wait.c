#include "backend/local/wait.h"
#include "backend/local/local.h"
#include "backend/local/wait_url.h"
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#define OPEN_MS 50   /* a line that matches may become longer for so long */
#define AGAIN_MS 200 /* behind an answer that was not good */
#define PROGRESS_MS 1000
#define LINE_BYTES 2000
#define REQUEST_BYTES 8192

struct waiting {
    struct local_sandbox *sandbox;
    struct call *call;
    const struct wait_request *req;
    struct wait_result *res;
    int64_t began_ms, until_ms;
    struct job *job; /* NULL none */
    struct job_waiter waiter;
    struct spool_regex *re; /* NULL none */
    uint64_t at[2];         /* where the search goes on */
    int64_t open_ms;        /* a line without an end matched: it is taken then; 0 none */
    struct agent *agent;    /* NULL: no port is waited for */
    int channel;
    uint16_t port;
    bool proxy;         /* it is the one of the way out */
    struct buf request; /* for the server of the URL */
    int64_t again_ms;   /* ask it once more then; 0 it was asked */
    struct frame *frame;
};

static void waiting_done(struct waiting *w)
{
    if (w->job)
        job_waiter_remove(w->job, &w->waiter);
    job_unref(w->job);
    spool_regex_free(w->re);
    fd_close(&w->channel);
    agent_unref(w->agent);
    buf_done(&w->request);
    free(w->frame);
}

/* ---- ports ---- */

static int ask(struct waiting *w, struct err *err)
{
    struct wire_out start;

    wire_begin(&start, WIRE_START, 0);
    wire_put_u32(&start, TAG_PORT, w->port);
    if (w->request.len)
        wire_put(&start, TAG_DATA, w->request.data, w->request.len);
    w->again_ms = 0;
    if (w->channel < 0)
        return agent_open(w->agent, WIRE_PROBE, &start, NULL, 0, &w->channel, err);
    return channel_send(w->channel, &start, NULL, 0, err);
}

static int found_port(struct waiting *w)
{
    w->res->end = WAIT_END_PORT;
    return 1;
}

static int say(struct waiting *w, const char *text, struct err *err)
{
    free(w->res->note);
    w->res->note = strdup(text);
    return w->res->note ? 0 : err_oom(err);
}

/* What the server of the URL said first. 1 it is good. */
static int judge(struct waiting *w, struct err *err)
{
    const uint8_t *answer = w->frame->in.tags[TAG_DATA].data;
    int status = wait_url_status(answer, w->frame->in.tags[TAG_DATA].len);

    if (w->proxy && local_denied(w->sandbox, w->began_ms, &w->res->denied, err))
        return -1;
    if (status == 403 && w->res->denied.count)
        return err_set(err, ERR_DENIED, "%s", w->res->denied.items[w->res->denied.count - 1]);
    w->res->http_status = status;
    if (status && status < 500) {
        w->res->end = WAIT_END_URL;
        return 1;
    }
    w->again_ms = clock_ms() + AGAIN_MS;
    if (status)
        return 0;
    return say(w,
               wire_has(&w->frame->in, TAG_DATA) && w->frame->in.tags[TAG_DATA].len
                   ? "What listens on that port does not answer in HTTP."
                   : "What listens on that port takes connections, and does not answer.",
               err);
}

static int look_at_channel(struct waiting *w, struct err *err)
{
    switch (channel_recv(w->channel, w->frame)) {
    case CHANNEL_AGAIN:
        return 0;
    case CHANNEL_FRAME:
        if (w->frame->in.op == WIRE_ERROR)
            return channel_error(w->frame, err);
        if (w->frame->in.op == WIRE_REPLY && !w->again_ms)
            return w->request.len ? judge(w, err) : found_port(w);
        break;
    case CHANNEL_EOF:
        err_set(err, ERR_UNAVAILABLE, "the sandbox was stopped meanwhile");
        return err_next(err, "start again what was to listen");
    case CHANNEL_BAD:
        break;
    }
    return agent_violation(w->agent, "a malformed or unexpected frame", err);
}

/* ---- the process ---- */

static int keep_line(struct waiting *w, const struct buf *line, struct err *err)
{
    size_t n = line->len < LINE_BYTES ? line->len : LINE_BYTES;

    free(w->res->line);
    w->res->line = malloc(n + 1);
    if (!w->res->line)
        return err_oom(err);
    if (n)
        memcpy(w->res->line, line->data, n);
    w->res->line[n] = '\0';
    return 0;
}

/* Job lock held. What has no end yet is given a moment to become longer. */
static int search(struct waiting *w, bool ended, struct err *err)
{
    struct spool *streams[2] = { &w->job->out, &w->job->errs };
    int64_t now = clock_ms();

    for (int i = 0; i < 2; i++) {
        AUTO(buf) struct buf line = BUF_MAX(2 * SPOOL_LINE);
        uint64_t at = w->at[i];
        bool open;
        int r = spool_find(streams[i], &w->job->lock, &at, ended, w->re, &line, &open, err);
        if (r < 0)
            return -1;
        if (r && open && !ended && (!w->open_ms || now < w->open_ms)) {
            w->open_ms = w->open_ms ? w->open_ms : now + OPEN_MS;
            return 0;
        }
        w->at[i] = at;
        if (r) {
            w->res->end = WAIT_END_PATTERN;
            return keep_line(w, &line, err) ? -1 : 1;
        }
    }
    return 0;
}

/* Job lock held. True when nothing that is waited for can come from it any more. */
static bool is_over(const struct waiting *w)
{
    const struct job *j = w->job;

    if (w->re)
        return j->phase == JOB_OVER || (j->phase == JOB_BACKGROUND && !j->held);
    return j->phase >= (w->agent ? JOB_OVER : JOB_BACKGROUND);
}

static int look_at_job(struct waiting *w, struct err *err)
{
    bool over;
    int r = 0;

    pthread_mutex_lock(&w->job->lock);
    over = is_over(w);
    if (w->re)
        r = search(w, over, err);
    pthread_mutex_unlock(&w->job->lock);
    if (r || !over)
        return r;
    w->res->end = WAIT_END_EXIT;
    return 1;
}

/* Job lock held: where the reason of a failure is, or else what it said last. */
static int last_line(const struct job *j, struct buf *out, struct err *err)
{
    const struct spool *order[2] = { &j->out, &j->errs };
    bool failed =
        j->status == EXEC_RUNNING ? j->errs_last : j->status != EXEC_EXITED || j->exit_code;

    for (int i = 0; i < 2; i++) {
        struct stream_text t = { 0 };
        int r = spool_tail(order[failed ? 1 - i : i], 1, LINE_BYTES, &t, err);
        if (!r && t.text.len) {
            *out = t.text;
            return 0;
        }
        buf_done(&t.text);
        if (r)
            return -1;
    }
    return 0;
}

static int tell_job(struct waiting *w, struct err *err)
{
    AUTO(buf) struct buf line = BUF_MAX(0);
    struct wait_result *res = w->res;
    struct job *j = w->job;
    int r = 0;

    pthread_mutex_lock(&j->lock);
    res->process = true;
    res->status = j->status;
    res->exit_code = j->exit_code;
    res->signal = j->signal;
    if (res->end != WAIT_END_PATTERN)
        r = last_line(j, &line, err);
    if (!r && j->note && !res->note && !(res->note = strdup(j->note)))
        r = err_oom(err);
    pthread_mutex_unlock(&j->lock);
    if (w->re)
        snprintf(res->cursor, sizeof(res->cursor), "%" PRIu64 "-%" PRIu64, w->at[0], w->at[1]);
    return r || (line.len && keep_line(w, &line, err)) ? -1 : 0;
}

/* ---- both ---- */

static void progress(struct waiting *w)
{
    AUTO(buf) struct buf line = BUF_MAX(0);

    if (!w->call->progress)
        return;
    if (w->job) {
        pthread_mutex_lock(&w->job->lock);
        (void)last_line(w->job, &line, NULL);
        pthread_mutex_unlock(&w->job->lock);
    }
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    w->call->progress(w->call, (double)(clock_ms() - w->began_ms) / 1e3,
                      line.len ? line.data : NULL, line.len);
}

static void sleep_on(struct waiting *w)
{
    struct pollfd p[3] = { { .fd = w->call->event_fd, .events = POLLIN },
                           { .fd = w->job ? w->waiter.fd : -1, .events = POLLIN },
                           { .fd = w->channel, .events = POLLIN } };
    int64_t due = clock_earlier(w->until_ms, clock_earlier(w->open_ms, w->again_ms));
    eventfd_t ignored;

    if (w->call->progress)
        due = clock_earlier(due, clock_ms() + PROGRESS_MS);
    (void)poll(p, 3, clock_left(due));
    if (w->job)
        (void)eventfd_read(w->waiter.fd, &ignored);
}

static int look(struct waiting *w, struct err *err)
{
    int r = 0;

    if (w->agent && w->again_ms && clock_ms() >= w->again_ms && ask(w, err))
        return -1;
    if (w->agent)
        r = look_at_channel(w, err);
    if (!r && w->job)
        r = look_at_job(w, err);
    return r;
}

static int wait_for(struct waiting *w, struct err *err)
{
    int r;

    while (!(r = look(w, err))) {
        if (call_check(w->call, err))
            return -1;
        if (clock_ms() >= w->until_ms)
            break;
        sleep_on(w);
        progress(w);
    }
    if (r < 0 || (w->job && tell_job(w, err)))
        return -1;
    w->res->elapsed_ms = clock_ms() - w->began_ms;
    return 0;
}

static int prepare_url(struct waiting *w, struct err *err)
{
    struct wait_url url;

    w->request = BUF_MAX(REQUEST_BYTES);
    if (wait_url_parse(w->req->url, &url, &w->request, err))
        return -1;
    w->proxy = !url.loopback;
    w->port = w->proxy ? EGRESS_PORT : url.port;
    if (url.loopback || w->sandbox->backend->policy)
        return 0;
    if (w->sandbox->backend->host_runtime) {
        err_set(err, ERR_UNSUPPORTED, "url: %s is another machine", url.host);
        return err_next(err, "loop over curl in terminal_execute");
    }
    err_set(err, ERR_DENIED, "url: %s is not in this sandbox, which has no network", url.host);
    return err_next(err, "wait for localhost");
}

static int prepare(struct waiting *w, struct err *err)
{
    const struct wait_request *req = w->req;

    if (req->process_id) {
        if (job_find(w->sandbox, req->process_id, &w->job, err))
            return -1;
        if (job_waiter_add(w->job, &w->waiter, err)) {
            job_unref(TAKE(w->job));
            return -1;
        }
    }
    if (req->pattern && spool_regex_new(req->pattern, &w->re, err))
        return err_wrap(err, "pattern");
    if (req->cursor && job_position(w->job, req->cursor, &w->at[0], &w->at[1], err))
        return -1;
    if (!req->port && !req->url)
        return 0;
    w->port = (uint16_t)req->port;
    w->frame = malloc(sizeof(*w->frame));
    if (!w->frame)
        return err_oom(err);
    return (req->url && prepare_url(w, err)) || local_agent(w->sandbox, w->call, &w->agent, err) ||
                   ask(w, err)
               ? -1
               : 0;
}

int local_wait(struct sandbox *base, struct call *call, const struct wait_request *req,
               struct wait_result *res, struct err *err)
{
    int64_t now = clock_ms();
    AUTO(waiting)
    struct waiting w = {
        .sandbox = local_sandbox_of(base),
        .call = call,
        .req = req,
        .res = res,
        .began_ms = now,
        .until_ms = clock_earlier(now + req->timeout_ms, call->deadline_ms),
        .channel = -1,
    };

    if (prepare(&w, err) || wait_for(&w, err))
        return -1;
    res->matched = res->end != WAIT_END_TIMEOUT &&
                   (res->end != WAIT_END_EXIT || (!req->pattern && !req->port && !req->url));
    return 0;
}
