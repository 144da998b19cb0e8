/*
 * A job: one command, or one cell of code, at the service, and the output of it that was
 * fetched so far. Its output at the service is fetched by whoever looks (aio_job_fetch); what was
 * fetched stays readable by its own offsets, whatever becomes of the service's session.
 *
 * Counted: the sandbox's table holds a reference, each user another.
 */
#ifndef BACKEND_REMOTE_AIO_JOB_H
#define BACKEND_REMOTE_AIO_JOB_H

#include "backend/remote/aio.h"
#include "backend/spool.h"
#include "base/id.h"

#define AIO_JOBS_MAX 256 /* in a sandbox's table; the oldest finished one is forgotten first */
#define AIO_LIVE_MAX 32  /* running at once per sandbox: the service has 50 bash sessions in all */
#define AIO_GRACE_MS 2000
#define AIO_QUEUE_MS 10000 /* a call waits so long for its shell session or context */

/* A shell session: what a command leaves to the next one lies in a file of the container. */
struct aio_shell {
    struct list link;
    char *name;
    char id[ID_SIZE];
    bool busy;
};

/* An interpreter's session at the service. */
struct aio_context {
    struct list link;
    char id[ID_SIZE];
    const char *language; /* static */
    int64_t cells;        /* that ran in it */
    bool is_default, busy, fresh;
};

struct aio_sandbox {
    struct sandbox base; /* first */
    struct list link;
    char *principal, *name;
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a shell or context is not busy any more */
    struct list jobs, shells, contexts;
    unsigned job_count, shell_count, context_count;
    struct spool_quota quota;
};

struct aio_cell;

struct aio_job {
    _Atomic int refs;
    char id[ID_SIZE]; /* "p_..." and the name of its session at the service */
    struct aio_sandbox *sandbox;
    struct aio_shell *shell; /* busy with it until it is over; NULL: none */
    struct aio_cell *cell;   /* of code; NULL: a command */
    int64_t started_ms;

    struct list link; /* sandbox lock, as are the next two */
    bool listed, handed_out;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool started;  /* the service has it, or may have it */
    bool files;    /* it came with files of AIO_SCRATCH */
    bool fetching; /* one thread asks the service at a time */
    bool gone;     /* nothing more can be fetched */
    enum exec_status status;
    int exit_code, signal;
    int sent_signal; /* the last one that we sent; 0 none */
    struct spool out[2];
    uint64_t at[2];    /* the service's offsets behind what was fetched */
    uint64_t extra[2]; /* bytes fetched beyond them, by an answer that broke off */
    uint64_t again[2]; /* of the next answer's bytes so many are known */
    uint64_t read[2];  /* where the reader without a cursor is */
    int64_t ended_ms, output_ms;
    char *cwd, *note;
};

/* One whose timed waits are by the monotonic clock. */
void aio_cond_init(pthread_cond_t *cond);

int aio_job_new(struct aio_sandbox *sb, struct aio_job **out, struct err *err) MUST_CHECK;
void aio_job_unref(struct aio_job *j);
DEFINE_AUTO_PTR(aio_job, aio_job_unref);

/* Into the table; ERR_QUOTA when AIO_LIVE_MAX run. */
int aio_job_list(struct aio_job *j, struct err *err) MUST_CHECK;
void aio_job_forget(struct aio_job *j);
int aio_job_find(struct aio_sandbox *sb, const char *id, struct aio_job **out,
                 struct err *err) MUST_CHECK;

/* Output arrived. Any thread. */
void aio_job_text(struct aio_job *j, int stream, const char *data, size_t len);

/* It is over: what the service said of it. Frees its shell. Only the first end counts. */
void aio_job_end(struct aio_job *j, enum exec_status status, int exit_code);

enum exec_status aio_job_status(struct aio_job *j);

/* Sleep until something changes, ms have passed, or the call ends (-1). */
int aio_job_sleep(struct aio_job *j, struct call *call, int64_t ms, struct err *err) MUST_CHECK;

/*
 * Fetch what is new of a command, waiting at the service for news for wait_ms. 0 also when it is
 * over already. ERR_NOT_FOUND ends the job: the service has forgotten it.
 */
int aio_job_fetch(struct aio_job *j, struct call *call, int64_t wait_ms,
                  struct err *err) MUST_CHECK;

/* Signal a running command by the service; what it started dies with KILL. */
int aio_job_signal(struct aio_job *j, struct call *call, int signal, struct err *err) MUST_CHECK;

/* What it has to say: both streams from where req asks for (NULL: all), within max_bytes. */
int aio_job_result(struct aio_job *j, const struct output_request *req, size_t max_bytes,
                   struct exec_result *res, struct err *err) MUST_CHECK;

/* The last line of its output, for progress. */
void aio_job_progress(struct aio_job *j, struct call *call);

#endif
