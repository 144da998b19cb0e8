/*
 * Talking to the agent of a running sandbox: its control socket, and one channel and
 * server-made pipes per operation (MECHANISMS.md section 1, backend/wire.h).
 *
 * What comes from an agent is hostile until wire_parse() said yes. Whoever gets
 * CHANNEL_BAD calls agent_violation(): the sandbox is destroyed.
 */
#ifndef BACKEND_LOCAL_AGENT_CLIENT_H
#define BACKEND_LOCAL_AGENT_CLIENT_H

#include "backend/local/placeholder.h"
#include "backend/local/reactor.h"
#include "backend/wire.h"
#include "base/call.h"
#include "base/cleanup.h"
#include <pthread.h>
#include <sys/types.h>

struct local_sandbox;

/*
 * One running instance: from launch to the death of its pid 1. Counted: the sandbox holds one
 * reference while it is the current one, every operation in flight another.
 */
struct agent {
    _Atomic int refs;
    struct local_sandbox *sandbox; /* borrowed; outlives every agent */
    uid_t uid;                     /* host ids of the processes inside */
    gid_t gid;
    bool chown_pipes; /* uid is not ours */
    bool host;        /* --runtime host: no namespaces, host paths */
    pid_t pid;        /* of bwrap (or of the agent with --runtime host) */
    int pidfd;
    pthread_mutex_t lock; /* guards control and the change of dead */
    int control;          /* -1 once closed, which ends the sandbox's processes */
    _Atomic bool dead;
    char why[256];    /* what ended it, for messages; "" unknown */
    int listener;     /* egress listener handed out by READY until egress_start() takes it; -1 */
    char *facts;      /* READY's "key=value\n..." */
    struct pump pump; /* watches control for the death of the agent */
    struct placeholders holders; /* in the live workspace, while the processes live */
    struct rebind *rebind;       /* until local_watch() starts it */
};

struct agent *agent_ref(struct agent *a);
void agent_unref(struct agent *a); /* NULL is fine */
DEFINE_AUTO_PTR(agent, agent_unref);

/* Close the control socket: everything in the sandbox dies, asynchronously. Idempotent. */
void agent_stop(struct agent *a, const char *why);

/* The agent broke the protocol: stop, and say so as ERR_ISOLATION. Returns -1. */
int agent_violation(struct agent *a, const char *what, struct err *err);

/* The agent missed a deadline of its own: stop, and say so as ERR_UNAVAILABLE. Returns -1. */
int agent_silent(struct agent *a, struct err *err);

/*
 * A pipe of which the sandbox gets one end: *child is the writing end (agent_pipe_out) or
 * the reading one (agent_pipe_in), *mine is non-blocking. Owned by the sandbox's uid.
 */
int agent_pipe_out(struct agent *a, int *mine, int *child, struct err *err) MUST_CHECK;
int agent_pipe_in(struct agent *a, int *mine, int *child, struct err *err) MUST_CHECK;

/* Readable end (or memfd) that gives exactly these bytes and then EOF; /dev/null when len is 0. */
int agent_input(struct agent *a, const void *data, size_t len, int *child,
                struct err *err) MUST_CHECK;

/*
 * Start an operation: `start` is its finished START frame (built with nfds 0), fds are the
 * descriptors that backend/wire.h names behind the channel for this kind (borrowed: the
 * caller closes them afterwards). *out is the server's end of the channel, non-blocking.
 * ERR_UNAVAILABLE when the sandbox has just died.
 */
int agent_open(struct agent *a, uint8_t kind, struct wire_out *start, const int *fds, size_t count,
               int *out, struct err *err) MUST_CHECK;

/* One frame, with descriptors (inwards only), on a channel; never blocks. */
int channel_send(int channel, struct wire_out *frame, const int *fds, size_t count,
                 struct err *err) MUST_CHECK;

/* SIGNAL to the operation's whole tree. */
int channel_signal(int channel, int signal, struct err *err) MUST_CHECK;

struct frame {
    struct wire_in in; /* points into bytes */
    uint8_t bytes[WIRE_MAX];
};

enum channel_read { CHANNEL_FRAME, CHANNEL_AGAIN, CHANNEL_EOF, CHANNEL_BAD };

/* Never blocks. BAD: not a well-formed frame, truncated, or descriptors came along. */
enum channel_read channel_recv(int channel, struct frame *f);

/*
 * Wait for one frame, for ops whose answer is a single REPLY: 0 with a frame of op `want` in
 * f, else -1: the agent's own ERROR (code, text and hint carried over), the end of the call,
 * the deadline (0 none; ERR_UNAVAILABLE), EOF (ERR_UNAVAILABLE), a violation (ERR_ISOLATION).
 */
int channel_expect(struct agent *a, int channel, uint8_t want, struct call *call,
                   int64_t deadline_ms, struct frame *f, struct err *err) MUST_CHECK;

/* Turn a WIRE_ERROR frame into err; always -1. */
int channel_error(const struct frame *f, struct err *err);

#endif
