/*
 * Files. Paths are POSIX, absolute or relative to the workspace; ~ is the home. See backend.h for
 * what holds for every op.
 */
#ifndef BACKEND_FILE_OPS_H
#define BACKEND_FILE_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"

struct file_read_request {
    const char *path;
    int64_t offset; /* lines: first one, 1-based, negative from the end; bytes: offset */
    int64_t limit;  /* lines at most; 0: no bound but max_bytes */
    bool bytes;     /* offset counts bytes and lines are not looked at */
    bool text;      /* lines of UTF-16 (by its byte order mark) as UTF-8; else as they are */
    bool hash;      /* also above FILE_HASH_MAX, up to FILE_TOTALS_MAX */
    size_t max_bytes;
};

enum file_write_mode { FILE_OVERWRITE, FILE_CREATE, FILE_APPEND };

struct file_write_request {
    const char *path;
    const char *data;
    size_t len;
    enum file_write_mode mode;
    int permissions;           /* -1: keep, or 0644 for a new file */
    const char *expect_sha256; /* NULL, or refuse with ERR_CONFLICT when the content differs; "" =
                                  must not exist */
    bool undoable;             /* what was there is kept for file_edit (backend/undo.h) */
};

enum file_restore_how { FILE_RESTORE_CONTENT, FILE_RESTORE_CUT, FILE_RESTORE_REMOVE };

struct file_restore_request {
    const char *path; /* as a write gave it: absolute, without links */
    const char *expect_sha256;
    enum file_restore_how how;
    const char *data; /* CONTENT */
    size_t len;
    int64_t size;    /* CUT */
    int permissions; /* -1: keep */
};

enum file_sort { FILE_BY_NAME, FILE_BY_SIZE, FILE_BY_MTIME };

struct file_list_request {
    const char *path; /* NULL: the workspace */
    int64_t depth;    /* 1: the directory itself */
    const char *glob; /* NULL, or against the relative path (or the name when it has no '/') */
    bool hidden;
    bool ignore; /* honour .gitignore */
    enum file_sort sort;
    int64_t limit;
    const char *cursor;
    size_t max_bytes; /* of all paths together */
};

struct file_search_request {
    const char *pattern; /* regex or literal for content; glob for names */
    const char *path;    /* NULL: the workspace; a file or directory */
    bool names;
    const char *const *include, *const *exclude; /* globs */
    size_t include_count, exclude_count;
    bool literal, ignore_case, multiline;
    int64_t context;
    int64_t limit;
    const char *cursor;
    size_t max_bytes;
};

struct file_edit {
    const char *old_text, *new_text;
    int64_t count; /* expected matches; 0: all there are, at least one */
    bool regex;
};

struct file_replace_request {
    const char *path;
    const struct file_edit *edits;
    size_t edit_count;
    bool dry_run;
    const char *expect_sha256;
};

struct file_ops {
    int (*read)(struct sandbox *sb, struct call *call, const struct file_read_request *req,
                struct file_read_result *res, struct err *err);
    int (*write)(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                 struct file_write_result *res, struct err *err);
    int (*list)(struct sandbox *sb, struct call *call, const struct file_list_request *req,
                struct file_list_result *res, struct err *err);
    int (*search)(struct sandbox *sb, struct call *call, const struct file_search_request *req,
                  struct file_search_result *res, struct err *err);
    bool keeps_old; /* write fills res->old when it is asked for; else a read before it does */
    /*
     * An earlier state, of a file that is still what is expected and no link; ERR_CONFLICT when it
     * is not. derive/restore.c serves every backend that has read, write and exec.
     */
    int (*restore)(struct sandbox *sb, struct call *call, const struct file_restore_request *req,
                   struct file_write_result *res, struct err *err);
    /* derive/replace.c serves every backend that has read and write */
    int (*replace)(struct sandbox *sb, struct call *call, const struct file_replace_request *req,
                   struct file_replace_result *res, struct err *err);
};

#endif
