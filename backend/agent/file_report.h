/*
 * What an operation over several paths did, and how long it may go on.
 *
 * An operation goes through TAG_PATHS, notes what it did and what it could not do, and looks at
 * report_halted() between the parts of its work: after file_budget_ms, or when the server has
 * given up, it ends where it is. Every failure is counted, the first FILE_ERRORS_SHOWN are told.
 */
#ifndef BACKEND_AGENT_FILE_REPORT_H
#define BACKEND_AGENT_FILE_REPORT_H

#include "backend/agent/file.h"

#define FILE_BUDGET_MS 40000
#define FILE_ERRORS_SHOWN 32
#define FILE_RECORDS_MAX (4 * 1024 * 1024)

extern int64_t file_budget_ms; /* FILE_BUDGET_MS */

struct file_report {
    struct file_job *job;
    struct file_buf records;
    int64_t total, bytes, errors;
    int64_t until_ms; /* monotonic */
    uint32_t flags;   /* of the request */
    unsigned ticks;
    const char *next, *end; /* what is left of TAG_PATHS */
    bool stubborn;          /* goes on when the server has given up: it cleans up */
    bool halted, full;      /* full: no space was left; whoever sees it ends */
};

/* -1 with the job's error when TAG_PATHS is not as it has to be. */
int report_begin(struct file_report *r, struct file_job *job);

/* The next path, absolute and at most FILE_PATH_MAX - 1 bytes; NULL behind the last, or halted. */
const char *report_path(struct file_report *r);

void report_done(struct file_report *r, const char *path, const char *to);
void report_failed(struct file_report *r, const char *path, const struct file_error *e);

/* The same from an errno value, as file_fail_errno() words it; returns -1. */
int report_errno(struct file_report *r, int number, const char *action, const char *path);

/* Out of time, or nobody waits any more. Looks at clock and channel now and then, at once when
 * `now` is set. The first time it is, the caller is expected to end; report_send() says it. */
bool report_halted(struct file_report *r, bool now);

/* The first `errors` of the failures in `part`, a report of a part of the work, and its end. */
void report_take(struct file_report *r, struct file_report *part, int64_t errors);

/* The answer: totals and records. Releases what the report holds. */
int report_send(struct file_report *r);
void report_drop(struct file_report *r);

#endif
