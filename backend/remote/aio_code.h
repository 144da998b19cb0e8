/*
 * Cells of code. The service answers a cell only when it is over, so one worker thread waits
 * for each, and the call for the worker: as long as it yields. Its output comes all at once.
 */
#ifndef BACKEND_REMOTE_AIO_CODE_H
#define BACKEND_REMOTE_AIO_CODE_H

#include "backend/remote/aio_job.h"

#define AIO_CONTEXTS_MAX 8 /* per sandbox */
#define AIO_CELL_MAX_S 300 /* the service's limit */

enum aio_cell_state {
    AIO_CELL_WAITED,
    AIO_CELL_LEFT, /* the call has gone on: the worker adds the results to the output */
    AIO_CELL_DONE, /* the call shows them */
};

struct aio_cell {
    struct aio_job *job;         /* owns it */
    struct aio_context *context; /* busy with it until it is over; then NULL */
    struct buf request, setup;   /* bodies; setup may be empty */
    const char *path;
    int64_t timeout_ms;
    bool once, clamped, restarted;
    struct call stop; /* ends the worker's waiting */
    int done_fd;      /* readable once it is over */

    /* Written by the worker before done_fd. */
    yyjson_doc *doc;
    yyjson_val *data;
    struct err failed;
    _Atomic int state; /* enum aio_cell_state: whoever moves it from WAITED has the results */
};

/* Interrupt a running cell; what does not stop loses its interpreter. */
int aio_cell_stop(struct aio_job *j, struct call *call, const struct kill_request *req,
                  struct err *err) MUST_CHECK;
void aio_cell_free(struct aio_cell *cell);

/* outputs[] of an answer: streams to the job, the rest to *res (NULL: to the job, as text). */
int aio_outputs(struct aio_job *j, yyjson_val *data, struct code_result *res,
                struct err *err) MUST_CHECK;

/* Claim the context of a request for a cell. */
int aio_context_claim(struct aio_sandbox *sb, struct call *call, const struct code_request *req,
                      struct aio_context **out, struct err *err) MUST_CHECK;
/* dead: forget it. */
void aio_context_release(struct aio_sandbox *sb, struct aio_context *c, bool dead);

/* End the interpreter at the service. */
void aio_context_end(struct aio_sandbox *sb, const struct aio_context *c);

/* Forget all that are not busy; the service ends them in the background. */
void aio_contexts_done(struct aio_sandbox *sb);

#endif
