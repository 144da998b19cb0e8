#include "backend/local/code.h"
#include "base/clock.h"
#include "base/io.h"
#include "embed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define READ_BYTES (64 * 1024)
#define COMPLAINT_MAX 600

static const struct {
    const char *language, *file, *text, *end;
} runners[] = {
    { "python", "runner.py", embed_runner_py, embed_runner_py_end },
    { "javascript", "runner.js", embed_runner_js, embed_runner_js_end },
    { "typescript", "runner.js", embed_runner_js, embed_runner_js_end },
    { "r", "runner.R", embed_runner_R, embed_runner_R_end },
};

const char *code_known_language(const char *language)
{
    for (size_t i = 0; i < COUNT_OF(runners); i++)
        if (!strcmp(runners[i].language, language))
            return runners[i].language;
    return NULL;
}

int code_read_line(struct code_context *c)
{
    size_t seen = c->line.len;

    for (;;) {
        char *p;
        ssize_t n;
        if (c->line.len > seen && memchr(c->line.data + seen, '\n', c->line.len - seen))
            return 1;
        seen = c->line.len;
        if (c->line.max - c->line.len < READ_BYTES)
            return -1;
        p = buf_reserve(&c->line, READ_BYTES, NULL);
        n = p ? io_read(c->responses, p, READ_BYTES) : -1;
        if (n < 0 && errno == EAGAIN)
            return c->line.len && memchr(c->line.data, '\n', c->line.len) ? 1 : 0;
        if (n <= 0)
            return -1;
        buf_commit(&c->line, (size_t)n);
    }
}

int code_take_line(struct code_context *c, struct buf *out, struct err *err)
{
    const char *nl = memchr(c->line.data, '\n', c->line.len);
    size_t n = (size_t)(nl - c->line.data);

    buf_init(out, CODE_LINE_MAX);
    if (n + 1 == c->line.len) {
        *out = c->line;
        out->len = n;
        out->data[n] = '\0';
        c->line = BUF_MAX(CODE_LINE_MAX);
        return 0;
    }
    if (buf_add(out, c->line.data, n, err))
        return -1;
    buf_drop_front(&c->line, n + 1);
    return 0;
}

/* Without namespaces nothing is bound into place: the script lies in the state directory. */
static int host_script(struct local_sandbox *sb, size_t i, char *path, size_t size, struct err *err)
{
    AUTO_FD int fd = -1;

    snprintf(path, size, "%s/v1/%s", sb->backend->state.root, runners[i].file);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return err_sys(err, errno, "write %s", path);
    if (io_write_all(fd, runners[i].text, (size_t)(runners[i].end - runners[i].text)))
        return err_sys(err, errno, "write %s", path);
    return 0;
}

static int make_start(struct local_sandbox *sb, struct code_context *c, struct wire_out *w,
                      struct err *err)
{
    AUTO(buf) struct buf cwd = BUF_MAX(8192);
    char path[4096];
    size_t i = 0;

    while (strcmp(runners[i].language, c->language))
        i++;
    if (local_path(sb, c->cwd, &cwd, err) ||
        (c->agent->host && host_script(sb, i, path, sizeof(path), err)))
        return -1;
    wire_begin(w, WIRE_START, 0);
    wire_put_str(w, TAG_LANGUAGE, c->language);
    wire_put_str(w, TAG_CWD, cwd.data);
    if (c->agent->host)
        wire_put_str(w, TAG_PATH, path);
    return wire_end(w) ? 0 : err_set(err, ERR_INTERNAL, "the request is too long");
}

static int open_pipes(struct local_sandbox *sb, struct code_context *c, int inside[5],
                      struct err *err)
{
    inside[0] = fcntl(sb->backend->null_fd, F_DUPFD_CLOEXEC, 3);
    if (inside[0] < 0)
        return err_sys(err, errno, "/dev/null");
    return agent_pipe_out(c->agent, &c->out, &inside[1], err) ||
                   agent_pipe_out(c->agent, &c->errs, &inside[2], err) ||
                   agent_pipe_in(c->agent, &c->requests, &inside[3], err) ||
                   agent_pipe_out(c->agent, &c->responses, &inside[4], err)
               ? -1
               : 0;
}

static int launch(struct local_sandbox *sb, struct code_context *c, struct err *err)
{
    AUTO_FREE struct wire_out *start = malloc(sizeof(*start));
    int inside[5] = { -1, -1, -1, -1, -1 }, r;

    if (!start)
        return err_oom(err);
    r = make_start(sb, c, start, err) || open_pipes(sb, c, inside, err) ||
        agent_open(c->agent, WIRE_RUNNER, start, inside, 5, &c->channel, err);
    for (int i = 0; i < 5; i++)
        fd_close(&inside[i]);
    return r ? -1 : 0;
}

/* What it said on stderr, for the error. */
static int did_not_start(struct code_context *c, struct err *err)
{
    char text[COMPLAINT_MAX];
    ssize_t n = io_read(c->errs, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    code_one_line(text);
    err_set(err, ERR_UNAVAILABLE, "the %s interpreter did not start%s%s", c->language,
            *text ? ", and said: " : "", text);
    return err_next(err, "try it by hand with terminal_execute; the language may not be installed");
}

/* 1 go on waiting, -1 over */
static int look_at_channel(struct code_context *c, struct err *err)
{
    AUTO_FREE struct frame *f = malloc(sizeof(*f));

    if (!f)
        return err_oom(err);
    switch (channel_recv(c->channel, f)) {
    case CHANNEL_AGAIN:
        return 1;
    case CHANNEL_FRAME:
        if (f->in.op == WIRE_STARTED) {
            c->supervisor = wire_u32(&f->in, TAG_SUPERVISOR, 0);
            return 1;
        }
        if (f->in.op == WIRE_EXIT)
            return did_not_start(c, err);
        if (f->in.op == WIRE_ERROR)
            return channel_error(f, err);
        break;
    case CHANNEL_EOF:
        return did_not_start(c, err);
    case CHANNEL_BAD:
        break;
    }
    return agent_violation(c->agent, "a malformed frame", err);
}

static int await_hello(struct code_context *c, struct call *call, struct err *err)
{
    AUTO(buf) struct buf hello = { 0 };
    int64_t until = clock_ms() + CODE_START_MS;

    for (;;) {
        struct pollfd p[3] = { { .fd = c->responses, .events = POLLIN },
                               { .fd = c->channel, .events = POLLIN },
                               { .fd = call->event_fd, .events = POLLIN } };
        int n = poll(p, 3, clock_left(until));
        if (call_check(call, err))
            return -1;
        if (n > 0 && p[0].revents) {
            int got = code_read_line(c);
            if (got > 0)
                return code_take_line(c, &hello, err) ||
                               code_parse_hello(buf_str(&hello), hello.len, err)
                           ? -1
                           : 0;
            if (got < 0 && look_at_channel(c, err) < 0)
                return -1;
            if (got < 0)
                return did_not_start(c, err);
        }
        if (n > 0 && p[1].revents && look_at_channel(c, err) < 0)
            return -1;
        if (!n)
            return did_not_start(c, err);
    }
}

int code_start(struct local_sandbox *sb, struct call *call, struct code_context *c, struct err *err)
{
    if (local_agent(sb, call, &c->agent, err) || launch(sb, c, err))
        return -1;
    return await_hello(c, call, err);
}
