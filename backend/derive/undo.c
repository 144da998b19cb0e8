#include "backend/undo.h"
#include "backend/derive/derive.h"
#include "backend/derive/diff.h"
#include "backend/derive/whole.h"
#include "base/id.h"

#include <string.h>

#define DIFF_MAX (24 * 1024)

static const char too_large[] = "too large for a diff";
static const char is_binary[] = "binary content, no diff";
static const char dropped[] = "older steps were dropped: 16 of a file, 64 files and 32 MiB of a "
                              "sandbox are kept";

/* The start of it, which is all of it up to FILE_WRITE_MAX, and the hash of all. */
static int read_now(struct sandbox *sb, struct call *call, const char *path,
                    struct file_read_result *now, struct err *err)
{
    struct file_read_request req = {
        .path = path,
        .bytes = true,
        .hash = true,
        .max_bytes = FILE_WRITE_MAX,
    };

    if (sandbox_file_read(sb, call, &req, now, err)) {
        if (err && err->code == ERR_NOT_FOUND)
            err_next(err,
                     "undo needs the file as the last edit left it; file_write makes it again");
        return -1;
    }
    if (!now->truncated)
        sha256_hex(buf_str(&now->data), now->data.len, now->sha256);
    return 0;
}

static int restore(struct sandbox *sb, struct call *call, const struct file_read_result *now,
                   const struct undo_plan *plan, struct file_write_result *res, struct err *err)
{
    static const enum file_restore_how how[] = {
        [UNDO_CONTENT] = FILE_RESTORE_CONTENT,
        [UNDO_CUT] = FILE_RESTORE_CUT,
        [UNDO_REMOVE] = FILE_RESTORE_REMOVE,
    };
    struct file_restore_request req = {
        .path = now->path,
        .expect_sha256 = now->sha256,
        .how = how[plan->how],
        .data = plan->data,
        .len = (size_t)plan->len,
        .size = plan->len,
        .permissions = plan->permissions,
    };

    if (!sandbox_file_restore(sb, call, &req, res, err))
        return 0;
    if (err && err->code == ERR_CONFLICT)
        err_next(err, "something else changes it at this moment; nothing was undone");
    return -1;
}

static bool has_nul(struct diff_text t)
{
    return t.len && memchr(t.data, 0, t.len);
}

static int show(const struct file_read_result *now, const struct undo_plan *plan,
                struct file_lines_result *res, struct err *err)
{
    struct diff_text from = { buf_str(&now->data), now->data.len };
    struct diff_text to = { plan->how == UNDO_REMOVE ? "" : plan->data, (size_t)plan->len };

    buf_init(&res->diff, DIFF_MAX + 64);
    if (plan->how == UNDO_CUT)
        to.data = from.data;
    if (plan->how == UNDO_REMOVE)
        to.len = 0;
    if (now->truncated)
        res->note = too_large;
    else if (has_nul(from) || has_nul(to))
        res->note = is_binary;
    else
        return diff_unified(&res->diff, now->path, from, to, err);
    return 0;
}

int derive_undo(struct sandbox *sb, struct call *call, const struct file_lines_request *req,
                struct file_lines_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result now = { 0 };
    AUTO(file_write_result) struct file_write_result done = { 0 };
    AUTO(undo_plan) struct undo_plan plan = { 0 };
    struct undo *undo = sb->backend->undo;

    if (read_now(sb, call, req->path, &now, err) ||
        whole_expect(now.path, req->expect_sha256, now.sha256, err) ||
        undo_plan(undo, sb->id, now.path, now.sha256, req->steps, &plan, err) ||
        restore(sb, call, &now, &plan, &done, err))
        return -1;
    undo_commit(undo, sb->id, now.path, &plan);
    res->lines = plan.count;
    res->removed = plan.how == UNDO_REMOVE;
    memcpy(res->sha256, done.sha256, sizeof(res->sha256));
    if (!res->removed)
        res->undo_depth = undo_depth(undo, sb->id, now.path, done.sha256);
    if (show(&now, &plan, res, err))
        return -1;
    if (!res->undo_depth && undo_dropped(undo, sb->id, now.path))
        res->note = dropped;
    res->path = strdup(now.path);
    return res->path ? 0 : err_oom(err);
}
