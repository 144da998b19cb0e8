/*
 * File operations of the local backend: a START frame to the agent, its REPLY, and what
 * comes through the pipe. A few channels are kept open between operations, so that a small one
 * costs no fork in the sandbox.
 */
#ifndef BACKEND_LOCAL_FILES_H
#define BACKEND_LOCAL_FILES_H

#include "backend/local/local.h"

#define FILES_TIMEOUT_MS 30000
#define FILES_DATA_MAX (20 * 1024 * 1024) /* through the pipe, of one answer */

/* One operation in flight; zero it with FILE_OP_INIT, release it with file_op_done(). */
struct file_op {
    struct agent *agent;
    struct wire_out *start; /* the request: begun by file_op_begin() */
    struct frame *reply;
    int channel;
    bool kept;          /* the channel served others before */
    bool once;          /* not tried again */
    int64_t timeout_ms; /* 0: FILES_TIMEOUT_MS */
    bool hold;          /* file_op_run() leaves the channel to file_op_again() and file_op_keep() */
    struct buf data;    /* content or records */
};

int file_op_begin(struct file_op *op, struct local_sandbox *sb, struct call *call, const char *path,
                  struct err *err) MUST_CHECK;

/*
 * Send the request with `kind` (WIRE_FILE, WIRE_SEARCH) and wait for the reply. send/send_len
 * (may be NULL) is content to write. Reads (send NULL) are tried again when a kept channel
 * turns out to be dead.
 */
int file_op_run(struct file_op *op, struct local_sandbox *sb, struct call *call, uint8_t kind,
                const void *send, size_t send_len, struct err *err) MUST_CHECK;

/* The next request, on a channel that was held; its content goes to op->data. */
int file_op_again(struct file_op *op, struct call *call, struct err *err) MUST_CHECK;

/* file_undo.c: what was there before a write that was asked to tell. Never fails: what could not be
 * had is OLD_UNKNOWN. */
void local_take_old(struct file_op *op, struct call *call, const struct file_write_request *req,
                    struct file_write_result *res);
int local_restore(struct sandbox *base, struct call *call, const struct file_restore_request *req,
                  struct file_write_result *res, struct err *err) MUST_CHECK;

/* files.c: the reply to a write or a restore */
int local_take_write(struct file_op *op, struct file_write_result *res, struct err *err) MUST_CHECK;

/* Its two halves, for content that does not lie in memory: the request goes with the sandbox's end
 * of a pipe (NULL none), content moves, the reply is waited for; then the channel may be kept. */
int file_op_send(struct file_op *op, struct local_sandbox *sb, const int *pipe,
                 struct err *err) MUST_CHECK;
void file_op_keep(struct file_op *op, struct local_sandbox *sb);

/* Until fd is ready. -1: the call is over, or `until` (monotonic, ms) has come. */
int file_op_wait(struct agent *a, int fd, short events, struct call *call, int64_t until,
                 struct err *err) MUST_CHECK;

void file_op_done(struct file_op *op);

/* A string tag of the reply, for free(); NULL without memory ("" when absent). */
char *file_op_str(const struct file_op *op, uint16_t tag);

#endif
