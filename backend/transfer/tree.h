/*
 * What a directory of the host holds that is to be brought into a sandbox: first a list of files
 * within bounds, then the caller opens one after the other with host_open_below().
 *
 * .gitignore and .sandboxignore files are honoured on the way, and patterns of the same form,
 * which come last. Symbolic links, special files and files above TREE_FILE_MAX are left out, and
 * told.
 */
#ifndef BACKEND_TRANSFER_TREE_H
#define BACKEND_TRANSFER_TREE_H

#include "backend/results.h"

#define TREE_FILES_MAX 20000
#define TREE_ENTRIES_MAX 200000 /* that are looked at */
#define TREE_DEPTH_MAX 64
#define TREE_BYTES_MAX (1024ll * 1024 * 1024)
#define TREE_FILE_MAX (50ll * 1000 * 1000)
#define TREE_SKIPPED_MAX 100 /* that are named */

struct tree {
    struct strings files;   /* paths relative to the directory */
    struct strings skipped; /* "path: why" */
    int64_t skipped_count;
    int64_t bytes;
};
void tree_done(struct tree *t);

/* dir: a descriptor of the directory. ERR_TOO_LARGE beyond the bounds. */
int tree_list(int dir, const char *const *patterns, size_t pattern_count, struct tree *out,
              struct err *err) MUST_CHECK;

int tree_skip(struct tree *t, const char *path, const char *why, struct err *err) MUST_CHECK;

#endif
