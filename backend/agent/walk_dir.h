/*
 * One folder of a walk: its names, filtered and in order, while it is open.
 */
#ifndef BACKEND_AGENT_WALK_DIR_H
#define BACKEND_AGENT_WALK_DIR_H

#include "backend/agent/walk.h"

#define WALK_BUFFER (64 * 1024) /* of getdents64 */

struct walk_name {
    uint64_t key;    /* first eight bytes, comparable */
    uint32_t offset; /* in names */
    uint16_t len;
    char type;
};

struct walk_dir {
    int fd;
    size_t len;  /* of its path with the '/' behind it, in w->path */
    size_t mark; /* of ignore_pop() */
    char *names;
    size_t names_len, names_cap;
    struct walk_name *list;
    size_t count, cap, next;
};

/* Read d->fd; false when names did not fit. */
bool walk_dir_read(struct walk *w, struct walk_dir *d);

/* The next name into w->path and *e; false at the end. */
bool walk_dir_next(struct walk *w, struct walk_dir *d, struct walk_entry *e);

/* The name given last. */
const char *walk_dir_last(const struct walk_dir *d);

void walk_dir_done(struct walk *w, struct walk_dir *d);

#endif
