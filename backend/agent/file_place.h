/*
 * A name in a folder: what is moved, deleted or made. The folders before it are the kernel's to
 * follow; the name itself never is, so that a link is meant and not what it leads to.
 */
#ifndef BACKEND_AGENT_FILE_PLACE_H
#define BACKEND_AGENT_FILE_PLACE_H

#include "backend/agent/file.h"

struct file_place {
    char path[FILE_PATH_MAX]; /* links in its folders resolved where that can be told */
    char name[256];           /* its last part */
    int dir;                  /* O_PATH descriptor of its folder; -1 none */
    bool exists;
    struct stat st; /* when it exists; of a link itself */
};

/* 0, or -1 with *e filled; slashes behind the path are dropped. place_done() closes. */
int place_open(struct file_place *p, const char *path, const char *action, struct file_error *e);

/*
 * Where something called `name` goes that is sent to `to`: into it when that ends in a slash, or
 * (with `into`) is a folder; else `to` is its new name. Missing folders are made.
 */
int place_target(struct file_place *p, const char *to, const char *name, bool into,
                 struct file_error *e);
void place_done(struct file_place *p);

/* -1 with *e filled when that folder may not go away: /, the workspace, the home, what holds one of
 * them, and mount points, which protected paths and all above them are. */
int place_may_go(const struct file_place *p, const char *action, struct file_error *e);

/* An open folder is the root of a mount. */
bool place_is_mount(int fd);

/* `fd`, a folder, or one above it is that one. */
bool place_within(int fd, const struct stat *folder);

/* A name in p->dir that is not taken now: ".NAME.tmpXXXXXXXX". */
void place_temporary(const struct file_place *p, char name[256]);

/* Like mkdir -p: calls made (NULL: nobody) for each folder that it makes. -1 and errno. */
int folders_make(const char *folder, void (*made)(void *arg, const char *path), void *arg);

#endif
