#include "backend/derive/whole.h"

#include <string.h>

int whole_read(struct sandbox *sb, struct call *call, const char *path,
               struct file_read_result *res, struct err *err)
{
    struct file_read_request req = {
        .path = path,
        .bytes = true,
        .hash = true,
        .max_bytes = FILE_WRITE_MAX,
    };

    if (sandbox_file_read(sb, call, &req, res, err))
        return -1;
    if (!res->truncated)
        return 0;
    err_set(err, ERR_TOO_LARGE, "%s has %lld bytes, more than %d can be edited", res->path,
            (long long)res->size, FILE_WRITE_MAX);
    return err_next(err, "use sed or a script in terminal_execute");
}

int whole_write(struct sandbox *sb, struct call *call, const char *path, const struct buf *text,
                const char *expect, char sha256[65], struct err *err)
{
    AUTO(file_write_result) struct file_write_result res = { 0 };
    struct file_write_request req = {
        .path = path,
        .data = buf_str(text),
        .len = text->len,
        .mode = FILE_OVERWRITE,
        .permissions = -1,
        .expect_sha256 = expect,
        .undoable = true,
    };

    if (sandbox_file_write(sb, call, &req, &res, err))
        return -1;
    memcpy(sha256, res.sha256, 65);
    return 0;
}

int whole_expect(const char *path, const char *expect, const char *sha256, struct err *err)
{
    if (!expect || !strcmp(expect, sha256))
        return 0;
    err_set(err, ERR_CONFLICT, "%s has changed: its sha256 is %s", path, sha256);
    return err_next(err, "file_read it again before editing");
}
