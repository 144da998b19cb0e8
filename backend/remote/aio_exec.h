/*
 * Commands: how one is put to the service, and what its answers mean.
 */
#ifndef BACKEND_REMOTE_AIO_EXEC_H
#define BACKEND_REMOTE_AIO_EXEC_H

#include "backend/remote/aio_job.h"
#include "backend/remote/aio_scan.h"
#include "backend/remote/aio_script.h"

/* An answer whose text goes to a job. */
struct aio_reply {
    struct aio_scan scan; /* first */
    struct aio_job *job;
};
void aio_reply_init(struct aio_reply *r, struct aio_job *j);
void aio_reply_done(struct aio_reply *r);

/* Take the offsets of `data` and the state of `command`. */
void aio_reply_take(struct aio_job *j, yyjson_val *data, yyjson_val *command);

/* Close a session of the service; errors are ignored. */
void aio_session_close(struct aio *a, struct call *call, const char *id);
void aio_session_close_later(struct aio *a, const char *id);

/*
 * The command line for the service: stdin from /dev/null, or from what the request brings; in a
 * shell session between loading and saving its state. Long ones go into a file first.
 */
int aio_command(struct aio_job *j, struct call *call, const struct exec_request *req,
                const char *cwd, struct buf *out, struct err *err) MUST_CHECK;

/* Write a file of our own, and the name of one below AIO_SCRATCH. */
int aio_put(struct aio *a, struct call *call, const char *path, const char *data, size_t len,
            struct err *err) MUST_CHECK;
int aio_scratch(struct aio *a, const char *name, const char *suffix, struct buf *out,
                struct err *err) MUST_CHECK;

/* The shell session of that name, opened when new, claimed for the job; ERR_BUSY when the command
 * before takes longer than AIO_QUEUE_MS. */
int aio_shell_claim(struct aio_job *j, struct call *call, const char *name,
                    struct err *err) MUST_CHECK;

/* Forget a session and what is kept of it; what runs in it is killed. ERR_NOT_FOUND. */
int aio_shell_close(struct aio_sandbox *sb, struct call *call, const char *name,
                    struct strings *killed, struct err *err) MUST_CHECK;

/* Where the session is now, into j->cwd; nothing when that cannot be learnt. */
void aio_shell_cwd(struct aio_job *j, const char *shell_id, struct call *call);

/* Forget all that are idle, their files too. */
void aio_shells_done(struct aio_sandbox *sb);

/* Close the idle helper sessions, in the background. */
void aio_helpers_close(struct aio *a);

/* Remove a file of AIO_SCRATCH, in the background; takes path. */
void aio_remove_later(struct aio *a, char *path);

int aio_kill(struct sandbox *sb, struct call *call, const struct kill_request *req,
             struct kill_result *res, struct err *err) MUST_CHECK;

/* Kill what the job started and everything below, close its session, forget it. */
void aio_exec_abort(struct aio_job *j, struct call *call);
void aio_exec_abort_later(struct aio_job *j);

#endif
