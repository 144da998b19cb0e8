#include "backend/derive/derive.h"
#include "backend/derive/whole.h"
#include "base/id.h"

#include <string.h>

void derive_old(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                struct file_old *old)
{
    AUTO(file_read_result) struct file_read_result now = { 0 };
    struct file_read_request read = {
        .path = req->path,
        .bytes = true,
        .hash = true,
        .max_bytes = FILE_WRITE_MAX,
    };
    struct err err = { 0 };

    if (sandbox_file_read(sb, call, &read, &now, &err)) {
        old->kind = err.code == ERR_NOT_FOUND ? OLD_NONE : OLD_UNKNOWN;
        return;
    }
    if (now.truncated)
        return;
    sha256_hex(buf_str(&now.data), now.data.len, old->sha256);
    old->mode = now.mode;
    old->size = (int64_t)now.data.len;
    old->kind = req->mode == FILE_APPEND ? OLD_LENGTH : OLD_CONTENT;
    if (old->kind == OLD_LENGTH)
        return;
    old->data = now.data;
    now.data = (struct buf){ 0 };
}

static int write_over(struct sandbox *sb, struct call *call, const struct file_restore_request *req,
                      const char *data, size_t len, struct file_write_result *res, struct err *err)
{
    struct file_write_request write = {
        .path = req->path,
        .data = data,
        .len = len,
        .permissions = req->permissions,
        .expect_sha256 = req->expect_sha256,
    };

    return sandbox_file_write(sb, call, &write, res, err);
}

static int removed(struct sandbox *sb, struct call *call, const char *path, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env = { .name = "FILE", .value = path };
    struct exec_request req = {
        .command = "rm -f -- \"$FILE\"",
        .env = &env,
        .env_count = 1,
        .timeout_ms = 10000,
        .yield_ms = 10000,
        .max_bytes = 1024,
    };

    if (sandbox_exec(sb, call, &req, &res, err))
        return -1;
    return res.status == EXEC_EXITED && !res.exit_code
               ? 0
               : err_set(err, ERR_DENIED, "%s could not be removed", path);
}

int derive_restore(struct sandbox *sb, struct call *call, const struct file_restore_request *req,
                   struct file_write_result *res, struct err *err)
{
    AUTO(file_read_result) struct file_read_result now = { 0 };
    char hash[65];

    if (req->how == FILE_RESTORE_CONTENT)
        return write_over(sb, call, req, req->data, req->len, res, err);
    if (whole_read(sb, call, req->path, &now, err))
        return -1;
    sha256_hex(buf_str(&now.data), now.data.len, hash);
    if (whole_expect(now.path, req->expect_sha256, hash, err))
        return -1;
    if (req->how == FILE_RESTORE_CUT)
        return write_over(sb, call, req, buf_str(&now.data),
                          req->size < (int64_t)now.data.len ? (size_t)req->size : now.data.len, res,
                          err);
    if (removed(sb, call, now.path, err))
        return -1;
    res->path = strdup(now.path);
    return res->path ? 0 : err_oom(err);
}
