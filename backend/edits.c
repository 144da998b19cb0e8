/*
 * The writes that can be undone, and editing by lines: wrappers over file_ops like those of
 * backend.c.
 */
#include "backend/backend.h"
#include "backend/derive/derive.h"
#include "backend/undo.h"

#include <string.h>

void file_lines_result_done(struct file_lines_result *r)
{
    free(r->path);
    buf_done(&r->diff);
    *r = (struct file_lines_result){ 0 };
}

static int no_files(const struct sandbox *sb, const char *what, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "the %s backend cannot %s", sb->backend->ops->name, what);
}

static int write_undoable(struct sandbox *sb, struct call *call,
                          const struct file_write_request *req, struct file_write_result *res,
                          struct err *err)
{
    const struct file_ops *ops = sb->backend->ops->file;
    struct undo *undo = sb->backend->undo;
    AUTO(file_write_result) struct file_write_result before = { 0 };
    struct undo_writer writer = { .sandbox = sb->id, .path = req->path };

    undo_begin(undo, &writer, call);
    if (!ops->keeps_old)
        derive_old(sb, call, req, &before.old);
    if (ops->write(sb, call, req, res, err)) {
        undo_abandon(undo, &writer);
        return -1;
    }
    if (!ops->keeps_old) {
        res->old = before.old;
        before.old = (struct file_old){ 0 };
    }
    undo_push(undo, &writer, res);
    return 0;
}

int sandbox_file_write(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                       struct file_write_result *res, struct err *err)
{
    const struct file_ops *ops = sb->backend->ops->file;

    if (!ops || !ops->write)
        return no_files(sb, "write files", err);
    if (call_check(call, err))
        return -1;
    return req->undoable ? write_undoable(sb, call, req, res, err)
                         : ops->write(sb, call, req, res, err);
}

int sandbox_file_restore(struct sandbox *sb, struct call *call,
                         const struct file_restore_request *req, struct file_write_result *res,
                         struct err *err)
{
    const struct file_ops *ops = sb->backend->ops->file;

    if (call_check(call, err))
        return -1;
    return ops->restore ? ops->restore(sb, call, req, res, err)
                        : derive_restore(sb, call, req, res, err);
}

int sandbox_file_lines(struct sandbox *sb, struct call *call, const struct file_lines_request *req,
                       struct file_lines_result *res, struct err *err)
{
    const struct file_ops *ops = sb->backend->ops->file;

    if (!ops || !ops->read || !ops->write)
        return no_files(sb, "edit files", err);
    if (call_check(call, err))
        return -1;
    return req->action == FILE_EDIT_UNDO ? derive_undo(sb, call, req, res, err)
                                         : derive_lines(sb, call, req, res, err);
}
