#include "backend/local/code.h"
#include "base/clock.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

static bool handed_out(struct job *j)
{
    bool yes;

    pthread_mutex_lock(&j->sandbox->lock);
    yes = j->handed_out;
    pthread_mutex_unlock(&j->sandbox->lock);
    return yes;
}

/* State lock held. */
static int busy_error(const struct code_context *c, struct err *err)
{
    err_set(err, ERR_BUSY, "context %s is still running another cell", c->id);
    if (c->job && handed_out(c->job))
        return err_next(err,
                        "wait for it with terminal_output process_id=%s wait_s=20, stop it with "
                        "terminal_kill id=%s signal=INT (variables stay), or pass context_id=new",
                        c->job->id, c->job->id);
    return err_next(err,
                    "wait for it with terminal_output, stop it with code_context action=interrupt "
                    "context_id=%s, or pass context_id=new",
                    c->id);
}

void code_sleep(struct code_state *s)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += 100 * 1000 * 1000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&s->freed, &s->lock, &ts);
}

int code_await(struct code_state *s, struct call *call, struct code_context *c, struct err *err)
{
    int64_t until = clock_ms() + CODE_QUEUE_MS;

    while (c->busy) {
        code_sleep(s);
        if (call_check(call, err))
            return -1;
        if (c->busy && clock_ms() >= until)
            return busy_error(c, err);
    }
    c->busy = true;
    return 0;
}

/* Locked: one that is in the table, held, into *out; *out NULL: there is none. */
static int claim_existing(struct code_state *s, struct call *call, const struct code_request *req,
                          struct code_context **out, struct err *err)
{
    struct code_context *c;

    *out = NULL;
    while ((c = code_find(s, req->context_id, req->language))) {
        if (strcmp(c->language, req->language) != 0) {
            err_set(err, ERR_INVALID, "context %s speaks %s, not %s", c->id, c->language,
                    req->language);
            return err_next(err, "leave language out, or use another context");
        }
        atomic_fetch_add(&c->refs, 1);
        if (code_await(s, call, c, err)) {
            code_unref(c);
            return -1;
        }
        if (c->link.next) {
            *out = c;
            return 0;
        }
        c->busy = false;
        code_unref(c);
    }
    return 0;
}

static int claim(struct code_state *s, struct call *call, const struct code_request *req,
                 struct code_context **out, struct err *err)
{
    bool once = req->context_id && !strcmp(req->context_id, "new");

    *out = NULL;
    if (!once && claim_existing(s, call, req, out, err))
        return -1;
    if (*out)
        return 0;
    if (req->context_id && !once)
        return code_unknown(s, req->context_id, err);
    return code_add(s, req->context_id, req->language, out, err);
}

/* An idle interpreter says nothing: a word, or the end of one of its lines, is the end of it. */
static void look(struct code_context *c)
{
    struct pollfd p[2] = { { .fd = c->responses, .events = POLLIN },
                           { .fd = c->channel, .events = POLLIN } };
    const char *why = NULL;

    if (c->dead || (!c->line.len && poll(p, 2, 0) <= 0))
        return;
    if (c->line.len || p[0].revents & POLLIN)
        why = "The interpreter wrote where only answers belong";
    if (p[1].revents || p[0].revents & POLLHUP)
        why = "The interpreter ended between two cells";
    if (!why)
        return;
    snprintf(c->why, sizeof(c->why), "%s", why);
    code_end(c);
}

int code_revive(struct local_sandbox *sb, struct call *call, struct code_context *c,
                struct err *err)
{
    struct code_state *s = sb->code;
    int r;

    pthread_mutex_lock(&s->lock);
    c->starting = true;
    c->ending[0] = '\0';
    pthread_mutex_unlock(&s->lock);
    c->dead = false;
    c->cells = 0;
    r = code_start(sb, call, c, err);
    if (r)
        code_end(c);
    pthread_mutex_lock(&s->lock);
    c->starting = false;
    pthread_mutex_unlock(&s->lock);
    return r;
}

int code_claim(struct local_sandbox *sb, struct call *call, const struct code_request *req,
               struct code_context **out, char why[CODE_WHY], struct err *err)
{
    struct code_context *c;
    struct code_state *s;
    int r;

    if (code_state_of(sb, &s, err))
        return -1;
    pthread_mutex_lock(&s->lock);
    r = claim(s, call, req, &c, err);
    if (!r) {
        look(c);
        memcpy(why, c->why, CODE_WHY);
    }
    pthread_mutex_unlock(&s->lock);
    if (r)
        return -1;
    if (c->dead && code_revive(sb, call, c, err)) {
        code_release(sb, c);
        return -1;
    }
    c->why[0] = '\0';
    *out = c;
    return 0;
}

void code_release(struct local_sandbox *sb, struct code_context *c)
{
    struct code_state *s = sb->code;
    struct job *job;

    pthread_mutex_lock(&s->lock);
    c->busy = false;
    c->used_ms = clock_ms();
    job = TAKE(c->job);
    if (c->dead)
        code_end(c);
    if (c->once || (c->dead && c->is_default && !c->cells))
        code_forget(s, c, "its interpreter could not be started");
    pthread_cond_broadcast(&s->freed);
    pthread_mutex_unlock(&s->lock);
    job_unref(job);
    code_unref(c);
}

static int local_execute(struct sandbox *base, struct call *call, const struct code_request *req,
                         struct code_result *res, struct err *err)
{
    struct local_sandbox *sb = local_sandbox_of(base);
    struct code_context *c;
    char why[CODE_WHY] = "";

    if (code_claim(sb, call, req, &c, why, err) || code_run(sb, call, c, req, res, err))
        return -1;
    if (!why[0])
        return 0;
    free(res->note);
    return asprintf(&res->note, "%s: its variables are lost; this cell ran in a fresh one.", why) <
                   0
               ? err_oom(err)
               : 0;
}

const struct code_ops local_code_ops = {
    .execute = local_execute,
    .context = code_context_op,
    .language = code_language,
};
