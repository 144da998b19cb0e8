/*
 * Editing by lines, and undo. Built from other ops for every backend that has file_ops' read and
 * write (derive/edit.c, derive/undo.c).
 */
#ifndef BACKEND_FILE_EDIT_OPS_H
#define BACKEND_FILE_EDIT_OPS_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

enum file_edit_action { FILE_EDIT_INSERT, FILE_EDIT_DELETE, FILE_EDIT_UNDO };

struct file_lines_request {
    const char *path;
    enum file_edit_action action;
    int64_t line;     /* INSERT: behind it, 0 the top; DELETE: the first, from 1 */
    int64_t end_line; /* DELETE: the last; 0: the first one alone */
    const char *text; /* INSERT: whole lines; the last one need not end */
    int64_t steps;    /* UNDO */
    const char *expect_sha256;
};

struct file_lines_result {
    char *path;
    struct buf diff;     /* unified; "" when nothing to show: see note */
    int64_t lines;       /* inserted or deleted; UNDO: steps */
    bool removed;        /* UNDO: the file's creation was undone */
    char sha256[65];     /* "" removed */
    unsigned undo_depth; /* steps that can be undone from here */
    const char *note;    /* NULL none */
};
void file_lines_result_done(struct file_lines_result *r);

#endif
