/*
 * Where a list or search goes on, as printable ASCII: "KIND NUMBER : PATH", the path
 * percent-encoded.
 */
#ifndef BACKEND_AGENT_FILE_CURSOR_H
#define BACKEND_AGENT_FILE_CURSOR_H

#include "backend/agent/file.h"

struct file_cursor {
    char kind;
    int64_t number;
    size_t len;
    char path[FILE_PATH_MAX];
};

/* TAG_CURSOR into *c; false when absent. -1 in *bad when it is not one of these kinds. */
bool file_cursor_take(struct file_job *job, const char *kinds, struct file_cursor *c, bool *bad);

/* As TAG_CURSOR into job->out. */
void file_cursor_put(struct file_job *job, const struct file_cursor *c);

void file_cursor_set(struct file_cursor *c, char kind, int64_t number, const char *path,
                     size_t len);

#endif
