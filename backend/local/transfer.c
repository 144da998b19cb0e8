#include "backend/local/files.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"

#include <poll.h>
#include <string.h>

#define BLOCK (256 * 1024)

/* What both directions need while content moves. */
struct move {
    struct file_op *op;
    struct call *call;
    int64_t until; /* nothing has moved by then: the agent hangs */
    struct hash hash;
    char *block;
};

static void move_done(struct move *m)
{
    hash_done(&m->hash);
    free(m->block);
}

static int move_begin(struct move *m, struct err *err)
{
    m->until = clock_ms() + FILES_TIMEOUT_MS;
    m->block = malloc(BLOCK);
    return m->block ? hash_begin(&m->hash, err) : err_oom(err);
}

static int wait_for(struct move *m, int fd, short events, struct err *err)
{
    return file_op_wait(m->op->agent, fd, events, m->call, m->until, err);
}

/* ---- in ---- */

/* 1: the agent takes no more, and says why in its answer. */
static int feed(struct move *m, int pipe, const char *data, size_t len, struct err *err)
{
    while (len) {
        ssize_t n = write(pipe, data, len);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            m->until = clock_ms() + FILES_TIMEOUT_MS;
        } else if (n < 0 && errno == EPIPE) {
            return 1;
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return err_sys(err, errno, "write to the sandbox");
        } else if (wait_for(m, pipe, POLLOUT, err)) {
            return -1;
        }
    }
    return 0;
}

static int feed_file(struct move *m, int pipe, const struct file_put_request *req, struct err *err)
{
    for (int64_t at = 0; at < req->size;) {
        int64_t left = req->size - at;
        ssize_t n = pread(req->fd, m->block, left < BLOCK ? (size_t)left : BLOCK, (off_t)at);
        int r;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, errno, "read the file");
        if (!n)
            return err_set(err, ERR_CONFLICT, "the file got shorter while it was read");
        hash_add(&m->hash, m->block, (size_t)n);
        r = feed(m, pipe, m->block, (size_t)n, err);
        if (r)
            return r < 0 ? -1 : 0;
        at += n;
    }
    return 0;
}

/* A small one goes with the request. */
static int put_inline(struct move *m, const struct file_put_request *req, struct err *err)
{
    ssize_t n = pread(req->fd, m->block, (size_t)req->size, 0);

    if (n < 0)
        return err_sys(err, errno, "read the file");
    if (n != req->size)
        return err_set(err, ERR_CONFLICT, "the file got shorter while it was read");
    hash_add(&m->hash, m->block, (size_t)n);
    wire_put(m->op->start, TAG_DATA, m->block, (size_t)n);
    return 0;
}

static int take_put(struct file_op *op, struct move *m, const struct file_put_request *req,
                    struct file_put_result *res, struct err *err)
{
    const struct wire_in *in = &op->reply->in;

    res->path = file_op_str(op, TAG_PATH);
    res->bytes = wire_i64(in, TAG_WRITTEN, -1);
    res->mode = wire_u32(in, TAG_MODE, 0) & 07777;
    res->created = wire_u32(in, TAG_FLAGS, 0) & WIRE_F_CREATED;
    if (!res->path)
        return err_oom(err);
    if (res->bytes != req->size)
        return agent_violation(op->agent, "a malformed answer to a transfer", err);
    hash_end(&m->hash, res->sha256);
    return 0;
}

static int put_once(struct local_sandbox *sb, struct call *call, const struct file_put_request *req,
                    struct file_put_result *res, bool *kept, struct err *err)
{
    AUTO(file_op) struct file_op op = { .channel = -1 };
    AUTO(move) struct move m = { .op = &op, .call = call };
    AUTO_FD int mine = -1;
    AUTO_FD int theirs = -1;
    bool small = req->size <= WIRE_INLINE_MAX;

    if (file_op_begin(&op, sb, call, req->path, err) || move_begin(&m, err) ||
        (small ? put_inline(&m, req, err) : agent_pipe_in(op.agent, &mine, &theirs, err)))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_PUT);
    if (!small)
        wire_put_i64(op.start, TAG_LENGTH, req->size);
    if (req->permissions >= 0)
        wire_put_u32(op.start, TAG_MODE, (uint32_t)req->permissions);
    wire_put_u32(op.start, TAG_FLAGS, req->fresh ? WIRE_F_MUST_NOT_EXIST : 0);
    if (file_op_send(&op, sb, &theirs, err))
        return -1;
    *kept = op.kept;
    fd_close(&theirs);
    if (!small && feed_file(&m, mine, req, err))
        return -1;
    fd_close(&mine);
    if (channel_expect(op.agent, op.channel, WIRE_REPLY, call, clock_ms() + FILES_TIMEOUT_MS,
                       op.reply, err) ||
        take_put(&op, &m, req, res, err))
        return -1;
    file_op_keep(&op, sb);
    return 0;
}

static int local_put(struct sandbox *base, struct call *call, const struct file_put_request *req,
                     struct file_put_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    struct err why = { 0 };
    bool kept = false;

    if (req->size > TRANSFER_MAX)
        return err_set(err, ERR_TOO_LARGE, "%lld bytes are more than %lld", (long long)req->size,
                       TRANSFER_MAX);
    if (!put_once(sb, call, req, res, &kept, &why))
        return 0;
    if (kept && why.code == ERR_UNAVAILABLE) /* a kept channel may have died since */
        return put_once(sb, call, req, res, &kept, err);
    if (err)
        *err = why;
    return -1;
}

/* ---- out ---- */

static int drain(struct move *m, int pipe, const struct file_take_request *req, int64_t len,
                 struct err *err)
{
    while (len) {
        ssize_t n = read(pipe, m->block, len < BLOCK ? (size_t)len : BLOCK);
        if (!n)
            return err_set(err, ERR_CONFLICT, "%.200s got shorter while it was read", req->path);
        if (n > 0) {
            hash_add(&m->hash, m->block, (size_t)n);
            if (io_write_all(req->fd, m->block, (size_t)n))
                return err_sys(err, errno, "keep the file");
            len -= n;
            m->until = clock_ms() + FILES_TIMEOUT_MS;
        } else if (errno != EAGAIN && errno != EINTR) {
            return err_sys(err, errno, "read from the sandbox");
        } else if (wait_for(m, pipe, POLLIN, err)) {
            return -1;
        }
    }
    return 0;
}

static int take_head(struct file_op *op, const struct file_take_request *req,
                     struct file_take_result *res, struct err *err)
{
    const struct wire_in *in = &op->reply->in;

    res->path = file_op_str(op, TAG_PATH);
    res->bytes = wire_i64(in, TAG_LENGTH, -1);
    res->mtime_ms = wire_i64(in, TAG_MTIME_MS, 0);
    res->mode = wire_u32(in, TAG_MODE, 0) & 07777;
    if (!res->path)
        return err_oom(err);
    if (res->bytes < 0 || res->bytes > req->max)
        return agent_violation(op->agent, "a malformed answer to a transfer", err);
    return 0;
}

static int take_once(struct local_sandbox *sb, struct call *call,
                     const struct file_take_request *req, struct file_take_result *res, bool *again,
                     struct err *err)
{
    AUTO(file_op) struct file_op op = { .channel = -1 };
    AUTO(move) struct move m = { .op = &op, .call = call };
    AUTO_FD int mine = -1;
    AUTO_FD int theirs = -1;

    if (file_op_begin(&op, sb, call, req->path, err) || move_begin(&m, err) ||
        agent_pipe_out(op.agent, &mine, &theirs, err))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_TAKE);
    wire_put_i64(op.start, TAG_MAX_BYTES, req->max < TRANSFER_MAX ? req->max : TRANSFER_MAX);
    if (file_op_send(&op, sb, &theirs, err))
        return -1;
    *again = op.kept;
    fd_close(&theirs);
    if (channel_expect(op.agent, op.channel, WIRE_REPLY, call, m.until, op.reply, err))
        return -1;
    *again = false;
    if (take_head(&op, req, res, err) || drain(&m, mine, req, res->bytes, err))
        return -1;
    hash_end(&m.hash, res->sha256);
    file_op_keep(&op, sb);
    return 0;
}

static int local_take(struct sandbox *base, struct call *call, const struct file_take_request *req,
                      struct file_take_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    struct err why = { 0 };
    bool again = false;

    if (!take_once(sb, call, req, res, &again, &why))
        return 0;
    if (again && why.code == ERR_UNAVAILABLE)
        return take_once(sb, call, req, res, &again, err);
    if (err)
        *err = why;
    return -1;
}

const struct transfer_ops local_transfer_ops = {
    .put = local_put,
    .take = local_take,
};
