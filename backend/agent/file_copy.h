/*
 * Copying: files with their holes and, where the file system can, without their bytes; links as
 * links; modes and times kept; FIFOs, sockets and devices left out and reported.
 */
#ifndef BACKEND_AGENT_FILE_COPY_H
#define BACKEND_AGENT_FILE_COPY_H

#include "backend/agent/file_place.h"
#include "backend/agent/file_report.h"

#define COPY_UNSIZED_MAX (64 * 1024 * 1024) /* of files that say 0 and are not (/proc) */

/*
 * What fd, an O_PATH descriptor, names, as `name` in the folder dir: a file or link replaces what
 * has the name, unless that is a folder; a folder is merged into one that has it. `path` (the copy)
 * and `from` are for errors, which are reported. False when something was left out. Adds to the
 * report's total and bytes.
 */
bool copy_tree(struct file_report *r, int fd, const char *from, int dir, const char *name,
               const char *path);

/* Bytes of the file `in` into `out`, which is empty; 0 or an errno value, ECANCELED when halted. */
int copy_data(struct file_report *r, int in, int out, const struct stat *st);

#endif
