/*
 * The local backend's state on disk (MECHANISMS.md section 5):
 *
 *   <root>/v1/sandbox/<id>/meta.json      schema, owner, name, uid, times; written by rename
 *                          lock           flock held by the process that uses it
 *                          jobs/<p_id>/   meta.json, out, err of a process known by its id
 *                          history        what ran, a line of JSON each; history.1 before that
 *                          workspace/ws   the sandbox's files
 *                          workspace/home its home
 *
 * workspace/ is not the sandbox's own (0710 for its gid, or 0700), so that nobody else on the
 * machine reaches what lies below, whatever modes the sandbox gives it. All work is done by
 * directory descriptors. Directories that are not understood go to <root>/v1/quarantine.
 */
#ifndef BACKEND_LOCAL_STATE_H
#define BACKEND_LOCAL_STATE_H

#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

#define STATE_SCHEMA 1
#define STATE_KEEP_MS (7ll * 24 * 3600 * 1000)
#define STATE_UID_BASE 200000
#define STATE_UID_COUNT 65536
#define STATE_UID_SMALL 40000 /* where a container's user namespace ends at 65536 */
#define STATE_UID_SMALL_COUNT 20000

struct state {
    char *root;  /* absolute */
    int root_fd; /* <root>/v1 */
    int sandboxes_fd;
    bool own_uids;             /* we are root: every sandbox gets a host uid of its own */
    uid_t uid_base, uid_count; /* from these */
};

struct state_dir {
    char id[36];
    int dir_fd, lock_fd, jobs_fd; /* -1: closed */
    char *workspace, *home;       /* host paths of ws and home; only for binds */
    uid_t uid;
    gid_t gid;
    int64_t created_ms; /* wall clock */
};

/* NULL picks backend_state_root(). Makes what is missing, clears up after a crash, removes what has
 * expired. */
int state_open(const char *root, struct state *out, struct err *err) MUST_CHECK;
void state_done(struct state *s);

/* The directory of (owner, name) that nobody else holds: found, or 0 with out->dir_fd -1 when
 * there is none; ERR_BUSY when another process holds it. */
int state_find(struct state *s, const char *owner, const char *name, struct state_dir *out,
               struct err *err) MUST_CHECK;

/* A new one, locked; name may be NULL. uid and gid are those its processes will have;
 * (uid_t)-1: one of its own when we are root, else ours. */
int state_create(struct state *s, const char *owner, const char *name, uid_t uid, gid_t gid,
                 struct state_dir *out, struct err *err) MUST_CHECK;

/* Rewrite meta.json: running or stopped, used now (the retention starts again). */
int state_touch(struct state_dir *d, const char *owner, const char *name, bool running,
                struct err *err) MUST_CHECK;

/* True when nothing is in its workspace, and no process of it can be read. */
bool state_unused(const struct state_dir *d);

/* Remove it and all its files. */
void state_remove(struct state *s, struct state_dir *d);

/* Give up the lock; everything stays. */
void state_dir_done(struct state_dir *d);

#endif
