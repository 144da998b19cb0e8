#include "backend/local/code.h"
#include "backend/local/session.h"
#include "base/clock.h"
#include "base/id.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static enum context_state state_of(const struct code_context *c)
{
    if (c->starting)
        return CONTEXT_STARTING;
    if (c->busy)
        return CONTEXT_BUSY;
    return c->dead ? CONTEXT_DEAD : CONTEXT_IDLE;
}

/* Locked. */
static int tell(struct local_sandbox *sb, struct code_context *c, struct context_result *res,
                struct err *err)
{
    struct context_info info = {
        .language = c->language,
        .state = state_of(c),
        .created_ms = c->created_ms,
        .execution_count = c->cells,
        .name = c->name ? strdup(c->name) : NULL,
    };
    AUTO(buf) struct buf cwd = BUF_MAX(8192);

    snprintf(info.id, sizeof(info.id), "%s", c->id);
    if (local_path(sb, c->cwd, &cwd, err)) {
        context_info_done(&info);
        return -1;
    }
    info.cwd = buf_take(&cwd);
    return context_result_add(res, &info, err);
}

static int tell_all(struct local_sandbox *sb, struct code_state *s,
                    const struct context_request *req, struct context_result *res, struct err *err)
{
    const char *only = req->language;
    int r = 0;

    pthread_mutex_lock(&s->lock);
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        if (!r && !c->once && (!only || !strcmp(only, c->language)))
            r = tell(sb, c, res, err);
    }
    pthread_mutex_unlock(&s->lock);
    if (r || (only && strcmp(only, "bash") != 0))
        return r;
    return code_shells(sb, res, err);
}

static int note(struct context_result *res, const char *text, struct err *err)
{
    free(res->note);
    res->note = strdup(text);
    return res->note ? 0 : err_oom(err);
}

static int taken(const char *name, struct err *err)
{
    err_set(err, ERR_CONFLICT, "a context named \"%s\" exists already", name);
    return err_next(err, "use it as context_id, or choose another name");
}

static int check_name(struct local_sandbox *sb, const char *name, struct err *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (!name)
        return 0;
    if (!*name || strlen(name) > SESSION_NAME_MAX || strspn(name, letters) != strlen(name) ||
        !strcmp(name, "new") || id_valid("ctx", name) || id_valid("p", name)) {
        err_set(err, ERR_INVALID, "name: \"%.64s\" cannot be one", name);
        return err_next(err, "use 1 to 64 letters, digits, '.', '_' or '-', but not \"new\"");
    }
    return code_language(&sb->base, name) ? taken(name, err) : 0;
}

/* Locked. */
static int describe(struct local_sandbox *sb, struct code_context *c,
                    const struct context_request *req, struct err *err)
{
    AUTO(buf) struct buf cwd = BUF_MAX(8192);

    if (req->name && !(c->name = strdup(req->name)))
        return err_oom(err);
    if (!req->cwd)
        return 0;
    if (local_path(sb, req->cwd, &cwd, err))
        return -1;
    c->cwd = buf_take(&cwd);
    return 0;
}

static int create(struct local_sandbox *sb, struct code_state *s, struct call *call,
                  const struct context_request *req, struct context_result *res, struct err *err)
{
    struct code_context *c = NULL;
    int r;

    if (check_name(sb, req->name, err))
        return -1;
    pthread_mutex_lock(&s->lock);
    if (req->name && code_find(s, req->name, NULL))
        r = taken(req->name, err);
    else
        r = code_add(s, "ctx", req->language ? req->language : "python", &c, err);
    if (!r && describe(sb, c, req, err)) {
        code_forget(s, c, "it could not be made");
        code_unref(c);
        r = -1;
    }
    pthread_mutex_unlock(&s->lock);
    if (r)
        return -1;
    r = code_revive(sb, call, c, err);
    pthread_mutex_lock(&s->lock);
    c->used_ms = clock_ms();
    c->busy = false;
    if (r)
        code_forget(s, c, "its interpreter could not be started");
    else
        r = tell(sb, c, res, err);
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
    code_unref(c);
    return r;
}

/* Locked: the cell that runs in it, a reference; NULL none. */
static struct job *running(struct code_context *c)
{
    return c->busy && c->job ? job_ref(c->job) : NULL;
}

/* Whether that cell is over, and then nobody holds the context for it any more. */
static bool is_over(struct code_state *s, struct code_context *c, struct job *j)
{
    int64_t until = clock_ms() + 1000;
    bool over;

    pthread_mutex_lock(&j->lock);
    over = j->phase == JOB_OVER;
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_lock(&s->lock);
    while (over && c->job == j && clock_ms() < until)
        code_sleep(s);
    pthread_mutex_unlock(&s->lock);
    return over;
}

static int interrupt(struct local_sandbox *sb, struct code_state *s, struct call *call,
                     struct code_context *c, struct context_result *res, struct err *err)
{
    AUTO_PTR(job) struct job *j = NULL;
    const char *said =
        "It stopped: code_execute answers with the interruption, variables are kept.";
    int64_t until = clock_earlier(clock_ms() + CODE_INTERRUPT_MS, call->deadline_ms);
    int r = 0;

    pthread_mutex_lock(&s->lock);
    j = running(c);
    pthread_mutex_unlock(&s->lock);
    if (!j)
        said = "Nothing was running in it.";
    else if (!job_signal(j, SIGINT, NULL))
        r = job_wait(j, call, UINT64_MAX, UINT64_MAX, JOB_OVER, until, err);
    if (r)
        return -1;
    if (j && !is_over(s, c, j))
        said = "The cell was interrupted and still runs: it may catch the signal, or be in a call "
               "that cannot be interrupted. action=restart ends it, with all variables.";
    pthread_mutex_lock(&s->lock);
    r = tell(sb, c, res, err);
    pthread_mutex_unlock(&s->lock);
    return r || note(res, said, err) ? -1 : 0;
}

/* What runs in it ends, with the interpreter; `by` is told to who waits for the cell. */
static void end_cell(struct code_state *s, struct code_context *c, const char *by)
{
    AUTO_PTR(job) struct job *j = NULL;

    pthread_mutex_lock(&s->lock);
    j = running(c);
    if (j)
        snprintf(c->ending, sizeof(c->ending), "%s", by);
    pthread_mutex_unlock(&s->lock);
    if (j)
        job_kill(j);
}

static int restart(struct local_sandbox *sb, struct code_state *s, struct call *call,
                   struct code_context *c, struct context_result *res, struct err *err)
{
    int r;

    end_cell(s, c, "code_context action=restart");
    pthread_mutex_lock(&s->lock);
    r = code_await(s, call, c, err);
    if (!r && !c->link.next) {
        c->busy = false;
        r = code_unknown(s, c->id, err);
    } else if (!r) {
        code_end(c);
        c->why[0] = '\0';
    }
    pthread_mutex_unlock(&s->lock);
    if (r)
        return -1;
    r = code_revive(sb, call, c, err);
    pthread_mutex_lock(&s->lock);
    c->busy = false;
    c->used_ms = clock_ms();
    if (!r)
        r = tell(sb, c, res, err);
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
    return r || note(res,
                     "A fresh interpreter runs: variables, imports and threads of the one "
                     "before are lost; id, language and directory are the same.",
                     err)
               ? -1
               : 0;
}

static int remove_it(struct code_state *s, struct code_context *c, struct context_result *res,
                     struct err *err)
{
    end_cell(s, c, "code_context action=delete");
    pthread_mutex_lock(&s->lock);
    code_forget(s, c, "it was deleted");
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
    return note(res, "Deleted, with its variables.", err);
}

static int tell_one(struct local_sandbox *sb, struct code_state *s, struct code_context *c,
                    struct context_result *res, struct err *err)
{
    int r;

    pthread_mutex_lock(&s->lock);
    r = tell(sb, c, res, err);
    pthread_mutex_unlock(&s->lock);
    return r;
}

static int act(struct local_sandbox *sb, struct code_state *s, struct call *call,
               const struct context_request *req, struct code_context *c,
               struct context_result *res, struct err *err)
{
    switch (req->action) {
    case CONTEXT_RESTART:
        return restart(sb, s, call, c, res, err);
    case CONTEXT_INTERRUPT:
        return interrupt(sb, s, call, c, res, err);
    case CONTEXT_DELETE:
        return remove_it(s, c, res, err);
    default:
        return tell_one(sb, s, c, res, err);
    }
}

static int on_one(struct local_sandbox *sb, struct code_state *s, struct call *call,
                  const struct context_request *req, struct context_result *res, struct err *err)
{
    const char *language;
    struct code_context *c;
    int r = 0;

    if (!req->context_id) {
        err_set(err, ERR_INVALID, "context_id: is required for this action");
        return err_next(err, "action=list tells which there are");
    }
    language = code_language(&sb->base, req->context_id);
    if (language && !strcmp(language, "bash"))
        return code_shell(sb, call, req, res, err);
    pthread_mutex_lock(&s->lock);
    c = code_find(s, req->context_id, NULL);
    if (c)
        atomic_fetch_add(&c->refs, 1);
    else
        r = code_unknown(s, req->context_id, err);
    pthread_mutex_unlock(&s->lock);
    if (r)
        return -1;
    r = act(sb, s, call, req, c, res, err);
    code_unref(c);
    return r;
}

int code_context_op(struct sandbox *base, struct call *call, const struct context_request *req,
                    struct context_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    bool bash = req->language && !strcmp(req->language, "bash");
    struct code_state *s;

    if (code_state_of(sb, &s, err))
        return -1;
    res->idle_ms = local_idle_ms(sb->backend);
    local_code_expire(sb, clock_ms(), res->idle_ms);
    switch (req->action) {
    case CONTEXT_LIST:
        return tell_all(sb, s, req, res, err);
    case CONTEXT_CREATE:
        if (bash)
            return check_name(sb, req->name, err) ? -1 : code_shell(sb, call, req, res, err);
        return create(sb, s, call, req, res, err);
    default:
        return on_one(sb, s, call, req, res, err);
    }
}

const char *code_language(struct sandbox *base, const char *id)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    const char *language = NULL;
    struct code_context *c;
    struct code_state *s;

    if (code_state_of(sb, &s, NULL))
        return NULL;
    pthread_mutex_lock(&s->lock);
    c = code_find(s, id, NULL);
    language = c ? c->language : NULL;
    pthread_mutex_unlock(&s->lock);
    return language || !session_exists(sb, id) ? language : "bash";
}
