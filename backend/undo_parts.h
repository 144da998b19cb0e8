/*
 * The tables of backend/undo.h; undo.c holds the lock around all of it.
 */
#ifndef BACKEND_UNDO_PARTS_H
#define BACKEND_UNDO_PARTS_H

#include "backend/undo.h"
#include "base/list.h"
#include <pthread.h>

struct undo_content {
    unsigned refs;
    char *data;
    size_t len;
};

struct undo_step {
    uint64_t id; /* ascending; smaller is older */
    enum undo_how how;
    struct undo_content *content; /* UNDO_CONTENT */
    int64_t len;                  /* UNDO_CUT */
    int permissions;
    char before[65], after[65]; /* before: "" not computed yet, or there was no file */
};

struct undo_file {
    struct list link; /* in box->files, the one written last in front */
    char *path;
    struct undo_step steps[UNDO_STEPS]; /* the newest last */
    unsigned count;
    bool dropped;    /* older ones were pushed out */
    const char *why; /* there is no step: what the last write was; NULL: undone */
};

struct undo_box {
    struct list link; /* in undo->boxes, the one written last in front */
    char *sandbox;
    struct list files;
    unsigned file_count, writing;
    uint64_t pushed; /* undo->clock at the last push */
    size_t bytes;
};

struct undo {
    pthread_mutex_t lock; /* all of it, contents' refs included */
    struct undo_limits limits;
    pthread_cond_t ended; /* a write */
    struct list writers;
    struct list boxes;
    size_t bytes;
    uint64_t clock;
};

struct undo_box *undo_box(struct undo *u, const char *sandbox, bool make);
struct undo_file *undo_file(struct undo_box *box, const char *path);

/* The file, made when new, in front of all others; NULL: no memory. */
struct undo_file *undo_file_made(struct undo *u, struct undo_box *box, const char *path);

void undo_box_free(struct undo *u, struct undo_box *box);
void undo_file_clear(struct undo *u, struct undo_box *box, struct undo_file *f);
void undo_step_remove(struct undo *u, struct undo_box *box, struct undo_file *f, unsigned at);
void undo_content_unref(struct undo_content *c);

/* Push out old steps until `more` bytes fit. False: they never will. */
bool undo_make_room(struct undo *u, struct undo_box *box, size_t more);

#endif
