/*
 * The arguments of bubblewrap, as data: nothing is started or opened here, so that a test
 * can read them as text.
 */
#ifndef BACKEND_LOCAL_BWRAP_H
#define BACKEND_LOCAL_BWRAP_H

#include "backend/results.h"

#define BWRAP_AGENT "/run/agent"
#define BWRAP_LIBRARY "/run/sandbox-mcp" /* the code runners */

/* A host directory inside the sandbox. */
struct bwrap_mount {
    const char *source, *target; /* both absolute and without links */
    bool readonly;
    const struct strings *pinned, *readonly_paths; /* see protect.h; NULL none */
};

/* Descriptors that bwrap reads once; -1 leaves the thing out. */
struct bwrap_fds {
    int seccomp, passwd, group, hosts, nsswitch;
};

struct bwrap_spec {
    const char *agent;   /* bound at BWRAP_AGENT */
    const char *library; /* a directory, bound read-only at BWRAP_LIBRARY; NULL none */
    const char *home;    /* bound at /home/user */
    const struct bwrap_mount *mounts;
    size_t mount_count;
    const char *workdir;
    int64_t tmp_mb, shm_mb;
    struct bwrap_fds fds;
};

/* Each argument ended by a NUL, as --args wants them; without the command. */
int bwrap_args(const struct bwrap_spec *spec, struct buf *out, struct err *err) MUST_CHECK;

/* The files behind bwrap_fds, for one user of the sandbox. */
extern const char bwrap_passwd[], bwrap_group[], bwrap_hosts[], bwrap_nsswitch[];

#endif
