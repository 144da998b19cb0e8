/*
 * A tree in a fixed order: folders before what they hold, names of a folder by their bytes.
 *
 * Links are never followed (the opened root aside), so there are no cycles; /proc and /sys are
 * not entered from outside; a folder that cannot be read is passed over and counted. At most
 * WALK_DEPTH_MAX folders are open at once, deeper ones are not entered; names take at most
 * WALK_NAMES_MAX bytes, what does not fit is left out and `cut` says so.
 */
#ifndef BACKEND_AGENT_WALK_H
#define BACKEND_AGENT_WALK_H

#include "backend/agent/ignore.h"
#include <stdint.h>

#define WALK_DEPTH_MAX 128
#define WALK_NAMES_MAX (64 * 1024 * 1024)
#define WALK_PATH_MAX 4096

struct walk_options {
    int64_t depth; /* 1: only the root's own entries */
    bool hidden;   /* names that start with a dot too */
    bool ignore;   /* honour .gitignore and .ignore files; .git is left out */
    /* NULL, or for names with a dot when hidden is not set: take it all the same. */
    bool (*show)(void *arg, const char *path, size_t len, size_t name);
    void *arg;
};

struct walk_entry {
    const char *path; /* below the root; until the next step */
    size_t len, name; /* path[name..len) is the last part */
    int dirfd;        /* that it is in */
    unsigned depth;   /* 1: in the root */
    char type;        /* as in struct file_entry of results.h */
};

enum walk_step {
    WALK_ENTRY,
    WALK_LEAVE, /* e->path was the folder ("" the root); all in it has been given */
    WALK_END
};

struct walk_dir;

struct walk {
    struct walk_options options;
    struct ignore ignore;
    struct walk_dir *dirs; /* open ones, the root first */
    unsigned open;
    bool enter;               /* the entry given last, a folder, is next */
    bool cut;                 /* something was left out for a bound */
    int64_t unread;           /* folders that could not be opened */
    size_t names;             /* bytes they take */
    size_t outer;             /* path + outer is the path below the root */
    char path[WALK_PATH_MAX]; /* from the outermost folder whose .gitignore counts */
    uint64_t fs;              /* of the root */
    char *buffer;
};

/* Takes rootfd, an open folder at that absolute path. False without memory. */
bool walk_open(struct walk *w, int rootfd, const char *path, const struct walk_options *options);
enum walk_step walk_next(struct walk *w, struct walk_entry *e);

/* Do not enter the folder that was given last. */
void walk_skip(struct walk *w);
void walk_done(struct walk *w);

/* <0, 0, >0: where the paths lie in that order. */
int walk_order(const char *a, size_t alen, const char *b, size_t blen);

/* `dir` is one of the folders above path (or "", the root). */
bool walk_above(const char *dir, size_t dlen, const char *path, size_t plen);

#endif
