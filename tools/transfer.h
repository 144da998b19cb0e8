/*
 * Files between a sandbox and the world outside, without their bytes passing through a model:
 * where they come from and go to, and what the three tools about them share.
 */
#ifndef TOOLS_TRANSFER_H
#define TOOLS_TRANSFER_H

#include "backend/transfer/host.h"
#include "backend/transfer/stash.h"
#include "backend/transfer/store.h"
#include "backend/transfer/tree.h"
#include "tools/tools.h"

struct transfers {
    struct host_dirs *host; /* NULL: none */
    struct stash *stash;    /* these two NULL: nowhere to keep anything */
    struct file_store *store;
};

/* root: the state directory, or NULL. dirs: as host_dirs_open() takes them. */
int transfers_new(const char *root, const char *const *dirs, size_t count, struct transfers **out,
                  struct err *err) MUST_CHECK;
void transfers_free(struct transfers *t); /* NULL is fine; handouts must be gone */

/* ERR_UNAVAILABLE where nothing can be kept. */
int transfers_stash(struct tool_call *call, struct stash **out, struct err *err) MUST_CHECK;
int transfers_store(struct tool_call *call, struct file_store **out, struct err *err) MUST_CHECK;

static inline struct host_dirs *transfers_host(const struct tool_call *call)
{
    const struct tools_context *ctx = call->context;

    return ctx->transfers ? ctx->transfers->host : NULL;
}

/* ---- names and places ---- */

/* A file name of whatever was given: its last part, without control and direction characters and
 * malformed bytes ("_"), never empty, "." or "..". */
void transfer_name(const char *text, char out[STORE_NAME_MAX]);

/* A path in the sandbox: `to`, with the name behind when it ends in '/'. free(). NULL and err. */
char *transfer_path(const char *to, const char *name, struct err *err) MUST_CHECK;

/* Its resource: sandbox://ID/file/PATH, percent-encoded. */
int transfer_uri(const struct sandbox *sb, const char *path, struct buf *out,
                 struct err *err) MUST_CHECK;

/* ---- bringing in ---- */

/* Works without a tool_call: a one-time URL is used when its call is long over. */
struct bringing {
    struct sandbox *sb;
    struct call *call;
    const char *to;
    bool extract;
    const struct stay *stay; /* NULL: it is waited for, however long it takes */
};

struct brought {
    char *path; /* absolute; of a tree or an archive the directory */
    int64_t files, bytes;
    char sha256[65];     /* of a single file; "" */
    struct tree skipped; /* its skipped lines alone */
    char *type, *url;    /* of what was fetched; NULL */
    char process_id[36]; /* it still runs; "" */
    struct strings denied;
};
void brought_done(struct brought *b);

/* A file of that name that fd holds, `size` bytes from its beginning. */
int bring_file(const struct bringing *in, int fd, int64_t size, const char *name, int permissions,
               struct brought *out, struct err *err) MUST_CHECK;

/* The files below a directory. */
int bring_tree(const struct bringing *in, int dir, const struct arg_strings *ignore,
               struct brought *out, struct err *err) MUST_CHECK;

/* What is told of it, for models and as members of an object that is open. */
int brought_text(const struct brought *b, struct buf *out, struct err *err) MUST_CHECK;
void brought_json(const struct brought *b, struct jw *w);

/* ---- handing out ---- */

#define TRANSFER_TIME_SIZE 32

/* A one-time URL for a file; the reference is taken. ERR_UNSUPPORTED where none are given out. */
int transfer_ticket(struct tool_call *call, struct handout *file, char url[HANDOUT_URL_MAX],
                    char expires_at[TRANSFER_TIME_SIZE], struct err *err) MUST_CHECK;

/* For what somebody brings by HTTP: `in` without sandbox and call, which it gets then. */
int transfer_ticket_upload(struct tool_call *call, const struct bringing *in,
                           char url[HANDOUT_URL_MAX], char expires_at[TRANSFER_TIME_SIZE],
                           struct err *err) MUST_CHECK;

/* For a stored file, and for one that was stashed and kept, which goes with its URL. */
int transfer_ticket_stored(struct tool_call *call, struct file_store *store,
                           const struct store_meta *meta, char url[HANDOUT_URL_MAX],
                           char expires_at[TRANSFER_TIME_SIZE], struct err *err) MUST_CHECK;
int transfer_ticket_stashed(struct tool_call *call, struct stash *stash, const char *id,
                            const char *name, const char *mime, char url[HANDOUT_URL_MAX],
                            char expires_at[TRANSFER_TIME_SIZE], struct err *err) MUST_CHECK;

/* The type by the first bytes and the name. */
const char *transfer_mime(int fd, const char *name);

#endif
