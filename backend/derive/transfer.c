#include "backend/derive/derive.h"
#include "base/hash.h"
#include "base/io.h"

#include <errno.h>
#include <string.h>

static int put_part(struct sandbox *sb, struct call *call, const struct file_put_request *req,
                    const char *data, size_t len, bool first, struct file_put_result *res,
                    struct err *err)
{
    AUTO(file_write_result) struct file_write_result part = { 0 };
    const struct file_write_request write = {
        .path = req->path,
        .data = data,
        .len = len,
        .mode = !first       ? FILE_APPEND
                : req->fresh ? FILE_CREATE
                             : FILE_OVERWRITE,
        .permissions = first ? req->permissions : -1,
    };

    if (sandbox_file_write(sb, call, &write, &part, err))
        return -1;
    if (first) {
        res->path = TAKE(part.path);
        res->created = part.created;
    }
    res->mode = part.mode;
    res->bytes += (int64_t)len;
    return 0;
}

int derive_put(struct sandbox *sb, struct call *call, const struct file_put_request *req,
               struct file_put_result *res, struct err *err)
{
    AUTO_FREE char *block = malloc(DERIVE_PART);
    AUTO(hash) struct hash hash = { 0 };

    if (!block)
        return err_oom(err);
    if (hash_begin(&hash, err))
        return -1;
    do {
        int64_t left = req->size - res->bytes;
        size_t want = left < DERIVE_PART ? (size_t)left : DERIVE_PART;
        ssize_t n = pread(req->fd, block, want, (off_t)res->bytes);
        if (n < 0)
            return err_sys(err, errno, "read the file");
        if (!n && want)
            return err_set(err, ERR_CONFLICT, "the file got shorter while it was read");
        hash_add(&hash, block, (size_t)n);
        if (put_part(sb, call, req, block, (size_t)n, !res->bytes, res, err))
            return -1;
    } while (res->bytes < req->size);
    hash_end(&hash, res->sha256);
    return 0;
}

int derive_take(struct sandbox *sb, struct call *call, const struct file_take_request *req,
                struct file_take_result *res, struct err *err)
{
    AUTO(hash) struct hash hash = { 0 };
    int64_t size = 0;

    if (hash_begin(&hash, err))
        return -1;
    do {
        AUTO(file_read_result) struct file_read_result part = { 0 };
        const struct file_read_request read = {
            .path = req->path,
            .bytes = true,
            .offset = res->bytes,
            .limit = DERIVE_PART,
            .max_bytes = DERIVE_PART,
        };
        if (sandbox_file_read(sb, call, &read, &part, err))
            return -1;
        size = part.size;
        if (size > req->max)
            return err_set(err, ERR_TOO_LARGE, "%.200s has %lld bytes, more than %lld", req->path,
                           (long long)size, (long long)req->max);
        if (!part.data.len && res->bytes < size)
            return err_set(err, ERR_CONFLICT, "%.200s got shorter while it was read", req->path);
        hash_add(&hash, buf_str(&part.data), part.data.len);
        if (io_write_all(req->fd, buf_str(&part.data), part.data.len))
            return err_sys(err, errno, "keep the file");
        res->bytes += (int64_t)part.data.len;
        res->mtime_ms = part.mtime_ms;
        res->mode = part.mode;
        free(res->path);
        res->path = TAKE(part.path);
    } while (res->bytes < size);
    hash_end(&hash, res->sha256);
    return 0;
}
