/*
 * What the router's files share about tasks; the contract for handlers is mcp/task.h.
 *
 * A task is in memory for as long as it is kept: while it runs its worker holds a second
 * reference. With a directory its record and its outcome are files too (task_file.c), and the
 * outcome of one that is over is there alone; other servers on the same directory see those.
 *
 * store->lock guards the list and what is in it; it is never taken together with srv->lock, and
 * never held while a file is written.
 */
#ifndef MCP_TASKS_H
#define MCP_TASKS_H

#include "base/id.h"
#include "mcp/router.h"
#include "mcp/task.h"

struct ask_round;

#define TASKS_KEPT_MAX 8192             /* of all principals, running ones included */
#define TASKS_BYTES_MAX (512ull << 20)  /* of outcomes, in memory or in files; then no new ones */
#define TASKS_BYTES_EACH (64ull << 20)  /* those of one principal */
#define TASK_MESSAGE_MAX 512            /* bytes of a statusMessage */
#define TASK_MESSAGE_SPACE_MS 1000      /* between two changes of it */
#define TASK_LATER_MS (TASK_TTL_MS / 2) /* an outcome is kept at least so long */
#define TASK_PURGE_MS (60 * 1000)       /* between two looks for expired ones */

enum task_status { TASK_WORKING, TASK_INPUT, TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED };

/* What is written down about a task. Strings are owned; times are wall clock. */
struct task_record {
    char id[ID_SIZE], server[ID_SIZE]; /* server: of the process that runs it */
    char owner[65];                    /* SHA-256 of the principal */
    enum task_status status;
    char *tool, *handle, *sandbox; /* handle, sandbox: may be NULL */
    char message[TASK_MESSAGE_MAX + 1];
    int64_t created_ms, updated_ms;
    int64_t ttl_ms; /* when it is over; while it runs see task_ttl() */
};

struct task {
    struct list link; /* all of this: store->lock */
    unsigned refs;
    struct task_record r;
    char *principal;
    struct server_call *call;       /* while it runs; borrowed from its worker */
    const struct server_conn *conn; /* only compared: who made it */
    bool interrupted;               /* ended with the server or its connection: not cancelled */
    int64_t said_ms;                /* monotonic: when the message changed last */
    bool in_file;                   /* the outcome is, if there is one */
    size_t bytes;                   /* of the outcome, wherever it is */
    struct buf outcome;             /* JSON of result or error, else empty */
    struct ask_round *round;        /* TASK_INPUT: borrowed from who waits for the answers */
};

struct tasks {
    struct server *srv;
    int (*recover)(struct tool_call *call, const char *handle, struct err *err);
    int dir_fd, lock_fd; /* -1: memory only */
    char server[ID_SIZE];
    pthread_mutex_t lock;
    struct list tasks;
    unsigned count;
    int64_t purged_ms; /* monotonic */
};

/* ---- tasks.c: the store ---- */

int tasks_open(struct server *srv, const struct task_config *config, struct tasks **out,
               struct err *err) MUST_CHECK;
void tasks_free(struct tasks *ts); /* no task runs any more; NULL is fine */

/* End what runs: of that connection, or with NULL everything (the server stops). */
void tasks_end(struct tasks *ts, const struct server_conn *conn);

/* Lock held. NULL: not in memory, expired, or somebody else's. */
struct task *tasks_find(struct tasks *ts, const char *id, const char *principal);

/* Room for one more of that principal; half of the server's calls stay free of tasks. */
bool tasks_room(struct tasks *ts, const char *principal);

void tasks_add(struct tasks *ts, struct task *t); /* takes a reference */
void tasks_remove(struct tasks *ts, struct task *t);
void task_unref(struct tasks *ts, struct task *t);

/* Tell listeners how it is now. Called without the lock by whoever changed it. */
void tasks_announce(struct tasks *ts, struct task *t);

/* ---- task.c ---- */

/* The handler of a call that became a task is done; answers nobody. */
void task_finish(struct server_call *c, const struct err *failed);

/* ---- task_ask.c ---- */

/* The way of ask() inside a task: the task is input_required until the round is answered. */
int task_ask(struct server_call *c, struct ask_round *round, struct err *err) MUST_CHECK;

/* Lock held: what tasks/update brought; true when it changed something. */
bool task_answer(struct task *t, yyjson_val *responses);

/* Lock held: inputRequests, one JSON object. */
int task_add_questions(struct buf *out, struct task *t, struct err *err) MUST_CHECK;

/* ---- task_json.c ---- */

void task_record_done(struct task_record *r);
bool task_over(enum task_status status);
const char *task_status_name(enum task_status status);

/* ttlMs now: it grows while a task runs, so that its outcome can be fetched. */
int64_t task_ttl(const struct task_record *r, int64_t now_ms);

/*
 * The members of a DetailedTask without the braces. outcome: what goes with the status:
 * inputRequests, result or error; NULL for none.
 */
int task_add_members(struct buf *out, const struct task_record *r, const char *outcome, size_t len,
                     struct err *err) MUST_CHECK;

/* Lock held: the same of a task in memory whose outcome is not in a file. */
int task_add_current(struct buf *out, struct task *t, struct err *err) MUST_CHECK;

/* ---- task_file.c ---- */

int task_files_open(struct tasks *ts, const char *dir, struct err *err) MUST_CHECK;
void task_files_close(struct tasks *ts);

/* Durable when it returns 0. */
int task_file_write(struct tasks *ts, const struct task_record *r, struct err *err) MUST_CHECK;
int task_file_write_outcome(struct tasks *ts, const char *id, const struct buf *outcome,
                            struct err *err) MUST_CHECK;

/* ERR_NOT_FOUND; what cannot be understood goes to quarantine and is not found. */
int task_file_read(struct tasks *ts, const char *id, struct task_record *out,
                   struct err *err) MUST_CHECK;
int task_file_read_outcome(struct tasks *ts, const char *id, struct buf *out,
                           struct err *err) MUST_CHECK;
void task_file_remove(struct tasks *ts, const char *id);

/* The process that runs (or ran) it still lives. */
bool task_file_alive(struct tasks *ts, const struct task_record *r);

/* Another process runs it: ask that one to cancel, and see whether somebody asked us. */
void task_file_ask_cancel(struct tasks *ts, const char *id);
bool task_file_cancel_asked(struct tasks *ts, const char *id);

/* One at a time in all processes: a descriptor to close, or -1. */
int task_file_lock(struct tasks *ts);

/* Remove what has expired and what dead servers left. */
void task_files_purge(struct tasks *ts);

/* ---- task_recover.c ---- */

/* The result of a task that an earlier server did not end: what can still be said of it. */
int task_recover(struct tasks *ts, struct tool_call *call, const struct task_record *r,
                 struct buf *out, struct err *err) MUST_CHECK;

/* ---- tasks_methods.c ---- */

void tasks_get(struct inbound *in);
void tasks_update(struct inbound *in);
void tasks_cancel(struct inbound *in);

#endif
