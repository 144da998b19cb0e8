#include "backend/local/code.h"
#include "base/clock.h"
#include "base/id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void close_all(struct code_context *c)
{
    fd_close(&c->channel);
    fd_close(&c->requests);
    fd_close(&c->responses);
    fd_close(&c->out);
    fd_close(&c->errs);
}

static void context_unref(struct code_context *c)
{
    if (atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    close_all(c);
    buf_done(&c->line);
    agent_unref(c->agent);
    free(c);
}

static int state_of(struct local_sandbox *sb, struct code_state **out, struct err *err)
{
    struct code_state *s;

    pthread_mutex_lock(&sb->lock);
    s = sb->code;
    if (!s && (s = calloc(1, sizeof(*s)))) {
        pthread_condattr_t attr;
        pthread_mutex_init(&s->lock, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&s->freed, &attr);
        pthread_condattr_destroy(&attr);
        list_init(&s->contexts);
        sb->code = s;
    }
    pthread_mutex_unlock(&sb->lock);
    *out = s;
    return s ? 0 : err_oom(err);
}

/* state lock held */
static void forget(struct code_state *s, struct code_context *c)
{
    if (!c->link.next)
        return;
    list_remove(&c->link);
    s->count--;
    context_unref(c);
}

/* state lock held */
static struct code_context *find(struct code_state *s, const struct code_request *req)
{
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        if (req->context_id ? !strcmp(c->id, req->context_id)
                            : c->is_default && !strcmp(c->language, req->language))
            return c;
    }
    return NULL;
}

bool code_of(struct local_sandbox *sb, uint32_t supervisor, char id[36])
{
    struct code_state *s;
    bool found = false;

    if (state_of(sb, &s, NULL))
        return false;
    pthread_mutex_lock(&s->lock);
    list_each(link, &s->contexts)
    {
        struct code_context *c = list_of(link, struct code_context, link);
        if (c->supervisor == supervisor && !c->dead) {
            memcpy(id, c->id, sizeof(c->id));
            found = true;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static const char *known_language(const char *language)
{
    static const char *const all[] = { "python", "javascript", "typescript", "r" };

    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (!strcmp(all[i], language))
            return all[i];
    return NULL;
}

/* state lock held: a new busy context in the table, not started yet */
static int add(struct code_state *s, const struct code_request *req, struct code_context **out,
               struct err *err)
{
    struct code_context *c;

    if (!known_language(req->language))
        return err_set(err, ERR_UNSUPPORTED, "language \"%s\" is not known", req->language);
    if (s->count >= CODE_CONTEXTS_MAX) {
        err_set(err, ERR_QUOTA, "%d interpreters are running already", CODE_CONTEXTS_MAX);
        return err_next(err,
                        "use one of them: leave context_id out for the language's default one");
    }
    c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom(err);
    c->refs = 2;
    c->language = known_language(req->language);
    c->is_default = !req->context_id;
    c->once = !c->is_default;
    c->channel = c->requests = c->responses = c->out = c->errs = -1;
    c->line = BUF_MAX(CODE_LINE_MAX);
    c->busy = true;
    id_make("ctx", c->id);
    list_append(&s->contexts, &c->link);
    s->count++;
    *out = c;
    return 0;
}

static int busy_error(const struct code_context *c, struct err *err)
{
    err_set(err, ERR_BUSY, "context %s is still running another cell", c->id);
    return err_next(err, "wait for it with terminal_output, end it with terminal_kill, or pass "
                         "context_id=new");
}

/* state lock held; -1: the call ended or it took too long */
static int await_free(struct code_state *s, struct call *call, struct code_context *c,
                      struct err *err)
{
    int64_t until = clock_ms() + CODE_QUEUE_MS;
    int r = 0;

    atomic_fetch_add(&c->refs, 1);
    while (c->busy && !c->dead && !r) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += 100 * 1000 * 1000;
        ts.tv_sec += ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&s->freed, &s->lock, &ts);
        r = call_check(call, err);
        if (!r && clock_ms() >= until)
            r = busy_error(c, err);
    }
    if (!r && !c->dead)
        c->busy = true;
    return r;
}

/* state lock held: claimed into *out, or *out NULL when there is none to claim */
static int claim_existing(struct code_state *s, struct call *call, const struct code_request *req,
                          struct code_context **out, struct err *err)
{
    struct code_context *c;

    while ((c = find(s, req))) {
        int r;
        if (strcmp(c->language, req->language))
            return err_set(err, ERR_INVALID, "context %s speaks %s, not %s", c->id, c->language,
                           req->language);
        r = await_free(s, call, c, err);
        if (!r && !c->dead) {
            *out = c;
            return 0;
        }
        if (c->dead)
            forget(s, c);
        context_unref(c);
        if (r)
            return -1;
    }
    *out = NULL;
    return 0;
}

static int no_context(const struct code_request *req, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "no context %s in this sandbox", req->context_id);
    return err_next(err,
                    "leave context_id out for the default one of %s; interpreters end when "
                    "the sandbox is idle or their process dies",
                    req->language);
}

int code_claim(struct local_sandbox *sb, struct call *call, const struct code_request *req,
               struct code_context **out, bool *fresh, struct err *err)
{
    bool throw_away = req->context_id && !strcmp(req->context_id, "new");
    struct code_context *c = NULL;
    struct code_state *s;
    int r = 0;

    if (state_of(sb, &s, err))
        return -1;
    pthread_mutex_lock(&s->lock);
    if (!throw_away)
        r = claim_existing(s, call, req, &c, err);
    *fresh = !r && !c;
    if (*fresh && req->context_id && !throw_away)
        r = no_context(req, err);
    else if (*fresh)
        r = add(s, req, &c, err);
    pthread_mutex_unlock(&s->lock);
    if (r)
        return -1;
    if (*fresh && code_start(sb, call, c, err)) {
        c->dead = true;
        code_release(sb, c);
        return -1;
    }
    *out = c;
    return 0;
}

void code_release(struct local_sandbox *sb, struct code_context *c)
{
    struct code_state *s = sb->code;

    pthread_mutex_lock(&s->lock);
    c->busy = false;
    if (c->dead)
        forget(s, c);
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
    context_unref(c);
}

void local_code_stopped(struct local_sandbox *sb)
{
    struct code_state *s;

    pthread_mutex_lock(&sb->lock);
    s = sb->code;
    pthread_mutex_unlock(&sb->lock);
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        c->dead = true;
        if (!c->busy)
            forget(s, c);
    }
    pthread_mutex_unlock(&s->lock);
}

void local_code_free(struct local_sandbox *sb)
{
    struct code_state *s = sb->code;

    if (!s)
        return;
    local_code_stopped(sb);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    sb->code = NULL;
}

static int local_execute(struct sandbox *base, struct call *call, const struct code_request *req,
                         struct code_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    struct code_context *c;
    bool fresh;

    if (code_claim(sb, call, req, &c, &fresh, err))
        return -1;
    return code_run(sb, call, c, req, res, err);
}

const struct code_ops local_code_ops = {
    .execute = local_execute,
};
