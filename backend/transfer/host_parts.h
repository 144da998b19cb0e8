/*
 * What the files of host.h share.
 */
#ifndef BACKEND_TRANSFER_HOST_PARTS_H
#define BACKEND_TRANSFER_HOST_PARTS_H

#include "backend/transfer/host.h"
#include "base/cleanup.h"

struct host_root {
    int fd;
    bool readonly;
    char *given, *real; /* absolute, without a '/' behind */
};

struct host_dirs {
    struct host_root roots[HOST_DIRS_MAX];
    size_t count;
};

/* The directory that `path` is below by its name, and what follows ("." nothing). ERR_DENIED. */
int host_find(const struct host_dirs *d, const char *path, const struct host_root **root,
              const char **rest, struct err *err) MUST_CHECK;

/* -1 with errno. resolve: RESOLVE_*. */
int host_openat2(int dir, const char *path, int flags, unsigned long long resolve);

/* err for an errno of it; -1. */
int host_fail(const char *path, int number, struct err *err);

#endif
