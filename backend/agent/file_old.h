/*
 * What a file held before a write that is to be undoable (WIRE_F_OLD): kept by descriptor where
 * the write replaces the file, in memory where it overwrites it, until the next request.
 *
 * One at a time for a process. What cannot be had (unreadable, larger than FILE_WRITE_MAX, in the
 * hands of somebody else by now) is simply not told: the write itself never fails for it.
 */
#ifndef BACKEND_AGENT_FILE_OLD_H
#define BACKEND_AGENT_FILE_OLD_H

#include "backend/agent/file_target.h"

void old_forget(void);

/* Before a rename over it. True: there is such a file. */
bool old_open(const struct file_target *t);

/* Before it is written to in place. */
void old_copy(const struct file_target *t);

/* TAG_OLD_* into the reply, as far as known. */
void old_put(struct wire_out *out);

/*
 * Behind `len` bytes that were appended to was->st_size ones: the hash of all, and of the old ones
 * into the reply when nobody else wrote. False: no hash (too large, unreadable).
 */
bool old_put_appended(struct wire_out *out, const struct file_target *t, const struct stat *was,
                      size_t len, char hex[65]);

/* WIRE_FILE_OLD */
int file_old(struct file_job *job);

/* WIRE_FILE_RESTORE; file_write() does what restores content, behind this: job->path is a regular
 * file, by no link. */
int restore_check(struct file_job *job);
int file_restore(struct file_job *job);

#endif
