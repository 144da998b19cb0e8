/*
 * meta.json of a sandbox directory.
 */
#ifndef BACKEND_LOCAL_META_H
#define BACKEND_LOCAL_META_H

#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

struct meta {
    char owner[65]; /* SHA-256 of the principal */
    char *name;     /* NULL: unnamed; owned */
    uid_t uid;
    gid_t gid;
    bool running;
    int64_t created_ms, used_ms, expires_ms; /* wall clock */
};

void meta_done(struct meta *m);

/* ERR_INVALID when it is not one of ours (other schema, missing members, not JSON). */
int meta_read(int dir_fd, struct meta *out, struct err *err) MUST_CHECK;

/* Temporary file, fdatasync, rename, fsync of the directory. */
int meta_write(int dir_fd, const char *id, const struct meta *m, struct err *err) MUST_CHECK;

#endif
