/*
 * Interactive sessions, the server's side: one agent channel per session, read by the reactor
 * alone; requests are numbered, and each call waits for the answer of its own.
 *
 * Counted: the sandbox's table holds a reference, the reactor another, calls theirs. A session that
 * is over stays in the table for PTY_KEPT_MS, so that people learn why.
 */
#ifndef BACKEND_LOCAL_PTY_H
#define BACKEND_LOCAL_PTY_H

#include "backend/local/local.h"

struct pty {
    struct pump pump; /* the reactor's */
    _Atomic int refs;
    struct list link; /* sandbox lock */
    char name[PTY_NAME_MAX + 1];
    char *command;       /* "" a login shell */
    struct agent *agent; /* a reference */
    int channel;         /* closed with the last reference */
    int64_t started_ms;

    pthread_mutex_t lock; /* all below */
    struct list waiters;
    uint32_t seq;        /* of the last request */
    uint32_t supervisor; /* all its processes are below that; 0 unknown */
    bool started;        /* the program runs, or ran */
    bool alive;          /* it runs */
    bool over;           /* the channel has ended: nothing is there any more */
    char ended[160];     /* why; "" by itself */
    int status;          /* as from waitpid(2), when !alive; -1 unknown */
    int rows, cols;
    int64_t used_ms, ended_ms;
};

/* The session whose processes are below that; false: none. */
bool pty_below(struct local_sandbox *sb, uint32_t supervisor, char name[PTY_NAME_MAX + 1]);

struct pty *pty_ref(struct pty *p);
void pty_unref(struct pty *p); /* NULL is fine */
DEFINE_AUTO_PTR(pty, pty_unref);

/* pty_channel.c: a reactor's pump */
extern const struct pump_ops pty_pump_ops;

/* End it: all its processes are killed, soon. */
void pty_end(struct pty *p, const char *why);

/* Wait until they are, at most a few seconds. */
int pty_await_end(struct pty *p, struct call *call, struct err *err) MUST_CHECK;

/*
 * Number `w` (a frame that was begun, without its TAG_PTY_SEQ), hand it to send(), which sends it,
 * and wait for the answer, at most yield_ms and what the machine's load costs. ERR_GONE when
 * the session ends meanwhile, ERR_UNAVAILABLE when nothing comes: the session is then ended.
 */
int pty_ask(struct pty *p, struct call *call, struct wire_out *w, int64_t yield_ms,
            int (*send)(struct pty *p, struct wire_out *w, struct err *err), struct pty_result *res,
            struct err *err) MUST_CHECK;

/* ERR_GONE: why it is not there any more; -1. */
int pty_gone(struct pty *p, struct err *err);

/* What is typed and waited for, as TLVs; ERR_TOO_LARGE. */
int pty_put_request(struct wire_out *w, const struct pty_request *req, struct err *err) MUST_CHECK;

/* Whether a session of that name is in the table. */
bool pty_known(struct local_sandbox *sb, const char *name);

/* Ends it, as the kill op does; ERR_NOT_FOUND. */
int local_pty_kill(struct local_sandbox *sb, struct call *call, const char *name,
                   struct kill_result *res, struct err *err) MUST_CHECK;

/* pty_exit_code: as a shell says it; -1 unknown. */
int pty_exit_code(int status, int *signal);

#endif
