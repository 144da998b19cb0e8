/*
 * What files held before writes that can be undone: the memory behind file_edit's undo, for all
 * sandboxes of a backend, in the server, where nothing inside a sandbox can reach it. It ends with
 * the server.
 *
 * A file (its absolute path, links resolved) has a stack of steps. A step is undone only while the
 * file still has the content (SHA-256) that the step left, and the one below it only when that left
 * what this one found: whatever else changed the file in between is never overwritten. Writes to
 * one path are let through one after another, as what each of them replaced could not be told for
 * sure otherwise; if they go to one file by different paths, they are put in order by these hashes.
 *
 * Bounded by struct undo_limits: what does not fit pushes out the oldest steps, of its own file,
 * then of its sandbox, then of the sandbox that wrote longest ago. Thread-safe.
 */
#ifndef BACKEND_UNDO_H
#define BACKEND_UNDO_H

#include "backend/results.h"
#include "base/call.h"
#include "base/list.h"

#define UNDO_STEPS 16 /* of a file, at most: the size of a plan */

struct undo_limits {
    unsigned steps; /* of a file, up to UNDO_STEPS */
    unsigned files; /* of a sandbox */
    size_t bytes;   /* of contents, of a sandbox */
    size_t all;     /* of contents, of all sandboxes */
};

/* 16 steps, 64 files, 32 MiB; 256 MiB */
extern const struct undo_limits undo_default_limits;

struct undo;

struct undo *undo_new(const struct undo_limits *limits); /* NULL: no memory */
void undo_free(struct undo *u);                          /* NULL is fine */

/* A write in flight: sandbox and path (as the caller has it), borrowed. */
struct undo_writer {
    const char *sandbox, *path;
    struct list link;
    uint64_t begun;
};

/* It begins, once no other one to this path is in flight (or the call is over, or UNDO_WAIT_MS
 * have gone by); every one ends by undo_push() or undo_abandon(). */
#define UNDO_WAIT_MS 30000
void undo_begin(struct undo *u, struct undo_writer *w, struct call *call);
void undo_abandon(struct undo *u, struct undo_writer *w);

/* It is done: res->path, res->sha256 and res->old say how. Takes the content out of res->old. */
void undo_push(struct undo *u, struct undo_writer *w, struct file_write_result *res);

enum undo_how { UNDO_CONTENT, UNDO_CUT, UNDO_REMOVE };

struct undo_content;

/* How to get back; zeroed at first, undo_plan_done() whatever happened. */
struct undo_plan {
    enum undo_how how;
    const char *data; /* UNDO_CONTENT: as long as the plan */
    int64_t len;      /* of data; UNDO_CUT: the length to cut to */
    int permissions;  /* -1: they stay */
    uint64_t steps[UNDO_STEPS];
    unsigned count;
    struct undo *undo;
    struct undo_content *content;
};

/* sha256: what the file holds now. ERR_NOT_FOUND: no (more) steps, ERR_CONFLICT: it was changed by
 * something else; both say so in full. */
int undo_plan(struct undo *u, const char *sandbox, const char *path, const char *sha256,
              int64_t steps, struct undo_plan *out, struct err *err) MUST_CHECK;
void undo_plan_done(struct undo_plan *plan);

/* The plan was carried out: its steps are gone. */
void undo_commit(struct undo *u, const char *sandbox, const char *path,
                 const struct undo_plan *plan);

/* How many steps could be undone one after another from this content on. */
unsigned undo_depth(struct undo *u, const char *sandbox, const char *path, const char *sha256);

/* Steps of this file were pushed out. */
bool undo_dropped(struct undo *u, const char *sandbox, const char *path);

/* The sandbox is no more. */
void undo_forget(struct undo *u, const char *sandbox);

#endif
