#include "backend/local/files.h"

#include <string.h>

/* What was too long for the reply comes through a pipe. */
static int fetch(struct file_op *op, struct call *call, const char *path, struct err *err)
{
    wire_begin(op->start, WIRE_START, 0);
    wire_put_u32(op->start, TAG_FILE_OP, WIRE_FILE_OLD);
    wire_put_str(op->start, TAG_PATH, path);
    return file_op_again(op, call, err);
}

static int take_content(struct file_op *op, struct call *call, int64_t size,
                        struct file_write_result *res)
{
    const struct wire_in *in = &op->reply->in;
    struct err err = { 0 };

    if (wire_has(in, TAG_OLD_DATA)) {
        res->old.data = BUF_MAX(WIRE_MAX);
        if (buf_add(&res->old.data, in->tags[TAG_OLD_DATA].data, in->tags[TAG_OLD_DATA].len, &err))
            return -1;
    } else {
        op->data.max = FILE_WRITE_MAX;
        if (size > FILE_WRITE_MAX)
            return -1;
        if (fetch(op, call, res->path, &err)) {
            fd_close(&op->channel);
            return -1;
        }
        res->old.data = op->data;
        op->data = (struct buf){ 0 };
    }
    return (int64_t)res->old.data.len == size ? 0 : -1;
}

void local_take_old(struct file_op *op, struct call *call, const struct file_write_request *req,
                    struct file_write_result *res)
{
    const struct wire_in *in = &op->reply->in;
    int64_t size = wire_i64(in, TAG_OLD_SIZE, -1);
    struct file_old *old = &res->old;

    if (res->created && size < 0)
        old->kind = OLD_NONE;
    if (size < 0)
        return;
    old->size = size;
    old->mode = wire_u32(in, TAG_OLD_MODE, 0) & 07777;
    if (req->mode == FILE_APPEND) {
        if (size <= res->size && wire_str(in, TAG_OLD_SHA256, old->sha256, sizeof(old->sha256)))
            old->kind = OLD_LENGTH;
    } else if (!take_content(op, call, size, res)) {
        old->kind = OLD_CONTENT;
    }
}

int local_restore(struct sandbox *base, struct call *call, const struct file_restore_request *req,
                  struct file_write_result *res, struct err *err)
{
    static const uint32_t how[] = {
        [FILE_RESTORE_CONTENT] = 0,
        [FILE_RESTORE_CUT] = 3,
        [FILE_RESTORE_REMOVE] = 4,
    };
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO(file_op) struct file_op op = { .channel = -1 };
    bool content = req->how == FILE_RESTORE_CONTENT;

    if (file_op_begin(&op, sb, call, req->path, err))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_RESTORE);
    wire_put_u32(op.start, TAG_WRITE_MODE, how[req->how]);
    wire_put_str(op.start, TAG_SHA256, req->expect_sha256);
    wire_put_i64(op.start, TAG_OFFSET, req->size);
    if (req->permissions >= 0)
        wire_put_u32(op.start, TAG_MODE, (uint32_t)req->permissions);
    if (file_op_run(&op, sb, call, WIRE_FILE, content ? req->data : "", content ? req->len : 0,
                    err))
        return -1;
    return local_take_write(&op, res, err);
}
