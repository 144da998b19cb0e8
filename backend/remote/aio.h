/*
 * The backend over an AIO Sandbox: one container behind one URL (see aio.c for what it promises).
 *
 * The service has no sandboxes of its own to hand out: the container is the sandbox, and everyone
 * who may use this server shares its files and processes. What is ours are the handles: each
 * (principal, name) has its own table of processes, shell sessions and code contexts, and the
 * ids in it are not found by anyone else.
 *
 * Locks: aio.lock guards the table of sandboxes, the paths and the idle helpers; a sandbox's lock
 * its tables; a job's lock the job. None is held while the service is asked.
 */
#ifndef BACKEND_REMOTE_AIO_H
#define BACKEND_REMOTE_AIO_H

#include "backend/backend.h"
#include "backend/remote/http.h"
#include "base/json.h"
#include "base/list.h"
#include "base/pool.h"
#include <pthread.h>

#define AIO_SANDBOXES_MAX 1000
#define AIO_HELPERS_IDLE_MAX 4
#define AIO_ASK_MS 20000  /* of a request that answers at once */
#define AIO_CLEAN_MS 5000 /* of one that tidies up */
#define AIO_REPLY_MAX (64 * 1024 * 1024)
#define AIO_SCRATCH ".cache/sandbox-mcp" /* below the container's home: what we keep there */

struct aio_helper;

struct aio {
    struct backend base;
    struct http_client *http;
    struct pool *cells; /* one thread waits for each cell */
    struct pool *tidy;  /* what is done when nobody waits for it */
    struct call quit;   /* of the latter: ended when there is no more time */
    int spool_fd;       /* directory of output files */
    pthread_mutex_t lock;
    struct list sandboxes;
    unsigned count, max;
    char *home, *workspace;     /* set once, then constant */
    struct aio_helper *helpers; /* idle ones */
    unsigned helper_count;
};

struct aio_sandbox;

/* One request to the service. */
struct aio_ask {
    const char *method, *path;
    const struct http_field *query;
    size_t query_count;
    const struct buf *body; /* JSON; NULL: none */
    bool idempotent;
    int64_t timeout_ms;     /* 0: AIO_ASK_MS */
    struct http_sink *sink; /* sees the body of a 2xx answer; it gives the JSON back by `kept` */
    const struct buf *kept; /* with sink */
    enum err_code refused;  /* for success:false without a reason; 0: ERR_UNAVAILABLE */
    bool unsure;            /* out: it failed and may have been carried out */
    bool stale;             /* out: see struct http_response */
    int64_t retry_after_ms; /* out: asked for by the service; 0: no */
};

/*
 * Ask and take both layers of errors apart: 0 only for HTTP 2xx with success true. *data is the
 * reply's `data` (NULL when absent), valid as long as *doc; give that to AUTO_JSON.
 */
int aio_ask(struct aio *a, struct call *call, struct aio_ask *ask, yyjson_doc **doc,
            yyjson_val **data, struct err *err) MUST_CHECK;

/* The paths of the container, asked for once. */
int aio_paths(struct aio *a, struct call *call, struct err *err) MUST_CHECK;

/* Parse what the service says: NUL and halves of surrogate pairs in strings are no errors. */
yyjson_doc *aio_parse(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Absolute form of a path of a request, which may be relative, "~" or NULL (the workspace). */
int aio_path(struct aio *a, const char *path, char **out, struct err *err) MUST_CHECK;

/* Append s as one word of a shell. */
int aio_quote(struct buf *out, const char *s, size_t len, struct err *err) MUST_CHECK;

/* Do it in the background, or at once when that is impossible. */
void aio_later(struct aio *a, void (*fn)(void *arg), void *arg);

/*
 * Run one of our own scripts with these arguments ($1, ...) to its end: its stdout into *out (by
 * its max), ERR_PROTOCOL when it fails without a word, else what it says on stderr as
 * "code: message" lines of aio_script.h. idempotent: may be run twice;
 * others are not, and when an answer breaks off it is found out what came of them.
 */
int aio_help(struct aio *a, struct call *call, const char *script, const char *const *args,
             size_t arg_count, bool idempotent, struct buf *out, struct err *err) MUST_CHECK;

static inline struct aio *aio_of(struct sandbox *sb)
{
    return (struct aio *)sb->backend;
}

extern const struct exec_ops aio_exec_ops;
extern const struct file_ops aio_file_ops;
extern const struct code_ops aio_code_ops;
extern const struct browser_ops aio_browser_ops;

#endif
