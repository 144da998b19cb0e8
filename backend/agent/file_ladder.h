/*
 * The folders on the way down a tree, however deep, with few descriptors.
 *
 * At most LADDER_OPEN of them are open; one that was closed is opened again from below through
 * "..", and has to be the one that it was: else somebody moved a folder meanwhile. Names are never
 * followed when they are links.
 */
#ifndef BACKEND_AGENT_FILE_LADDER_H
#define BACKEND_AGENT_FILE_LADDER_H

#include <stddef.h>
#include <sys/stat.h>

#define LADDER_OPEN 32
#define LADDER_MAX 65536 /* levels */

struct ladder_rung {
    dev_t dev;
    ino_t ino;
    int fd; /* -1: closed */
};

struct ladder {
    struct ladder_rung *rungs;
    size_t count, cap;
};

/* These return 0 or an errno value. ladder_start() takes fd. */
int ladder_start(struct ladder *l, int fd);
int ladder_down(struct ladder *l, const char *name);

/* ESTALE: the folder above is not there any more; then nothing can go on. */
int ladder_up(struct ladder *l);

/* The lowest one; -1 when there is none. */
int ladder_fd(const struct ladder *l);
void ladder_done(struct ladder *l);

#endif
