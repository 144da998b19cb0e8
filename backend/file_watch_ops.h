/*
 * What changes below a folder, or of one file: start, poll, stop. See backend.h for what holds for
 * every op.
 */
#ifndef BACKEND_FILE_WATCH_OPS_H
#define BACKEND_FILE_WATCH_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"

#define FILE_WATCHES_MAX 16                 /* in one sandbox */
#define FILE_WATCH_IDLE_MS (10 * 60 * 1000) /* one that nobody polled for so long ends */
#define FILE_WATCH_POLL_BYTES (8 * 1024)    /* of all paths in one answer */

enum file_watch_action { FILE_WATCH_START, FILE_WATCH_POLL, FILE_WATCH_STOP };

struct file_watch_request {
    enum file_watch_action action;
    const char *path; /* START; NULL: the workspace */
    bool recursive;
    const char *watch_id; /* POLL, STOP */
    int64_t cursor;       /* POLL: behind this one; -1: behind the last answer */
    int64_t wait_ms;      /* POLL: for the first change */
};

struct file_event {
    char kind;         /* 'c' created, 'm' modified, 'd' deleted, 'v' moved, 'a' attributes */
    int64_t time_ms;   /* wall clock */
    char *path, *from; /* absolute; from: of a move, NULL else */
};

struct file_watch_result {
    char watch_id[36];
    char *path; /* START */
    struct file_event *changes;
    size_t count, cap;
    int64_t cursor;
    int64_t folders; /* START: that are watched */
    bool partial;    /* there are more folders than can be watched, or some may not be read */
    bool more;       /* poll at once for the rest */
    bool overflow;   /* changes were lost: look for yourself */
    bool ended;      /* what was watched has gone; this was the last answer */
};
int file_watch_add(struct file_watch_result *r, const struct file_event *c,
                   struct err *err) MUST_CHECK;
void file_watch_result_done(struct file_watch_result *r);

struct sandbox;

struct file_watch_ops {
    int (*watch)(struct sandbox *sb, struct call *call, const struct file_watch_request *req,
                 struct file_watch_result *res, struct err *err);
};

#endif
