/*
 * What went wrong, for whoever has to react to it.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last.
 * On 0 it leaves *err alone; on -1 it has filled it. It never logs: the caller
 * that stops the error from travelling further logs or replies, once.
 *
 * The struct is a plain value: declare it as `struct err err = {0};`, copy it
 * freely, never free it. err may be NULL where the caller does not care.
 *
 * Messages are lower case, without a final period, and grow to the left as they
 * rise: "run a command: write to agent: broken pipe". `next` tells an agent what
 * to do about it ("pass an absolute path") and is shown as "Next: ...".
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"
#include <stdbool.h>

/* The codes an agent sees; spelled as in err_code_name(). */
enum err_code {
    ERR_NONE = 0,
    ERR_INVALID,      /* invalid_argument: the caller's arguments are wrong */
    ERR_NOT_FOUND,    /* not_found: no such file, tool, handle; foreign handles answer this too */
    ERR_GONE,         /* gone: the handle was valid once and has expired */
    ERR_DENIED,       /* denied: policy or permissions forbid it */
    ERR_UNAUTHORIZED, /* unauthorized: credentials are missing or refused */
    ERR_QUOTA,        /* quota: a count or size the caller is allowed was used up */
    ERR_RATE_LIMITED, /* rate_limited: retry later */
    ERR_TIMEOUT,      /* timeout: the deadline passed before it could even start */
    ERR_BUSY,         /* busy: somebody else uses it; retry or use another */
    ERR_UNSUPPORTED,  /* not_supported: this backend cannot do it */
    ERR_UNAVAILABLE,  /* unavailable: a process or remote service is down; a retry may help */
    ERR_CONFLICT,     /* conflict: hash mismatch, name exists */
    ERR_TOO_LARGE,    /* too_large: more bytes than this way allows */
    ERR_ISOLATION,    /* isolation: a layer is missing or was attacked; fails closed */
    ERR_CANCELLED,    /* cancelled: the client gave up on it */
    ERR_PROTOCOL,     /* internal to an agent: the other side broke its protocol */
    ERR_INTERNAL,     /* internal: a bug of ours, or no memory */
    ERR_INPUT,        /* input_required: no failure, the client has to answer first */
    ERR_MODAL,        /* modal: a dialog of a page is open and has to be answered first */
    ERR_COVERED,      /* covered: another element of the page is in the way */
    ERR_STALE,        /* stale_ref: what the reference named is no longer in the page */
    ERR_CODE_COUNT
};

struct err {
    enum err_code code;
    char msg[1024];
    char next[384];
};

/* Fill *err; always return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* Same, from an errno value: picks the code and appends ": <strerror>". */
int err_sys(struct err *err, int errnum, const char *fmt, ...) PRINTF(3, 4);

/* Put context in front of an error on its way up; always return -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* Say what the reader can do about it; always return -1. */
int err_next(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* err_set(ERR_INTERNAL, "out of memory"). */
int err_oom(struct err *err);

/* "invalid_argument", ...; never NULL. */
const char *err_code_name(enum err_code code);

/* The code whose name this is, or ERR_INTERNAL. */
enum err_code err_code_from_name(const char *name);

/* True when the same call may succeed later without being changed. */
bool err_retryable(enum err_code code);

#endif
