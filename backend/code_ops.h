/*
 * Code in interpreters that are kept. See backend.h for what holds for every op.
 */
#ifndef BACKEND_CODE_OPS_H
#define BACKEND_CODE_OPS_H

#include "backend/exec_ops.h"

struct code_request {
    const char *code;
    const char *language;   /* "python", "javascript", "bash" */
    const char *context_id; /* NULL: the language's default one; "new": a throw-away */
    const char *cwd;
    const struct env_var *env;
    size_t env_count;
    int64_t timeout_ms, yield_ms;
    struct stay stay;
    size_t max_bytes;
    struct exec_tap *tap; /* of bash; NULL none */
};

/* python and javascript; bash is made of exec for every backend (derive/bash.c). */
struct code_ops {
    int (*execute)(struct sandbox *sb, struct call *call, const struct code_request *req,
                   struct code_result *res, struct err *err);
};

#endif
