/*
 * Sandboxes, whoever provides them: the contract between the tools and the backends.
 *
 * Callers use the sandbox_*() wrappers at the end; only backend.c calls through the
 * op tables. A wrapper makes the checks common to all backends (capability, argument bounds,
 * cancellation before the start) and puts context in front of errors.
 *
 * Every op blocks, may run concurrently with any other on any thread, and watches
 * `call` (deadline, cancellation, see base/call.h). Requests are borrowed for the
 * length of the op. Results are given as zeroed structs, filled on success, and released
 * by their x_done() whatever happened. No host path, pid or descriptor appears in either.
 *
 * To add a backend: one file ending in a `const struct backend_ops`, one `extern` and one
 * row in backend.c. An op left NULL is first looked for in derive/, else the wrapper
 * answers ERR_UNSUPPORTED, and tools that need it are not listed: never write a stub.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include "backend/code_ops.h"
#include "backend/document_ops.h"
#include "backend/exec_ops.h"
#include "backend/file_edit_ops.h"
#include "backend/file_ops.h"
#include "backend/file_watch_ops.h"
#include "backend/manage_ops.h"
#include "backend/process_ops.h"
#include "backend/pty_ops.h"
#include "backend/results.h"
#include "backend/transfer_ops.h"
#include "base/call.h"
#include "base/err.h"

/* What a tool can need; a set is 1u << OP. tools.json names them in lower case ("exec"). */
enum backend_op {
    OP_EXEC,
    OP_OUTPUT,
    OP_KILL,
    OP_FILE_READ,
    OP_FILE_WRITE,
    OP_FILE_LIST,
    OP_FILE_SEARCH,
    OP_FILE_REPLACE,
    OP_CODE,
    OP_CODE_CONTEXT,
    OP_CODE_PACKAGES,
    OP_INFO,
    OP_BROWSER,
    OP_WAIT,
    OP_PROCESSES,
    OP_HISTORY,
    OP_FILE_PUT,
    OP_FILE_TAKE,
    OP_FILE_MANAGE,
    OP_PTY,
    OP_DOCUMENT,
    OP_FILE_EDIT,
    OP_FILE_WATCH,
    OP_COUNT
};

/* ---- sandboxes ---- */

struct sandbox_ops {
    /*
     * The default sandbox of (principal, name), created and started when needed. name
     * NULL is the unnamed one. The backend owns it; *out is borrowed until sandbox_put().
     */
    int (*open_default)(struct backend *be, struct call *call, const char *principal,
                        const char *name, struct sandbox **out, struct err *err);
    void (*put)(struct sandbox *sb);
    /*
     * One of the principal's sandboxes that the backend holds now, none is made: by id, or with
     * id NULL its default one of that name. Foreign and unknown ones are ERR_NOT_FOUND alike. NULL:
     * there is only the one of open_default.
     */
    int (*find)(struct backend *be, const char *principal, const char *name, const char *id,
                struct sandbox **out, struct err *err);
    /* The ids of all of these, in the order they were made; NULL: not told. */
    int (*ids)(struct backend *be, const char *principal, struct strings *out, struct err *err);
    /* include: a set of INFO_* flags for the parts that cost something. */
    int (*info)(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
                struct err *err);
    /* 0, or why no sandbox can work now; must not block. NULL: nothing is known against it. */
    int (*ready)(struct backend *be, struct err *err);
    /* How many run now; NULL: not known. */
    unsigned (*count)(struct backend *be);
    /* The client behind (principal, name) has gone for good (stdio EOF): stop its processes. */
    void (*release)(struct backend *be, const char *principal, const char *name);
};

/* ---- watching ---- */

#define WATCHES_MAX 256     /* files watched in one sandbox */
#define WATCH_SPACE_MS 1000 /* between two calls for one watch, at least */

enum watch_kind {
    WATCH_FILE,   /* the content or existence of the file at `what`, a path */
    WATCH_OUTPUT, /* output or end of the process `what`, a process_id */
    WATCH_STATE,  /* the sandbox: started, stopped, another number of processes */
};

struct watch_request {
    enum watch_kind kind;
    const char *what; /* copied */
    /* Something may have changed. Called by a thread of the backend: must not block, and must not
     * start or stop watches. */
    void (*changed)(void *context);
    /* Called once, behind the last changed(), soon after the watch was stopped. */
    void (*gone)(void *context);
    void *context;
};

struct watch;

/* A watch outlives the sandbox's processes: it goes on when they are started again. */
struct watch_ops {
    /* ERR_NOT_FOUND, ERR_QUOTA (WATCHES_MAX), ERR_INVALID. Starts no sandbox. */
    int (*start)(struct sandbox *sb, const struct watch_request *req, struct watch **out,
                 struct err *err);
    void (*stop)(struct watch *w);
};

/* ---- browser ---- */

struct browser;
struct cdp_wire;

#define BROWSER_IDLE_MS (15 * 60 * 1000) /* then an unused one is stopped */

/* How a browser is reached, and what it shares with its sandbox. */
struct browser_link {
    struct cdp_wire *wire; /* backend/browser/cdp.h; freeing it ends a browser of our own */
    bool ours;             /* started for this sandbox; else somebody's, which is left running */
    bool same_files;       /* paths mean the same to it and to the file ops */
    bool headless;
    char downloads[256]; /* same_files: the directory that downloads go to, as file ops take it */
    char note[160];      /* how it is isolated, for people */
};

struct browser_ops {
    /* A fresh connection; starts a browser where that is ours to do. ERR_UNAVAILABLE says how to
     * install one. Called again only after the earlier wire was freed. */
    int (*connect)(struct sandbox *sb, struct call *call, struct browser_link *out,
                   struct err *err);
    /* Whether there is any to connect to; false: tools that need one are not listed. NULL: yes. */
    bool (*have)(const struct backend *be);
    /* Why something could not be reached since that monotonic time: lines that name host and port,
     * or one for a sandbox without network. NULL: nothing is known. */
    int (*denied)(struct sandbox *sb, int64_t since_ms, struct strings *out, struct err *err);
};

/* What the operator chose; strings live as long as the backend. */
struct backend_config {
    const char *state_dir; /* absolute; made when missing */
    const char *workspace; /* NULL, or a host directory bound live at /workspace */
    bool workspace_ro, allow_root_workspace;
    const struct mount_spec *mounts;
    size_t mount_count;
    const struct env_var *env;
    size_t env_count;
    const char *network; /* "none", or "allow=HOST[:PORT],..." */
    const char *runtime; /* "bwrap" or "host" */
    const char *agent;   /* path of sandbox-agent; NULL: found beside the server */
    const char *url;     /* remote services */
    const char *key_file;
    const char *const *headers; /* "Name: value", remote services */
    size_t header_count;
    int64_t memory_mb, pids, disk_mb; /* 0: the backend's default */
    unsigned max_sandboxes;
    int64_t idle_ms;     /* stop the processes of a sandbox that nobody used for; 0: the default */
    const char *browser; /* its program; NULL: the one that is found; "none" */
    int64_t browser_idle_ms; /* stop one that nobody used for; 0: BROWSER_IDLE_MS */

    const char *browser_cdp_url; /* backend/browser_url.h; NULL: the backend's own browser */
    const char *browser_cdp_key_file;
};

struct mount_spec {
    const char *source; /* host directory */
    bool readonly;
};

struct backend_ops {
    const char *name;
    size_t backend_size; /* of the backend's own struct, which starts with struct backend */
    int (*open)(struct backend *be, const struct backend_config *config, struct err *err);
    void (*close)(struct backend *be); /* stops everything it runs; nothing is left behind */
    /* One or two sentences for `instructions`: where files are, network, what persists. */
    int (*describe)(struct backend *be, struct buf *out, struct err *err);
    const struct sandbox_ops *sandbox;
    const struct exec_ops *exec;
    const struct file_ops *file;
    const struct code_ops *code;
    const struct process_ops *process;
    const struct pty_ops *pty;
    const struct transfer_ops *transfer;
    const struct manage_ops *manage; /* all of them or none */
    const struct watch_ops *watch;
    const struct file_watch_ops *file_watch;
    const struct browser_ops *browser;
    const struct document_ops *document;
};

struct undo;

struct backend {
    const struct backend_ops *ops;
    const struct backend_config *config;
    struct undo *undo; /* backend/undo.h */
};

struct keeper;

struct sandbox {
    struct backend *backend;
    char id[36];
    _Atomic(struct keeper *) keeper; /* of its browser; NULL: none was asked for yet */
};

/* kind: "local", "aio", "fake". *config and what it points to must outlive the backend. */
int backend_open(const char *kind, const struct backend_config *config, struct backend **out,
                 struct err *err) MUST_CHECK;
void backend_free(struct backend *be); /* NULL is fine */

/* Where state is kept when no --state-dir says so; the caller frees it. NULL and err: nowhere. */
char *backend_state_root(struct err *err) MUST_CHECK;

/* Names of all backends, NULL-terminated. */
const char *const *backend_names(void);

/* The set of 1u << enum backend_op it serves, derived ones included. */
unsigned backend_can(const struct backend *be);

int backend_describe(struct backend *be, struct buf *out, struct err *err) MUST_CHECK;
int backend_ready(struct backend *be, struct err *err) MUST_CHECK;
int backend_running(struct backend *be); /* -1: not known */
void backend_release(struct backend *be, const char *principal, const char *name);

int sandbox_open_default(struct backend *be, struct call *call, const char *principal,
                         const char *name, struct sandbox **out, struct err *err) MUST_CHECK;
void sandbox_put(struct sandbox *sb); /* NULL is fine */
DEFINE_AUTO_PTR(sandbox, sandbox_put);

#define SANDBOX_OP(name, request, result)                                                \
    int sandbox_##name(struct sandbox *sb, struct call *call, const struct request *req, \
                       struct result *res, struct err *err) MUST_CHECK

/* As sandbox_ops.find says; where a backend has none, the default sandbox is opened to see its id.
 */
int sandbox_find(struct backend *be, struct call *call, const char *principal, const char *name,
                 const char *id, struct sandbox **out, struct err *err) MUST_CHECK;
int sandbox_ids(struct backend *be, const char *principal, struct strings *out,
                struct err *err) MUST_CHECK;

int sandbox_handles(struct sandbox *sb, struct strings *running, struct strings *over,
                    struct err *err) MUST_CHECK;

bool backend_watches(const struct backend *be);
int sandbox_watch(struct sandbox *sb, const struct watch_request *req, struct watch **out,
                  struct err *err) MUST_CHECK;
void backend_unwatch(struct backend *be, struct watch *w);

/*
 * The browser of the sandbox, started when none runs or it has ended; backend/browser/browser.h
 * says what it can do. Held until sandbox_browser_put(): so long it is not freed, though it may
 * end. ERR_UNSUPPORTED, ERR_UNAVAILABLE with how to install one.
 */
int sandbox_browser(struct sandbox *sb, struct call *call, struct browser **out,
                    struct err *err) MUST_CHECK;
/* The same, NULL when none runs. */
struct browser *sandbox_browser_running(struct sandbox *sb);
void sandbox_browser_put(struct sandbox *sb, struct browser *browser);

/* Ends it, if one runs. */
void sandbox_browser_stop(struct sandbox *sb);

/* "HeadlessChrome/156.0.8078.79" of the one that runs, "" none. */
void sandbox_browser_version(struct sandbox *sb, char out[64]);

/* For backends, now and then, where it may block: ends one that nobody used for idle_ms, and takes
 * away one that has ended. */
void sandbox_browser_expire(struct sandbox *sb, int64_t now_ms, int64_t idle_ms);

/* browser_ops.denied, nothing where there is none. */
int sandbox_browser_denied(struct sandbox *sb, int64_t since_ms, struct strings *out,
                           struct err *err) MUST_CHECK;

/* For backends: nobody is inside any more; ends it and forgets all of it. */
void sandbox_browser_free(struct sandbox *sb);

SANDBOX_OP(exec, exec_request, exec_result);
SANDBOX_OP(output, output_request, exec_result);
SANDBOX_OP(kill, kill_request, kill_result);
SANDBOX_OP(file_read, file_read_request, file_read_result);
SANDBOX_OP(file_write, file_write_request, file_write_result);
SANDBOX_OP(file_list, file_list_request, file_list_result);
SANDBOX_OP(file_search, file_search_request, file_search_result);
SANDBOX_OP(file_replace, file_replace_request, file_replace_result);
SANDBOX_OP(file_stat, file_stat_request, file_stat_result);
SANDBOX_OP(file_move, file_move_request, file_manage_result);
SANDBOX_OP(file_copy, file_copy_request, file_manage_result);
SANDBOX_OP(file_remove, file_remove_request, file_manage_result);
SANDBOX_OP(file_mkdir, file_mkdir_request, file_manage_result);
SANDBOX_OP(file_chmod, file_chmod_request, file_manage_result);
SANDBOX_OP(file_restore, file_restore_request, file_write_result);
SANDBOX_OP(file_watch, file_watch_request, file_watch_result);
SANDBOX_OP(file_lines, file_lines_request, file_lines_result);
SANDBOX_OP(file_put, file_put_request, file_put_result);
SANDBOX_OP(file_take, file_take_request, file_take_result);
SANDBOX_OP(code, code_request, code_result);
SANDBOX_OP(pty_open, pty_request, pty_result);
SANDBOX_OP(pty_act, pty_request, pty_result);
SANDBOX_OP(pty_close, pty_request, pty_result);
SANDBOX_OP(pty_list, pty_request, pty_list);
SANDBOX_OP(document, document_request, document_result);
SANDBOX_OP(wait, wait_request, wait_result);
SANDBOX_OP(processes, processes_request, processes_result);
SANDBOX_OP(history, history_request, history_result);
SANDBOX_OP(context, context_request, context_result);
SANDBOX_OP(packages, packages_request, packages_result);
int sandbox_info(struct sandbox *sb, struct call *call, unsigned include, struct sandbox_info *res,
                 struct err *err) MUST_CHECK;

#endif
