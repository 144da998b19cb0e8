/*
 * What ran in a sandbox: one line of JSON in its state directory for each execution that has ended,
 * with the head and tail of its output. Two files of at most HISTORY_FILE bytes, about: when the
 * newer is full it takes the place of the older. Nothing is synced.
 */
#ifndef BACKEND_LOCAL_HISTORY_H
#define BACKEND_LOCAL_HISTORY_H

#include "backend/local/job.h"

#define HISTORY_FILE (2 * 1024 * 1024)
#define HISTORY_LINE 65536

/* The job's main process is over: its line, when it is described. No lock held. */
void history_note(struct job *j);

/* The same unless it is told already: a job that an earlier server has left running. */
void history_note_once(struct job *j);

/* process_ops.history: those that run and are known by their id, then the lines. */
int local_history(struct sandbox *base, struct call *call, const struct history_request *req,
                  struct history_result *res, struct err *err) MUST_CHECK;

#endif
