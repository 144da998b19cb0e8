/*
 * Code contexts: interpreters that live between calls (runners/python/protocol.py says what is
 * spoken).
 *
 * A context is a record (id, language, directory) with an interpreter in it, or none: when that has
 * ended the record stays, and the next cell gets a fresh one and is told so. It runs one cell at a
 * time. Fields without a lock belong to whoever holds the cell (`busy`): the worker of the call
 * first, then the reactor. Counted: the table holds a reference, the cell another.
 *
 * Files: code_table.c (which there are), code.c (claiming one), code_start.c (its interpreter),
 * code_run.c and code_cell.c (a cell), code_parse.c (its answer), code_manage.c (code_context).
 */
#ifndef BACKEND_LOCAL_CODE_H
#define BACKEND_LOCAL_CODE_H

#include "backend/local/local.h"

#define CODE_CONTEXTS_MAX 8             /* per sandbox; shell sessions have their own bound */
#define CODE_LINE_MAX (9 * 1024 * 1024) /* one response of a runner */
#define CODE_START_MS 10000             /* until the runner says hello */
#define CODE_QUEUE_MS 10000             /* a call waits so long for the cell before it */
#define CODE_INTERRUPT_MS 2000          /* after SIGINT, then the interpreter is killed */
#define CODE_GONE_MAX 32                /* ids that are still known when their context is not */
#define CODE_WHY 160

struct code_context {
    _Atomic int refs;
    struct list link; /* state lock */
    char id[36];
    char *name;           /* NULL none */
    const char *language; /* static */
    char *cwd;            /* where its interpreters start; NULL: the workspace */
    int64_t created_ms;   /* wall clock */
    bool is_default;
    bool once;                                   /* a throw-away: ends with its cell */
    struct agent *agent;                         /* referenced; NULL: never started */
    int channel, requests, responses, out, errs; /* -1: closed */
    struct buf line;                             /* what was read of the next response */
    _Atomic uint32_t supervisor;                 /* its processes are below that; 0 unknown */
    _Atomic int64_t cells;                       /* of this interpreter */
    _Atomic bool dead;                           /* there is no interpreter */

    /* state lock */
    bool busy, starting;
    int64_t used_ms;
    struct job *job;    /* the cell that runs: a reference, NULL none */
    char ending[48];    /* who ended the interpreter on purpose; "" nobody */
    char why[CODE_WHY]; /* it ended and nobody was told yet; "" not so */
};

struct code_state {
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a context is not busy any more */
    struct list contexts;
    unsigned count;
    struct {
        char id[36], name[CONTEXT_ID_SIZE], why[CODE_WHY];
    } gone[CODE_GONE_MAX]; /* a ring */
    unsigned gone_next;
};

/* ---- code_table.c; "locked": the state lock is held ---- */

/* Made on first use. */
int code_state_of(struct local_sandbox *sb, struct code_state **out, struct err *err) MUST_CHECK;

/* By id, name, or as the default one of its language (id NULL). Locked; NULL: none. */
struct code_context *code_find(struct code_state *s, const char *id, const char *language);

/* Not in the table any more, `why` for those who still ask for it. Locked. */
void code_forget(struct code_state *s, struct code_context *c, const char *why);

/* For later, why there is none of that id (or name, which may be NULL) any more. Locked. */
void code_remember(struct code_state *s, const char *id, const char *name, const char *why);

/* Why there is none of that id: ERR_GONE, or ERR_NOT_FOUND. Locked. */
int code_unknown(struct code_state *s, const char *id, struct err *err);

/* A new busy context in the table, without an interpreter, and a reference for the caller. id NULL:
 * the language's default one; "new": a throw-away. Locked. ERR_QUOTA, ERR_UNSUPPORTED. */
int code_add(struct code_state *s, const char *id, const char *language, struct code_context **out,
             struct err *err) MUST_CHECK;

void code_unref(struct code_context *c);

/* Its interpreter, if any, ends: closes all that leads to it. The holder, or locked and not busy.
 */
void code_end(struct code_context *c);

/* ---- code.c ---- */

/* Until a context is let go, 100 ms at most. Locked. */
void code_sleep(struct code_state *s);

/* Wait for the cell before and hold the context; ERR_BUSY when it takes more than CODE_QUEUE_MS.
 * Locked; it may have left the table or be dead afterwards. */
int code_await(struct code_state *s, struct call *call, struct code_context *c,
               struct err *err) MUST_CHECK;

/*
 * The context for a request, claimed, with an interpreter that runs. why: when that had to be
 * started anew, what became of the one before; else "".
 */
int code_claim(struct local_sandbox *sb, struct call *call, const struct code_request *req,
               struct code_context **out, char why[CODE_WHY], struct err *err) MUST_CHECK;

/* The context whose processes are below that; false: none. */
bool code_of(struct local_sandbox *sb, uint32_t supervisor, char id[36]);

/* An interpreter in a held context that has none; it is dead when that fails. */
int code_revive(struct local_sandbox *sb, struct call *call, struct code_context *c,
                struct err *err) MUST_CHECK;

/* Let the next cell in; a throw-away leaves the table. Drops the caller's reference. */
void code_release(struct local_sandbox *sb, struct code_context *c);

/* The static name of a language that has a runner; NULL: there is none. */
const char *code_known_language(const char *language);

/* Start an interpreter in a held context that has none, and wait for its hello. */
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

/* What an interpreter says stays on the line of its error: controls become blanks. In place. */
void code_one_line(char *text);

/* A runner's first line. ERR_UNSUPPORTED when it says what it misses. */
int code_parse_hello(const char *line, size_t len, struct err *err) MUST_CHECK;

/* A runner's response line into the result; a malformed one is ERR_PROTOCOL. token and id are
 * those of the request. */
int code_parse(const char *line, size_t len, int64_t id, const char *token, struct code_result *res,
               struct err *err) MUST_CHECK;

/* ---- code_manage.c ---- */

int code_context_op(struct sandbox *sb, struct call *call, const struct context_request *req,
                    struct context_result *res, struct err *err) MUST_CHECK;
/* Of a context or shell session; NULL: there is none. */
const char *code_language(struct sandbox *sb, const char *context_id);

/* ---- code_shell.c: shell sessions as contexts ---- */

/* All of them, added to res. */
int code_shells(struct local_sandbox *sb, struct context_result *res, struct err *err) MUST_CHECK;
/* One action on one of them. */
int code_shell(struct local_sandbox *sb, struct call *call, const struct context_request *req,
               struct context_result *res, struct err *err) MUST_CHECK;

#endif
