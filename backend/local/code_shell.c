#include "backend/local/code.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/id.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OPEN_MS 10000

static int tell(const struct session_info *s, struct context_result *res, struct err *err)
{
    struct context_info info = {
        .language = "bash",
        .state = s->busy    ? CONTEXT_BUSY
                 : s->alive ? CONTEXT_IDLE
                            : CONTEXT_DEAD,
        .created_ms = s->created_ms,
        .execution_count = s->commands,
        .cwd = s->cwd ? strdup(s->cwd) : NULL,
    };

    snprintf(info.id, sizeof(info.id), "%s", s->name);
    return context_result_add(res, &info, err);
}

struct listing {
    const char *name; /* NULL: all */
    struct context_result *res;
    struct err *err;
};

static int tell_if(void *context, const struct session_info *s)
{
    struct listing *l = context;

    return l->name && strcmp(l->name, s->name) != 0 ? 0 : tell(s, l->res, l->err);
}

int code_shells(struct local_sandbox *sb, struct context_result *res, struct err *err)
{
    struct listing all = { NULL, res, err };

    return session_each(sb, tell_if, &all);
}

/* A command that does nothing opens the shell. */
static int open_shell(struct local_sandbox *sb, struct call *call, const char *name,
                      const char *cwd, struct err *err)
{
    AUTO(exec_result) struct exec_result x = { 0 };
    struct exec_request req = {
        .command = ":",
        .session_id = name,
        .cwd = cwd,
        .timeout_ms = OPEN_MS,
        .yield_ms = OPEN_MS,
    };

    return sandbox_exec(&sb->base, call, &req, &x, err);
}

static int tell_one(struct local_sandbox *sb, const char *name, const char *note,
                    struct context_result *res, struct err *err)
{
    struct listing one = { name, res, err };

    if (note && !(res->note = strdup(note)))
        return err_oom(err);
    return session_each(sb, tell_if, &one);
}

static int interrupt(struct local_sandbox *sb, struct call *call, const char *name,
                     struct context_result *res, struct err *err)
{
    AUTO_PTR(job) struct job *j = session_job(sb, name);
    int64_t until = clock_earlier(clock_ms() + CODE_INTERRUPT_MS, call->deadline_ms);
    bool stopped;

    if (!j)
        return tell_one(sb, name, "Nothing was running in it.", res, err);
    if (!job_signal(j, SIGINT, NULL) &&
        job_wait(j, call, UINT64_MAX, UINT64_MAX, JOB_EXITED, until, err))
        return -1;
    pthread_mutex_lock(&j->lock);
    stopped = j->phase >= JOB_EXITED;
    pthread_mutex_unlock(&j->lock);
    return tell_one(sb, name,
                    stopped ? "It stopped."
                            : "The command was interrupted and still runs. action=restart ends "
                              "the shell, with its variables.",
                    res, err);
}

static int restart(struct local_sandbox *sb, struct call *call, const char *name,
                   struct context_result *res, struct err *err)
{
    if (session_end_shell(sb, call, name, err) || open_shell(sb, call, name, NULL, err))
        return -1;
    return tell_one(sb, name,
                    "A fresh shell runs in the directory of the one before, whose variables, "
                    "functions and jobs are lost.",
                    res, err);
}

static int create(struct local_sandbox *sb, struct call *call, const struct context_request *req,
                  struct context_result *res, struct err *err)
{
    char id[ID_SIZE];

    id_make("ctx", id);
    if (open_shell(sb, call, req->name ? req->name : id, req->cwd, err))
        return -1;
    return tell_one(sb, req->name ? req->name : id, NULL, res, err);
}

int code_shell(struct local_sandbox *sb, struct call *call, const struct context_request *req,
               struct context_result *res, struct err *err)
{
    const char *name = req->context_id;

    switch (req->action) {
    case CONTEXT_CREATE:
        return create(sb, call, req, res, err);
    case CONTEXT_INTERRUPT:
        return interrupt(sb, call, name, res, err);
    case CONTEXT_RESTART:
        return restart(sb, call, name, res, err);
    case CONTEXT_DELETE:
        if (session_close(sb, name, err))
            return -1;
        pthread_mutex_lock(&sb->code->lock);
        code_remember(sb->code, id_valid("ctx", name) ? name : "", name, "it was deleted");
        pthread_mutex_unlock(&sb->code->lock);
        res->note = strdup("Deleted, with what ran in it.");
        return res->note ? 0 : err_oom(err);
    default:
        return tell_one(sb, name, NULL, res, err);
    }
}
