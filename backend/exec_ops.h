/*
 * Running commands. See backend.h for what holds for every op.
 */
#ifndef BACKEND_EXEC_OPS_H
#define BACKEND_EXEC_OPS_H

#include "backend/results.h"
#include "base/call.h"
#include "base/err.h"
#include <stdatomic.h>

struct env_var {
    const char *name, *value;
};

/*
 * What is asked when a request reaches its yield time and still runs: 0 when the caller goes on
 * waiting, without a bound from then on; -1: the op answers "running". process_id: already good
 * for output and kill. run NULL: nobody is asked; a backend that cannot go on does not ask.
 */
struct stay {
    int (*run)(void *context, const char *process_id);
    void *context;
};

/*
 * Who is told what a command writes, as it comes: by any thread, one call at a time for each
 * command, and it must not wait. A backend that can takes a reference (exec_tap_ref), as the
 * command may outlive its request, and calls over() once, last; one that cannot leaves it alone.
 */
struct exec_tap {
    atomic_uint refs;
    atomic_bool taken; /* a backend holds it, or did */
    void (*output)(struct exec_tap *tap, int stream, const void *data, size_t len);
    void (*over)(struct exec_tap *tap, int exit_code); /* -1: it did not exit */
    void (*free)(struct exec_tap *tap);
};

static inline struct exec_tap *exec_tap_ref(struct exec_tap *tap)
{
    if (tap) {
        atomic_fetch_add(&tap->refs, 1);
        atomic_store(&tap->taken, true);
    }
    return tap;
}

static inline void exec_tap_unref(struct exec_tap *tap)
{
    if (tap && atomic_fetch_sub(&tap->refs, 1) == 1)
        tap->free(tap);
}
DEFINE_AUTO_PTR(exec_tap, exec_tap_unref);

struct exec_request {
    const char *tool;    /* whose it is, for the history; NULL: that is not told of it */
    const char *command; /* for the sandbox's shell (bash -c when there is one, else sh -c) */
    const char *cwd;     /* NULL: the workspace; relative to it otherwise */
    const char *
        session_id; /* NULL: a fresh process; else run in that shell session, opened when unknown */
    const char *stdin_data; /* NULL: empty */
    size_t stdin_len;
    const struct env_var *env; /* added to the sandbox's environment */
    size_t env_count;
    int64_t timeout_ms; /* kill after; 0: as long as the sandbox lives */
    int64_t yield_ms;   /* answer EXEC_RUNNING after; 0: at once, nobody is asked to stay */
    struct stay stay;
    size_t max_bytes;     /* of text kept per result, both streams together */
    struct exec_tap *tap; /* NULL none */
};

struct output_request {
    const char *process_id;
    const char *cursor; /* NULL: where this caller's last read ended */
    int64_t tail;       /* >0: only the last so many lines (cursor ignored) */
    const char *grep;   /* NULL, or a regex: only lines that match */
    bool whole;         /* from its beginning, and no reader's place moves; alone */
    int64_t wait_ms;    /* wait for new output or the end at most so long */
    size_t max_bytes;
};

struct kill_request {
    const char *id;   /* process_id, session_id, or a pid as seen in the sandbox */
    int signal;       /* Linux number */
    int64_t grace_ms; /* then SIGKILL, for signals that ask to end (TERM, INT, HUP, QUIT) */
};

struct exec_ops {
    int (*run)(struct sandbox *sb, struct call *call, const struct exec_request *req,
               struct exec_result *res, struct err *err);
    int (*output)(struct sandbox *sb, struct call *call, const struct output_request *req,
                  struct exec_result *res, struct err *err);
    int (*kill)(struct sandbox *sb, struct call *call, const struct kill_request *req,
                struct kill_result *res, struct err *err);
    /* process_ids that output takes, running ones first, then the newest; NULL: none is told. */
    int (*handles)(struct sandbox *sb, struct strings *running, struct strings *over,
                   struct err *err);
};

#endif
