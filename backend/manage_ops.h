/*
 * What changes names and attributes of files, and looks at them. See backend.h for what holds for
 * every op, file_ops.h for paths; the last name of a path is meant itself when it is a link, but
 * for what is copied or changed by chmod.
 *
 * Several paths are done one by one: one that fails is told and the others are done all the same.
 * Such an op answers 0 with what was done and the failures, also when nothing could be done. Work
 * that takes too long (agent/file_report.h) ends with a failure ERR_TIMEOUT for the path "".
 */
#ifndef BACKEND_MANAGE_OPS_H
#define BACKEND_MANAGE_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"

#define MANAGE_PATHS_MAX 256
#define MANAGE_ERRORS_MAX 32 /* told */

struct file_stat_request {
    const char *const *paths;
    size_t count;
    bool hash; /* of files up to FILE_TOTALS_MAX, all together up to 256 MiB */
};

struct file_move_request {
    const char *const *paths; /* from, to, from, to: into `to` when that is a folder */
    size_t count;             /* of paths */
    bool overwrite;
};

/* A file goes into `to` when that is a folder; a folder is merged with one, or with a slash behind
 * `to` goes into it. Links in a folder stay links. */
struct file_copy_request {
    const char *from, *to;
    bool recursive;
};

struct file_remove_request {
    const char *const *paths;
    size_t count;
    bool recursive, missing_ok;
};

struct file_mkdir_request {
    const char *const *paths;
    size_t count;
    int permissions; /* of the last folders, when made; -1: 0755 */
};

struct file_chmod_request {
    const char *const *paths;
    size_t count;
    int permissions;    /* -1: none, or `change` */
    const char *change; /* "u+x,go-w"; NULL none */
    const char *owner, *group;
    bool recursive;
};

enum file_access { ACCESS_NONE, ACCESS_VIEW, ACCESS_READ, ACCESS_WRITE };

struct file_facts {
    char *path; /* absolute, as asked */
    char type;  /* as in struct file_entry; 0: not there; '?': not to be seen */
    unsigned mode;
    int64_t size, mtime_ms;
    char *owner, *group, *target; /* target "": no link */
    char sha256[65];              /* "" not made */
    enum file_access access;      /* of the file tools */
};

struct file_stat_result {
    struct file_facts *items;
    size_t count, cap;
};
/* Takes the strings of *facts, also when it fails. */
int file_stat_add(struct file_stat_result *r, struct file_facts *facts, struct err *err) MUST_CHECK;
void file_stat_result_done(struct file_stat_result *r);

struct path_error {
    char *path;
    struct err err;
};

struct file_change {
    char *path, *to; /* to "": none */
};

/* What the others answer. */
struct file_manage_result {
    struct file_change *done; /* moved, copied, made */
    size_t count, cap;
    int64_t total, bytes; /* entries copied, deleted, changed; bytes copied */
    struct path_error *errors;
    size_t error_count, error_cap;
    int64_t failed; /* all of them: error_count or more */
};
int file_manage_done_add(struct file_manage_result *r, const char *path, const char *to,
                         struct err *err) MUST_CHECK;
int file_manage_error_add(struct file_manage_result *r, const char *path, const struct err *why,
                          struct err *err) MUST_CHECK;
void file_manage_result_done(struct file_manage_result *r);

struct manage_ops {
    int (*stat)(struct sandbox *sb, struct call *call, const struct file_stat_request *req,
                struct file_stat_result *res, struct err *err);
    int (*move)(struct sandbox *sb, struct call *call, const struct file_move_request *req,
                struct file_manage_result *res, struct err *err);
    int (*copy)(struct sandbox *sb, struct call *call, const struct file_copy_request *req,
                struct file_manage_result *res, struct err *err);
    int (*remove)(struct sandbox *sb, struct call *call, const struct file_remove_request *req,
                  struct file_manage_result *res, struct err *err);
    int (*mkdir)(struct sandbox *sb, struct call *call, const struct file_mkdir_request *req,
                 struct file_manage_result *res, struct err *err);
    int (*chmod)(struct sandbox *sb, struct call *call, const struct file_chmod_request *req,
                 struct file_manage_result *res, struct err *err);
};

#endif
