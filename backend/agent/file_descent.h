/*
 * All of a tree, whoever changes it meanwhile: of each folder first what is no folder, as it is
 * read, then the folders in it. Links are not followed. Takes no stack and few descriptors for
 * depth, and memory for the names of folders alone (DESCENT_NAMES_MAX).
 */
#ifndef BACKEND_AGENT_FILE_DESCENT_H
#define BACKEND_AGENT_FILE_DESCENT_H

#include "backend/agent/file_ladder.h"
#include "backend/agent/file_report.h"

#define DESCENT_NAMES_MAX (64 * 1024 * 1024)

struct descent;

/* What is done with it; a NULL one is nothing. Failures are theirs to report. */
struct descent_ops {
    /* Something in the folder `dir` that is no folder. */
    void (*file)(struct descent *d, int dir, const char *name);
    /* A folder in `dir`, before it is opened. */
    void (*before)(struct descent *d, int dir, const char *name);
    /* The folder fd has been opened. False: not into it. */
    bool (*enter)(struct descent *d, int fd, const char *name);
    /* All in the folder fd is done. */
    void (*leave)(struct descent *d, int fd);
    /* The folder of that name in `dir` is done and closed. True: it is not empty; then once more,
     * if nothing below it failed. */
    bool (*left)(struct descent *d, int dir, const char *name);
};

struct descent_level {
    size_t names, next, end; /* of its folders, in d->names */
    size_t path;             /* length of its path */
    unsigned again;
    int64_t errors; /* of the report when it was entered */
};

struct descent {
    const struct descent_ops *ops;
    void *arg;
    struct file_report *report;
    const char *action; /* for errors: "delete" */
    const char *top;    /* path of the first folder, for errors */
    struct ladder ladder;
    struct descent_level *levels;
    size_t count, cap;
    struct file_buf names, path;
    char *buffer;
};

/*
 * From the folder fd (taken) at path `top`; enter and left are not called for that one. False when
 * it ended early: halted, or something that cannot go on, which was reported.
 */
bool descend(struct descent *d, int fd);

/* The path of `name` in the folder where the descent is, for people: the end of one too long. */
void descent_path(const struct descent *d, const char *name, char out[FILE_PATH_MAX]);

/* Report an errno value of `name` there. */
void descent_failed(struct descent *d, int number, const char *name);

#endif
