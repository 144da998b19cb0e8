/*
 * Whole files between a sandbox and descriptors of the server, whatever their size: content never
 * passes through a request. See backend.h for what holds for every op.
 */
#ifndef BACKEND_TRANSFER_OPS_H
#define BACKEND_TRANSFER_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"

#define TRANSFER_MAX (1024ll * 1024 * 1024) /* bytes of one file */

struct file_put_request {
    const char *path; /* parents are made */
    int fd;           /* regular file, read from its beginning with pread */
    int64_t size;     /* bytes of it; ERR_CONFLICT when it has fewer */
    int permissions;  /* -1: keep, or 0644 for a new file */
    bool fresh;       /* ERR_CONFLICT when something is there */
};

/* Nothing is there when it fails, or what was before; but for files that can only be written in
 * place (other hard links), and backends that write in parts. */
struct file_put_result {
    char *path; /* absolute */
    int64_t bytes;
    bool created;
    unsigned mode;
    char sha256[65];
};
void file_put_result_done(struct file_put_result *r);

struct file_take_request {
    const char *path;
    int fd;      /* the content is written here, from its position on */
    int64_t max; /* bytes, at most TRANSFER_MAX; a larger file is ERR_TOO_LARGE */
};

/* A file that changes meanwhile is ERR_CONFLICT when it got shorter; what it had grown by is not
 * looked at. */
struct file_take_result {
    char *path; /* absolute, links resolved */
    int64_t bytes, mtime_ms;
    unsigned mode;
    char sha256[65];
};
void file_take_result_done(struct file_take_result *r);

struct transfer_ops {
    /* derive/transfer.c serves every backend that has read and write */
    int (*put)(struct sandbox *sb, struct call *call, const struct file_put_request *req,
               struct file_put_result *res, struct err *err);
    int (*take)(struct sandbox *sb, struct call *call, const struct file_take_request *req,
                struct file_take_result *res, struct err *err);
};

#endif
