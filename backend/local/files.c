#include "backend/local/files.h"
#include "backend/local/records.h"

#include <stdio.h>
#include <string.h>

static int malformed(struct file_op *op, struct err *err)
{
    return agent_violation(op->agent, "a malformed answer to a file operation", err);
}

static int take_hash(const struct file_op *op, char out[65], struct err *err)
{
    if (!wire_has(&op->reply->in, TAG_SHA256))
        return 0;
    if (!wire_str(&op->reply->in, TAG_SHA256, out, 65))
        return err_set(err, ERR_PROTOCOL, "a malformed hash");
    return 0;
}

static bool flagged(const struct file_op *op, uint32_t flag)
{
    return wire_u32(&op->reply->in, TAG_FLAGS, 0) & flag;
}

static int take_read(struct file_op *op, const struct file_read_request *req,
                     struct file_read_result *res, struct err *err)
{
    const struct wire_in *in = &op->reply->in;

    res->path = file_op_str(op, TAG_PATH);
    res->size = wire_i64(in, TAG_SIZE, 0);
    res->mtime_ms = wire_i64(in, TAG_MTIME_MS, 0);
    res->mode = wire_u32(in, TAG_MODE, 0) & 07777;
    res->start_line = wire_i64(in, TAG_START_LINE, 0);
    res->end_line = wire_i64(in, TAG_END_LINE, 0);
    res->total_lines = wire_i64(in, TAG_TOTAL_LINES, -1);
    res->next_offset = wire_i64(in, TAG_NEXT_OFFSET, 0);
    res->truncated = flagged(op, WIRE_F_TRUNCATED);
    res->encoding = (enum file_encoding)wire_u32(in, TAG_ENCODING, WIRE_PLAIN);
    res->next_byte = wire_i64(in, TAG_NEXT_BYTE, 0);
    if (!res->path)
        return err_oom(err);
    if (op->data.len > req->max_bytes || res->encoding > FILE_UTF16BE ||
        take_hash(op, res->sha256, err))
        return malformed(op, err);
    res->data = op->data;
    op->data = (struct buf){ 0 };
    return 0;
}

static int local_read(struct sandbox *base, struct call *call, const struct file_read_request *req,
                      struct file_read_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO(file_op) struct file_op op = { .channel = -1 };

    if (file_op_begin(&op, sb, call, req->path, err))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_READ);
    wire_put_i64(op.start, TAG_OFFSET, req->offset);
    wire_put_i64(op.start, TAG_LIMIT, req->limit);
    wire_put_i64(op.start, TAG_MAX_BYTES, (int64_t)req->max_bytes);
    wire_put_u32(op.start, TAG_FLAGS,
                 (req->bytes ? WIRE_F_BYTES : 0) | (req->hash ? WIRE_F_HASH : 0) |
                     (req->text ? WIRE_F_TEXT : 0));
    if (file_op_run(&op, sb, call, WIRE_FILE, NULL, 0, err))
        return -1;
    return take_read(&op, req, res, err);
}

int local_take_write(struct file_op *op, struct file_write_result *res, struct err *err)
{
    const struct wire_in *in = &op->reply->in;

    res->path = file_op_str(op, TAG_PATH);
    res->bytes_written = wire_i64(in, TAG_WRITTEN, 0);
    res->size = wire_i64(in, TAG_SIZE, 0);
    res->mode = wire_u32(in, TAG_MODE, 0) & 07777;
    res->created = flagged(op, WIRE_F_CREATED);
    if (!res->path)
        return err_oom(err);
    return take_hash(op, res->sha256, err) ? malformed(op, err) : 0;
}

static int local_write(struct sandbox *base, struct call *call,
                       const struct file_write_request *req, struct file_write_result *res,
                       struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO(file_op) struct file_op op = { .channel = -1 };
    bool absent = req->expect_sha256 && !*req->expect_sha256;

    if (req->len > FILE_WRITE_MAX) {
        err_set(err, ERR_TOO_LARGE, "%zu bytes are more than %d", req->len, FILE_WRITE_MAX);
        return err_next(
            err, "write it in parts with mode=append, or make it with a program in the sandbox");
    }
    if (file_op_begin(&op, sb, call, req->path, err))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_WRITE);
    wire_put_u32(op.start, TAG_WRITE_MODE, (uint32_t)req->mode);
    if (req->permissions >= 0)
        wire_put_u32(op.start, TAG_MODE, (uint32_t)req->permissions);
    if (req->expect_sha256 && !absent)
        wire_put_str(op.start, TAG_SHA256, req->expect_sha256);
    wire_put_u32(op.start, TAG_FLAGS,
                 (absent ? WIRE_F_MUST_NOT_EXIST : 0) | (req->undoable ? WIRE_F_OLD : 0));
    op.hold = req->undoable;
    if (file_op_run(&op, sb, call, WIRE_FILE, req->data, req->len, err) ||
        local_take_write(&op, res, err))
        return -1;
    if (req->undoable)
        local_take_old(&op, call, req, res);
    if (op.hold)
        file_op_keep(&op, sb);
    return 0;
}

static int take_entry(struct records *r, struct file_list_result *res, struct err *err)
{
    struct file_entry e = { .type = records_char(r) };
    AUTO_FREE char *path = NULL, *target = NULL;

    e.mode = (unsigned)records_i64(r) & 07777;
    e.size = records_i64(r);
    e.mtime_ms = records_i64(r);
    path = records_str(r);
    target = records_str(r);
    if (!records_done(r) || !path || !target || !strchr("fdlpscbm", e.type) || !e.type)
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    e.path = path;
    e.target = *target ? target : NULL;
    return file_list_add(res, &e, err);
}

static int take_list(struct file_op *op, struct file_list_result *res, struct err *err)
{
    struct records r = records_over(buf_str(&op->data), op->data.len);
    char kind;

    res->path = file_op_str(op, TAG_PATH);
    res->total = wire_i64(&op->reply->in, TAG_TOTAL, -1);
    res->truncated = flagged(op, WIRE_F_TRUNCATED);
    if (wire_has(&op->reply->in, TAG_CURSOR))
        res->next_cursor = file_op_str(op, TAG_CURSOR);
    if (!res->path)
        return err_oom(err);
    while ((kind = records_next(&r)))
        if (kind != 'e' || take_entry(&r, res, err))
            return malformed(op, err);
    return r.bad ? malformed(op, err) : 0;
}

static int local_list(struct sandbox *base, struct call *call, const struct file_list_request *req,
                      struct file_list_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO(file_op) struct file_op op = { .channel = -1 };

    if (file_op_begin(&op, sb, call, req->path, err))
        return -1;
    wire_put_u32(op.start, TAG_FILE_OP, WIRE_FILE_LIST);
    wire_put_i64(op.start, TAG_DEPTH, req->depth);
    wire_put_str(op.start, TAG_GLOB, req->glob);
    wire_put_u32(op.start, TAG_SORT, (uint32_t)req->sort);
    wire_put_i64(op.start, TAG_LIMIT, req->limit);
    wire_put_str(op.start, TAG_CURSOR, req->cursor);
    wire_put_i64(op.start, TAG_MAX_BYTES, (int64_t)req->max_bytes);
    wire_put_u32(op.start, TAG_FLAGS,
                 (req->hidden ? WIRE_F_HIDDEN : 0) | (req->ignore ? WIRE_F_IGNORE : 0));
    if (file_op_run(&op, sb, call, WIRE_FILE, NULL, 0, err))
        return -1;
    return take_list(&op, res, err);
}

static int take_match(struct records *r, struct file_search_result *res, struct err *err)
{
    struct file_match m = { .kind = records_char(r) };
    AUTO_FREE char *path = NULL, *text = NULL;

    m.line = records_i64(r);
    m.column = records_i64(r);
    path = records_str(r);
    text = records_str(r);
    if (!records_done(r) || !path || !text || !strchr("mba", m.kind) || !m.kind)
        return err_set(err, ERR_PROTOCOL, "a malformed record");
    m.path = path;
    m.text = m.line ? text : NULL;
    return file_search_add(res, &m, err);
}

static int take_search(struct file_op *op, struct file_search_result *res, struct err *err)
{
    const struct wire_in *in = &op->reply->in;
    struct records r = records_over(buf_str(&op->data), op->data.len);
    char kind;

    res->path = file_op_str(op, TAG_PATH);
    res->files_scanned = wire_i64(in, TAG_SCANNED, 0);
    res->files_skipped = wire_i64(in, TAG_SKIPPED, 0);
    res->truncated = flagged(op, WIRE_F_TRUNCATED);
    if (wire_has(in, TAG_CURSOR))
        res->next_cursor = file_op_str(op, TAG_CURSOR);
    if (wire_has(in, TAG_NOTE))
        res->note = file_op_str(op, TAG_NOTE);
    if (!res->path)
        return err_oom(err);
    while ((kind = records_next(&r)))
        if (kind != 'm' || take_match(&r, res, err))
            return malformed(op, err);
    return r.bad ? malformed(op, err) : 0;
}

static int put_globs(struct wire_out *w, uint16_t tag, const char *const *globs, size_t count,
                     struct err *err)
{
    AUTO(buf) struct buf all = BUF_MAX(WIRE_INLINE_MAX / 2);

    for (size_t i = 0; i < count; i++)
        if (buf_add(&all, globs[i], strlen(globs[i]) + 1, err))
            return err_wrap(err, "globs");
    if (count)
        wire_put(w, tag, all.data, all.len);
    return 0;
}

static uint32_t search_flags(const struct file_search_request *req)
{
    return WIRE_F_IGNORE | (req->names ? WIRE_F_NAMES : 0) | (req->literal ? WIRE_F_LITERAL : 0) |
           (req->ignore_case ? WIRE_F_ICASE : 0) | (req->multiline ? WIRE_F_MULTILINE : 0);
}

static int local_search(struct sandbox *base, struct call *call,
                        const struct file_search_request *req, struct file_search_result *res,
                        struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    AUTO(file_op) struct file_op op = { .channel = -1 };

    if (file_op_begin(&op, sb, call, req->path, err))
        return -1;
    wire_put_str(op.start, TAG_PATTERN, req->pattern);
    wire_put_i64(op.start, TAG_CONTEXT, req->context);
    wire_put_i64(op.start, TAG_LIMIT, req->limit);
    wire_put_str(op.start, TAG_CURSOR, req->cursor);
    wire_put_i64(op.start, TAG_MAX_BYTES, (int64_t)req->max_bytes);
    wire_put_u32(op.start, TAG_FLAGS, search_flags(req));
    if (put_globs(op.start, TAG_INCLUDE, req->include, req->include_count, err) ||
        put_globs(op.start, TAG_EXCLUDE, req->exclude, req->exclude_count, err) ||
        file_op_run(&op, sb, call, WIRE_SEARCH, NULL, 0, err))
        return -1;
    return take_search(&op, res, err);
}

const struct file_ops local_file_ops = {
    .read = local_read,
    .write = local_write,
    .list = local_list,
    .search = local_search,
    .keeps_old = true,
    .restore = local_restore,
};
