#include "backend/derive/derive.h"

#include <stdio.h>
#include <string.h>

static void take(const struct code_request *req, struct exec_result *x, struct code_result *res)
{
    static const enum code_status statuses[] = {
        [EXEC_EXITED] = CODE_OK,    [EXEC_RUNNING] = CODE_RUNNING, [EXEC_TIMED_OUT] = CODE_TIMEOUT,
        [EXEC_KILLED] = CODE_ERROR, [EXEC_OOM] = CODE_ERROR,
    };

    res->status = statuses[x->status];
    res->out = x->out;
    res->errs = x->errs;
    res->denied = x->denied;
    res->note = x->note;
    x->out = x->errs = (struct stream_text){ 0 };
    x->denied = (struct strings){ 0 };
    x->note = NULL;
    res->duration_ms = x->duration_ms;
    memcpy(res->process_id, x->process_id, sizeof(res->process_id));
    memcpy(res->cursor, x->cursor, sizeof(res->cursor));
    memcpy(res->hole_cursor, x->hole_cursor, sizeof(res->hole_cursor));
    if (!req->context_id || strcmp(req->context_id, "new"))
        snprintf(res->context_id, sizeof(res->context_id), "%s",
                 req->context_id ? req->context_id : "bash");
}

static int say_why(const struct exec_result *x, struct code_result *res, struct err *err)
{
    const char *name = x->status == EXEC_OOM ? "OutOfMemory" : x->signal ? "Signal" : "ExitStatus";

    if (x->status == EXEC_EXITED && !x->exit_code)
        return 0;
    if (x->status == EXEC_RUNNING || x->status == EXEC_TIMED_OUT)
        return 0;
    res->status = CODE_ERROR;
    res->error_name = strdup(name);
    if (asprintf(&res->error_value, "%s %d", x->signal ? "ended by signal" : "exit status",
                 x->signal ? x->signal : x->exit_code) < 0)
        res->error_value = NULL;
    return res->error_name && res->error_value ? 0 : err_oom(err);
}

int derive_bash(struct sandbox *sb, struct call *call, const struct code_request *req,
                struct code_result *res, struct err *err)
{
    bool once = req->context_id && !strcmp(req->context_id, "new");
    const char *context = req->context_id ? req->context_id : "bash";
    AUTO(exec_result) struct exec_result x = { 0 };
    struct exec_request exec = {
        .tool = req->tool,
        .command = req->code,
        .cwd = req->cwd,
        .session_id = once ? NULL : context,
        .env = req->env,
        .env_count = req->env_count,
        .timeout_ms = req->timeout_ms,
        .yield_ms = req->yield_ms,
        .stay = req->stay,
        .max_bytes = req->max_bytes,
        .tap = req->tap,
    };

    if (sandbox_exec(sb, call, &exec, &x, err))
        return -1;
    take(req, &x, res);
    return say_why(&x, res, err);
}
