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

#endif
