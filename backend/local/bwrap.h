/*
 * The arguments of bubblewrap, as data: nothing is started or opened here, so that a test
 * can read them as text.
 */
#ifndef BACKEND_LOCAL_BWRAP_H
#define BACKEND_LOCAL_BWRAP_H

#include "backend/results.h"

#define BWRAP_LIBRARY "/run/sandbox-mcp" /* the agent and the code runners */
#define BWRAP_AGENT BWRAP_LIBRARY "/sandbox-agent"

/* A host directory inside the sandbox. */
struct bwrap_mount {
    const char *source, *target; /* both absolute and without links */
    bool readonly;
    const struct strings *pinned, *readonly_paths; /* see protect.h; NULL none */
};

/* Data for a file inside: bwrap reads the descriptor to its end. */
struct bwrap_file {
    const char *path;
    int fd;
};

struct bwrap_spec {
    const char *library; /* bound read-only at BWRAP_LIBRARY */
    const char *home;    /* bound at /home/user */
    const struct bwrap_mount *mounts;
    size_t mount_count;
    const char *workdir;
    int64_t tmp_mb, shm_mb;
    int64_t browser_mb;            /* of a place for a browser's files; 0: no browser */
    const char *browser_directory; /* bound at its own path, NULL none */
    const struct bwrap_file *files;
    size_t file_count;
    int seccomp_fd; /* -1: none */
};

/* Each argument ended by a NUL, as --args wants them; without the command. */
int bwrap_args(const struct bwrap_spec *spec, struct buf *out, struct err *err) MUST_CHECK;

#endif
