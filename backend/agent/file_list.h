/*
 * What the two orders of a listing share: by name as the tree is walked (file_list.c), by size or
 * time over all that was found (file_list_sorted.c).
 */
#ifndef BACKEND_AGENT_FILE_LIST_H
#define BACKEND_AGENT_FILE_LIST_H

#include "backend/agent/file_cursor.h"
#include "backend/agent/walk.h"

#define LIST_WALK_MAX 200000  /* entries looked at */
#define LIST_FIRST_MAX 500    /* shown of the folder itself in a tree, without a glob */
#define LIST_FOLDER_MAX 100   /* the same of each folder in it */
#define LIST_COUNT_MS 2000    /* spent on counting what is not shown */
#define LIST_LIMIT_MAX 100000 /* entries of one answer */

enum { LIST_BY_NAME, LIST_BY_SIZE, LIST_BY_MTIME };

struct listing {
    struct file_job *job;
    int root; /* descriptor of the listed folder */
    struct walk walk;
    struct glob glob;
    bool globbed, resumes;
    uint32_t sort;
    int64_t depth, limit, count, seen, total;
    size_t bytes, max_bytes; /* of paths */
    struct file_buf records;
    struct file_cursor from, last;
    bool stopped;   /* enough: `last` goes on */
    bool truncated; /* more exists */
};

struct list_item {
    char kind; /* its cursor's */
    int64_t number;
    char type; /* as in struct file_entry of results.h */
    const char *path;
    size_t len;
};

/* Add an entry whose last name is `name` in dirfd, or a marker (its number is N). False when the
 * answer is full: l->stopped is set, and l->last is where to go on. */
bool listing_add(struct listing *l, const struct list_item *item, int dirfd, const char *name);

/* Count and match what the walk gave; false: not to be listed, or too many were seen. */
bool listing_takes(struct listing *l, const struct walk_entry *e);

/* Each fills records, total, stopped, truncated; -1 with job->error. */
int list_by_name(struct listing *l);
int list_sorted(struct listing *l);

#endif
