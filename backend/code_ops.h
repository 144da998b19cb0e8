/*
 * Code in interpreters that are kept. See backend.h for what holds for every op.
 */
#ifndef BACKEND_CODE_OPS_H
#define BACKEND_CODE_OPS_H

#include "backend/exec_ops.h"

struct code_request {
    const char *tool; /* as in struct exec_request */
    const char *code;
    const char *language;   /* "python", "javascript", "bash", ...; NULL: that of the context */
    const char *context_id; /* id or name; NULL: the language's default one; "new": a throw-away */
    const char *cwd;
    const struct env_var *env;
    size_t env_count;
    int64_t timeout_ms, yield_ms;
    struct stay stay;
    size_t max_bytes;
    struct exec_tap *tap; /* of bash; NULL none */
};

enum context_action {
    CONTEXT_CREATE,
    CONTEXT_LIST,
    CONTEXT_GET,
    CONTEXT_RESTART,   /* a fresh interpreter under the same id, in its directory */
    CONTEXT_INTERRUPT, /* SIGINT to what runs in it; the note says whether that ended */
    CONTEXT_DELETE,
};

struct context_request {
    enum context_action action;
    const char *context_id; /* id or name; all but CREATE, where it is not looked at */
    const char *language;   /* CREATE; LIST: only these; NULL: python, or all */
    const char *cwd, *name; /* CREATE; NULL none. A name is unique in its sandbox */
};

enum context_state { CONTEXT_IDLE, CONTEXT_BUSY, CONTEXT_STARTING, CONTEXT_DEAD };

struct context_info {
    char id[CONTEXT_ID_SIZE];
    const char *language; /* static */
    enum context_state state;
    char *cwd, *name;        /* name NULL: none */
    int64_t created_ms;      /* wall clock */
    int64_t execution_count; /* cells of the interpreter that runs now */
};

struct context_result {
    struct context_info *items; /* the one that was meant; LIST: all, DELETE: none */
    size_t count, cap;
    int64_t idle_ms; /* one that nobody used for so long ends */
    char *note;      /* what happened, for people; NULL none */
};
/* Takes what *info points to, also when it fails. */
int context_result_add(struct context_result *r, struct context_info *info,
                       struct err *err) MUST_CHECK;
void context_info_done(struct context_info *info);
void context_result_done(struct context_result *r);

#define PACKAGES_NAMES_MAX 32
#define PACKAGES_LISTED_MAX 300

enum packages_action { PACKAGES_LIST, PACKAGES_INSTALL, PACKAGES_UNINSTALL };

struct packages_request {
    enum packages_action action;
    const char *language;     /* "python" or "javascript" */
    const char *const *names; /* with versions, as pip and npm take them; no options, paths, URLs */
    size_t name_count;
    const char *filter; /* LIST: part of the name; NULL all */
    int64_t timeout_ms, yield_ms;
    struct stay stay;
};

struct packages_result {
    struct name_value *items; /* what is there; INSTALL: of the names that were asked for */
    size_t count, cap;
    int64_t total;           /* LIST: how many match, count of them told */
    enum exec_status status; /* EXITED, RUNNING, ... of pip or npm */
    int exit_code;
    char process_id[36], cursor[64]; /* RUNNING: read on with output */
    char *log;                       /* head and tail of what pip or npm said; NULL none */
    char *note;                      /* why it failed, what to do; NULL none */
};
void packages_result_done(struct packages_result *r);

/*
 * python, javascript and what else is found; bash is made of exec for every backend
 * (derive/bash.c), its contexts are shell sessions and belong to `context` too.
 */
struct code_ops {
    int (*execute)(struct sandbox *sb, struct call *call, const struct code_request *req,
                   struct code_result *res, struct err *err);
    int (*context)(struct sandbox *sb, struct call *call, const struct context_request *req,
                   struct context_result *res, struct err *err);
    /* NULL: made of exec (derive/packages.c). */
    int (*packages)(struct sandbox *sb, struct call *call, const struct packages_request *req,
                    struct packages_result *res, struct err *err);
    /* What is spoken in that context, static; NULL: no such context, or the op is not there. */
    const char *(*language)(struct sandbox *sb, const char *context_id);
};

#endif
