/*
 * What runs in a sandbox, waiting for it, and what ran before. See backend.h for what holds for
 * every op.
 */
#ifndef BACKEND_PROCESS_OPS_H
#define BACKEND_PROCESS_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"

#define PROCESSES_MAX 1000       /* told at once */
#define PROCESS_COMMAND 400      /* bytes of one's command in a list */
#define PROCESS_COMMAND_ONE 2000 /* the same where one was asked for */
#define EXECUTION_COMMAND 2000   /* bytes of a command that the history keeps */
#define EXECUTION_OUTPUT 2000    /* bytes of each stream that it keeps, head and tail */
#define EXECUTIONS_MAX 200       /* told at once */

/*
 * One of pattern, port and url, or with process_id alone its end. With process_id the wait for the
 * others ends, too, when nothing of that process is left that could bring it.
 */
struct wait_request {
    const char *process_id; /* NULL none */
    const char *pattern;    /* PCRE2: in a line of its output, as a model reads it; NULL none */
    const char *cursor;     /* of the output, where the search begins; NULL: its beginning */
    int port;               /* something in the sandbox listens on it; 0 none */
    const char *url;        /* an http URL is answered, below 500; NULL none */
    int64_t timeout_ms;
};

enum wait_end { WAIT_END_TIMEOUT, WAIT_END_EXIT, WAIT_END_PATTERN, WAIT_END_PORT, WAIT_END_URL };

struct wait_result {
    enum wait_end end;
    bool matched; /* it was what was asked for */
    int64_t elapsed_ms;
    bool process; /* the next three are said */
    enum exec_status status;
    int exit_code, signal; /* as in struct exec_result */
    int http_status;       /* of the last answer; 0 none came */
    char *line;      /* that matched; else the last one of the process; NULL none; raw bytes */
    char cursor[64]; /* behind it, "" none */
    char *note;      /* why there was no answer yet; NULL none */
    struct strings denied;
};
void wait_result_done(struct wait_result *r);

struct processes_request {
    uint32_t pid; /* that one and all below it; 0: all */
    bool managed; /* only those under a handle */
};

struct process_info {
    uint32_t pid, parent; /* parent 0: none of those that are told */
    char state;           /* as ps has it */
    char *user, *command; /* command: raw bytes, cut */
    int64_t cpu_ms, rss_kb;
    int64_t started_ms;                         /* wall clock */
    char *process_id, *session_id, *context_id; /* the handles it belongs to; NULL none */
};

/* Ascending by pid; the supervisors of the sandbox and its browser are not told. */
struct processes_result {
    struct process_info *items;
    size_t count, cap;
    size_t total; /* how many there are; more than count when they are too many */
};
int processes_add(struct processes_result *r, const struct process_info *p,
                  struct err *err) MUST_CHECK; /* copies its strings */
void processes_result_done(struct processes_result *r);

struct history_request {
    const char *execution_id; /* that one with its output; NULL: a list */
    int64_t since_ms;         /* started then or later, wall clock; 0 all */
    int64_t limit;
    const char *cursor; /* of an earlier result: older ones */
};

struct execution {
    char id[36];
    char *tool, *command; /* command: cut at EXECUTION_COMMAND */
    enum exec_status status;
    int exit_code;                   /* as in struct exec_result */
    int64_t started_ms, duration_ms; /* wall clock */
    uint64_t out, errs;              /* bytes of the streams */
};

/* Newest first. */
struct history_result {
    struct execution *items;
    size_t count, cap;
    char next_cursor[36];          /* "": the end */
    struct stream_text text, errs; /* of the one asked for */
    bool readable;                 /* its output is all there: terminal_output has it */
};
int history_add(struct history_result *r, const struct execution *e,
                struct err *err) MUST_CHECK; /* copies its strings */
void history_result_done(struct history_result *r);

struct process_ops {
    int (*wait)(struct sandbox *sb, struct call *call, const struct wait_request *req,
                struct wait_result *res, struct err *err);
    int (*list)(struct sandbox *sb, struct call *call, const struct processes_request *req,
                struct processes_result *res, struct err *err);
    int (*history)(struct sandbox *sb, struct call *call, const struct history_request *req,
                   struct history_result *res, struct err *err);
};

#endif
