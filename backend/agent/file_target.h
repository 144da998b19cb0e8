/*
 * Where a write goes: the file behind any links, its folder made when missing.
 */
#ifndef BACKEND_AGENT_FILE_TARGET_H
#define BACKEND_AGENT_FILE_TARGET_H

#include "backend/agent/file.h"

struct file_target {
    char path[FILE_PATH_MAX]; /* links resolved, also dangling ones */
    char name[256];           /* its last part */
    int dir;                  /* O_PATH descriptor of its folder; -1 none */
    bool exists;
    struct stat st; /* when it exists: a regular file */
};

/* 0, or -1 with *e filled. Makes missing folders (0755). target_done() closes. */
int target_open(struct file_target *t, const char *path, struct file_error *e);
void target_done(struct file_target *t);

/* SHA-256 of what is there now; -1 with *e filled when it cannot be made (too large, unreadable).
 */
int target_hash(const struct file_target *t, char hex[65], struct file_error *e);

/* A new file beside it, 0600, and its name; -1 with errno. */
int target_temporary(const struct file_target *t, char name[256]);

/* It gets the owner and mode that the target has, or this mode (-1: those, or 0644). 0 or an errno.
 */
int target_adopt(const struct file_target *t, int fd, int mode);

/* The file of that name becomes the target; fresh: only where there is none yet. -1 with errno. */
int target_publish(const struct file_target *t, const char *name, bool fresh);

/* After an errno of these: the folder takes no new name, the file is a mount or another's; it can
 * still be written to. */
bool target_only_in_place(const struct file_target *t, int number);

#endif
