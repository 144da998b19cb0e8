#include "backend/local/files.h"
#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <string.h>

int file_op_begin(struct file_op *op, struct local_sandbox *sb, struct call *call, const char *path,
                  struct err *err)
{
    AUTO(buf) struct buf full = BUF_MAX(8192);

    *op = (struct file_op){ .channel = -1, .data = BUF_MAX(FILES_DATA_MAX) };
    op->start = malloc(sizeof(*op->start));
    op->reply = malloc(sizeof(*op->reply));
    if (!op->start || !op->reply)
        return err_oom(err);
    if (local_path(sb, path, &full, err) || local_agent(sb, call, &op->agent, err))
        return -1;
    wire_begin(op->start, WIRE_START, 0);
    wire_put_str(op->start, TAG_PATH, full.data);
    return 0;
}

void file_op_done(struct file_op *op)
{
    fd_close(&op->channel);
    buf_done(&op->data);
    free(op->start);
    free(op->reply);
    agent_unref(op->agent);
    *op = (struct file_op){ .channel = -1 };
}

char *file_op_str(const struct file_op *op, uint16_t tag)
{
    uint32_t n = op->reply->in.tags[tag].len;
    char *s = malloc((size_t)n + 1);

    if (!s)
        return NULL;
    if (n)
        memcpy(s, op->reply->in.tags[tag].data, n);
    s[n] = '\0';
    return s;
}

/* A kept channel of this very agent, or -1. */
static int take_kept(struct local_sandbox *sb, const struct agent *a)
{
    int fd = -1;

    pthread_mutex_lock(&sb->lock);
    for (size_t i = 0; i < COUNT_OF(sb->kept) && fd < 0; i++)
        if (sb->kept[i].agent == a) {
            fd = TAKE_FD(&sb->kept[i].channel);
            agent_unref(TAKE(sb->kept[i].agent));
        }
    pthread_mutex_unlock(&sb->lock);
    return fd;
}

static void keep(struct local_sandbox *sb, struct file_op *op)
{
    struct agent *stale = NULL;
    int old = -1;

    pthread_mutex_lock(&sb->lock);
    for (size_t i = 0; i < COUNT_OF(sb->kept) && op->channel >= 0 && sb->agent == op->agent; i++) {
        if (sb->kept[i].agent == op->agent)
            continue;
        if (sb->kept[i].agent) {
            stale = sb->kept[i].agent;
            old = sb->kept[i].channel;
        }
        sb->kept[i].agent = agent_ref(op->agent);
        sb->kept[i].channel = TAKE_FD(&op->channel);
    }
    pthread_mutex_unlock(&sb->lock);
    fd_close(&old);
    agent_unref(stale);
}

void local_files_stopped(struct local_sandbox *sb)
{
    for (size_t i = 0; i < COUNT_OF(sb->kept); i++) {
        if (sb->kept[i].agent)
            fd_close(&sb->kept[i].channel);
        agent_unref(TAKE(sb->kept[i].agent));
    }
}

/* The request on a kept channel or a new one, with the sandbox's end of the pipe. */
static int send_start(struct file_op *op, struct local_sandbox *sb, uint8_t kind, const int *pipe,
                      struct err *err)
{
    size_t count = pipe && *pipe >= 0 ? 1 : 0;

    op->channel = kind == WIRE_FILE ? take_kept(sb, op->agent) : -1;
    op->kept = op->channel >= 0;
    if (op->kept) {
        if (!channel_send(op->channel, op->start, pipe, count, NULL))
            return 0;
        fd_close(&op->channel);
        op->kept = false;
    }
    return agent_open(op->agent, kind, op->start, pipe, count, &op->channel, err);
}

int file_op_wait(struct agent *a, int fd, short events, struct call *call, int64_t until,
                 struct err *err)
{
    struct pollfd p[2] = { { .fd = fd, .events = events },
                           { .fd = call->event_fd, .events = POLLIN } };

    if (poll(p, 2, clock_left(until)) == 0)
        return agent_silent(a, err);
    return call_check(call, err);
}

static int write_pipe(struct agent *a, int fd, const char *data, size_t len, struct call *call,
                      int64_t until, struct err *err)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EPIPE) {
            return 0; /* the agent says why in its answer */
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return err_sys(err, errno, "write to the sandbox");
        } else if (file_op_wait(a, fd, POLLOUT, call, until, err)) {
            return -1;
        }
    }
    return 0;
}

static int read_pipe(struct agent *a, int fd, struct buf *out, size_t len, struct call *call,
                     int64_t until, struct err *err)
{
    if (len > out->max)
        return agent_violation(a, "an answer that is too long", err);
    while (out->len < len) {
        char *p = buf_reserve(out, len - out->len, err);
        ssize_t n;
        if (!p)
            return -1;
        n = io_read(fd, p, len - out->len);
        if (n > 0)
            buf_commit(out, (size_t)n);
        else if (!n)
            return err_set(err, ERR_UNAVAILABLE, "the operation was ended in the sandbox");
        else if (errno != EAGAIN)
            return err_sys(err, errno, "read from the sandbox");
        else if (file_op_wait(a, fd, POLLIN, call, until, err))
            return -1;
    }
    return 0;
}

static int take_data(struct file_op *op, int fd, struct call *call, int64_t until, struct err *err)
{
    const struct wire_in *in = &op->reply->in;
    int64_t len = wire_i64(in, TAG_LENGTH, -1);

    if (len > 0)
        return read_pipe(op->agent, fd, &op->data, (size_t)len, call, until, err);
    return buf_add(&op->data, in->tags[TAG_DATA].data ? (const char *)in->tags[TAG_DATA].data : "",
                   in->tags[TAG_DATA].len, err);
}

static int attempt(struct file_op *op, struct local_sandbox *sb, struct call *call, uint8_t kind,
                   const void *send, size_t send_len, struct err *err)
{
    int64_t until = clock_ms() + (op->timeout_ms ? op->timeout_ms : FILES_TIMEOUT_MS);
    AUTO_FD int mine = -1;
    AUTO_FD int theirs = -1;
    bool through_pipe = send_len > WIRE_INLINE_MAX;

    if (send ? through_pipe && agent_pipe_in(op->agent, &mine, &theirs, err)
             : agent_pipe_out(op->agent, &mine, &theirs, err))
        return -1;
    if (send_start(op, sb, kind, &theirs, err))
        return -1;
    fd_close(&theirs);
    if (through_pipe && write_pipe(op->agent, mine, send, send_len, call, until, err))
        return -1;
    if (through_pipe)
        fd_close(&mine);
    if (channel_expect(op->agent, op->channel, WIRE_REPLY, call, until, op->reply, err))
        return -1;
    return send ? 0 : take_data(op, mine, call, until, err);
}

int file_op_run(struct file_op *op, struct local_sandbox *sb, struct call *call, uint8_t kind,
                const void *send, size_t send_len, struct err *err)
{
    AUTO_FREE struct wire_out *copy = malloc(sizeof(*copy));
    int r;

    if (send && send_len <= WIRE_INLINE_MAX)
        wire_put(op->start, TAG_DATA, send, send_len);
    else if (send)
        wire_put_i64(op->start, TAG_LENGTH, (int64_t)send_len);
    if (!wire_end(op->start) || !copy)
        return err_set(err, ERR_TOO_LARGE, "the request is too long");
    memcpy(copy, op->start, sizeof(*copy));
    r = attempt(op, sb, call, kind, send, send_len, err);
    if (r && op->kept && !send && !op->once && err && err->code == ERR_UNAVAILABLE) {
        fd_close(&op->channel);
        memcpy(op->start, copy, sizeof(*copy));
        r = attempt(op, sb, call, kind, send, send_len, err);
    }
    if (!r && kind == WIRE_FILE && !op->hold)
        keep(sb, op);
    return r;
}

int file_op_again(struct file_op *op, struct call *call, struct err *err)
{
    int64_t until = clock_ms() + FILES_TIMEOUT_MS;
    AUTO_FD int mine = -1;
    AUTO_FD int theirs = -1;

    if (agent_pipe_out(op->agent, &mine, &theirs, err) ||
        channel_send(op->channel, op->start, &theirs, 1, err))
        return -1;
    fd_close(&theirs);
    if (channel_expect(op->agent, op->channel, WIRE_REPLY, call, until, op->reply, err))
        return -1;
    return take_data(op, mine, call, until, err);
}

int file_op_send(struct file_op *op, struct local_sandbox *sb, const int *pipe, struct err *err)
{
    if (!wire_end(op->start))
        return err_set(err, ERR_TOO_LARGE, "the request is too long");
    return send_start(op, sb, WIRE_FILE, pipe, err);
}

void file_op_keep(struct file_op *op, struct local_sandbox *sb)
{
    keep(sb, op);
}
