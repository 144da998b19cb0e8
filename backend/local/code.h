/*
 * Code contexts: interpreters that live between calls (runners/python/protocol.py says what is
 * spoken).
 *
 * A context runs one cell at a time. Its mutable fields belong to whoever holds the cell
 * (`busy`): the worker of the call first, then the reactor. Counted: the table holds a
 * reference, the cell another.
 */
#ifndef BACKEND_LOCAL_CODE_H
#define BACKEND_LOCAL_CODE_H

#include "backend/local/local.h"

#define CODE_CONTEXTS_MAX 8             /* per sandbox */
#define CODE_LINE_MAX (9 * 1024 * 1024) /* one response of a runner */
#define CODE_START_MS 10000             /* until the runner says hello */
#define CODE_QUEUE_MS 10000             /* a call waits so long for the cell before it */
#define CODE_INTERRUPT_MS 2000          /* after SIGINT, then the interpreter is killed */

struct code_context {
    _Atomic int refs;
    struct list link; /* state lock */
    char id[36];
    const char *language; /* static */
    bool is_default;
    bool once;                                   /* a throw-away: ends with its cell */
    struct agent *agent;                         /* referenced */
    int channel, requests, responses, out, errs; /* -1: closed */
    struct buf line;                             /* what was read of the next response */
    _Atomic uint32_t supervisor;                 /* its processes are below that; 0 unknown */
    int64_t cells;
    bool busy;         /* state lock */
    _Atomic bool dead; /* the interpreter is gone */
};

struct code_state {
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a context is not busy any more */
    struct list contexts;
    unsigned count;
};

/*
 * The context for a request, claimed: an existing one, or a fresh one started now. *fresh says
 * which. ERR_NOT_FOUND for an unknown id, ERR_BUSY when the cell before it takes too long.
 */
int code_claim(struct local_sandbox *sb, struct call *call, const struct code_request *req,
               struct code_context **out, bool *fresh, struct err *err) MUST_CHECK;

/* The context whose processes are below that; false: none. */
bool code_of(struct local_sandbox *sb, uint32_t supervisor, char id[36]);

/* Let the next cell in; a dead context leaves the table. Drops the caller's reference. */
void code_release(struct local_sandbox *sb, struct code_context *c);

/* Start the interpreter of a new context and wait for its hello. */
int code_start(struct local_sandbox *sb, struct call *call, struct code_context *c,
               struct err *err) MUST_CHECK;

/* One cell in a claimed context, which it releases when the cell is over, in whatever thread. */
int code_run(struct local_sandbox *sb, struct call *call, struct code_context *c,
             const struct code_request *req, struct code_result *res, struct err *err) MUST_CHECK;

/*
 * Read more of the next response: 1 a whole line is in c->line (code_take_line), 0 not yet, -1 the
 * interpreter closed its side or sent more than CODE_LINE_MAX.
 */
int code_read_line(struct code_context *c);

/* Move the line, without its newline, to *out. */
int code_take_line(struct code_context *c, struct buf *out, struct err *err) MUST_CHECK;

/* A runner's first line. ERR_UNSUPPORTED when it says what it misses. */
int code_parse_hello(const char *line, size_t len, struct err *err) MUST_CHECK;

/* A runner's response line into the result; a malformed one is ERR_PROTOCOL. token and id are
 * those of the request. */
int code_parse(const char *line, size_t len, int64_t id, const char *token, struct code_result *res,
               struct err *err) MUST_CHECK;

#endif
