/*
 * A job: one piece of work whose output is kept and can be read later. It stands behind
 * exec, code cells, session commands and handles ("p_..."); later tasks are views of it.
 *
 * Counted: the sandbox's table holds a reference, its driver another, readers theirs. All
 * fields below `lock` are guarded by it. Output is added and the end is declared by the driver
 * alone (the worker of the call, then the reactor); readers wait with job_wait().
 */
#ifndef BACKEND_LOCAL_JOB_H
#define BACKEND_LOCAL_JOB_H

#include "backend/backend.h"
#include "backend/local/reactor.h"
#include "backend/spool.h"
#include "base/cleanup.h"
#include <pthread.h>

#define JOB_LIVE_MAX 64  /* handed out by id and still running, per sandbox */
#define JOB_KEPT_MAX 256 /* finished, per sandbox; the oldest is forgotten first */
#define JOB_GRACE_MS 2000

struct local_sandbox;
struct agent;
struct session;

enum job_phase {
    JOB_RUNNING,
    JOB_EXITED,     /* the main process is over; output is being drained */
    JOB_BACKGROUND, /* answered as exited, but descendants still hold the output */
    JOB_OVER,       /* nothing more will come */
};

struct job {
    struct pump pump; /* the driver's; exec.c and code.c have their own ops */
    _Atomic int refs;
    char id[36];
    struct local_sandbox *sandbox; /* borrowed; outlives its jobs */
    struct agent *agent;           /* referenced; the driver's, NULL once it is over */
    void *driver;                  /* whatever the driver keeps, e.g. a code context; not owned */
    int64_t started_ms;            /* monotonic */

    pthread_mutex_t lock;
    struct list link; /* in the sandbox's table (sandbox lock) */
    bool listed;      /* sandbox lock */
    bool handed_out;  /* sandbox lock: its id is known to a client */
    bool kept;        /* it is in files too, see job_file.h; stays true */
    bool discard;     /* its files go with the last reference */
    bool loaded;      /* it was of an earlier server, or is of another one: nothing changes */
    int foreign_fd;   /* the folder of its files when that is another sandbox's; owned; else -1 */
    enum job_phase phase;
    enum exec_status status; /* EXEC_RUNNING until phase >= JOB_EXITED */
    int exit_code, signal;
    bool held;    /* exited, but descendants still hold a stream of its output */
    bool killing; /* we signalled it: a death by signal is EXEC_KILLED */
    bool timed_out;
    bool session_lost;
    char *cwd, *note;
    struct code_result *late; /* see exec_result; counts in the sandbox's late_bytes */
    char tool[24], *command;  /* for the history; "" and NULL: not told. Fixed once it runs */
    struct err *failed;       /* it could not be run; NULL: it was */
    uint32_t pid;             /* as seen in the sandbox; 0 unknown */
    uint32_t supervisor;      /* all its processes are below that; a session's own; 0 unknown */
    struct spool out, errs;
    bool errs_last;              /* the last output was on stderr */
    int64_t ended_ms, output_ms; /* monotonic: end, last byte; 0 none yet */
    uint64_t read_out, read_err; /* where the reader without a cursor is */
    struct list waiters;
    int channel; /* -1: none or closed */

    /* the driver's own, without the lock (drive.c) */
    struct exec_tap *tap;             /* a reference; NULL none */
    struct session *session;          /* the channel is that session's: the job never closes it */
    int pipes[2];                     /* reading ends of stdout and stderr; -1: closed */
    int64_t timeout_ms;               /* TERM then; 0 none */
    int64_t kill_ms;                  /* end the channel then; 0 none */
    int64_t settle_ms, settle_max_ms; /* after the exit: answer when quiet until, at the latest */
    int64_t give_up_ms;               /* after the channel was ended: over by then */
    int64_t progress_ms;
    unsigned frames;                   /* received */
    bool exited, descendants, wide[2]; /* wide: the pipe was enlarged */
    bool foreground;                   /* a call waits: step ends when there is an answer */
    bool channel_over;                 /* EOF was seen on it */
    bool was_held;                     /* the driver knows of `held` */
    bool abandoned; /* all its processes ended; who still holds the output is none of them */
};

/* A new job with an id, not yet in the table; the caller's reference. */
int job_new(struct local_sandbox *sb, struct agent *a, struct job **out,
            struct err *err) MUST_CHECK;
/* Whose it is and what, for the history: before it runs. tool NULL: that is not told. */
int job_describe(struct job *j, const char *tool, const char *command, struct err *err) MUST_CHECK;
struct job *job_ref(struct job *j);
void job_unref(struct job *j); /* NULL is fine */
DEFINE_AUTO_PTR(job, job_unref);

/*
 * Put it into the table, so that terminal_output and terminal_kill find it. hand_out: its
 * id is given to a client now. Evicts finished ones beyond JOB_KEPT_MAX.
 */
void job_list(struct job *j, bool hand_out);
/* ERR_QUOTA when JOB_LIVE_MAX handed-out jobs are running. */
int job_room(struct local_sandbox *sb, struct err *err) MUST_CHECK;
/* Those beyond JOB_KEPT_MAX or the quota go, with their files, the oldest that are over first. */
void jobs_evict(struct local_sandbox *sb);
/* Forget it: nothing more can be read under its id. What was kept in files stays there. */
void job_forget(struct job *j);
/* ERR_NOT_FOUND, ERR_GONE never: an id that was forgotten looks like any other. */
int job_find(struct local_sandbox *sb, const char *id, struct job **out,
             struct err *err) MUST_CHECK;

/* Driver: output has come (stream 0 stdout, 1 stderr). Wakes readers. */
void job_output(struct job *j, int stream, const void *data, size_t len);
/* Driver: the main process ended. status as from waitpid(2); fills status, exit_code, signal. */
void job_exited(struct job *j, int wait_status);
/* Driver: no exit status will come (channel EOF, sandbox died). */
void job_killed(struct job *j);
/* Driver: what its cell showed, taken, for exec_result.late; false: no room, it is the caller's. */
bool job_keep_late(struct job *j, struct code_result *late) MUST_CHECK;
void job_drop_late(struct job *j);
/* It could not be run: job_result() fails with this. */
void job_fail(struct job *j, const struct err *why);
/* Driver: nothing more comes. Wakes readers, closes the channel. */
void job_over(struct job *j);
/* Driver or reader: move on to phase (never back); wakes readers. */
void job_phase(struct job *j, enum job_phase phase);

/* Any thread: signal its tree; ERR_NOT_FOUND when it is over. */
int job_signal(struct job *j, int signal, struct err *err) MUST_CHECK;
/* Any thread: end its channel: the agent kills the whole tree. */
void job_kill(struct job *j);

/* Woken at each output and each phase: fd is an eventfd, and becomes readable. */
struct job_waiter {
    struct list link; /* job lock */
    int fd;
};
int job_waiter_add(struct job *j, struct job_waiter *w, struct err *err) MUST_CHECK;
void job_waiter_remove(struct job *j, struct job_waiter *w); /* closes fd */

/*
 * Wait until the streams go beyond these offsets or phase >= phase, until_ms or the call ends.
 * 0, or -1 when the call was ended.
 */
int job_wait(struct job *j, struct call *call, uint64_t out, uint64_t errs, enum job_phase phase,
             int64_t until_ms, struct err *err) MUST_CHECK;

/* The ops of jobs that are one command: job->pump.ops (drive.c). */
extern const struct pump_ops drive_ops;

/* Driver: a cancel or a timeout: TERM now, the end of the channel JOB_GRACE_MS later. */
void drive_kill(struct job *j, int64_t now_ms);

/* Where a cursor points, NULL: where the reader without one is. ERR_INVALID. */
int job_position(struct job *j, const char *cursor, uint64_t *out, uint64_t *errs,
                 struct err *err) MUST_CHECK;

/*
 * What the job has to say now: status, both streams from where the caller left off (see
 * output_request), cursors, durations. req NULL: from the start, max_bytes in all.
 */
int job_result(struct job *j, const struct output_request *req, size_t max_bytes,
               struct exec_result *res, struct err *err) MUST_CHECK;

/* For pump_drive(): the last line of its output so far, as the call's progress. */
void job_progress(struct pump *p, struct call *call);

#endif
