#include "backend/local/code.h"
#include "base/clock.h"
#include "base/id.h"

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

void code_end(struct code_context *c)
{
    close_all(c);
    buf_done(&c->line);
    c->line = BUF_MAX(CODE_LINE_MAX);
    agent_unref(TAKE(c->agent));
    c->supervisor = 0;
    c->dead = true;
}

void code_unref(struct code_context *c)
{
    if (atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    close_all(c);
    buf_done(&c->line);
    agent_unref(c->agent);
    job_unref(c->job);
    free(c->name);
    free(c->cwd);
    free(c);
}

int code_state_of(struct local_sandbox *sb, struct code_state **out, struct err *err)
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

bool code_of(struct local_sandbox *sb, uint32_t supervisor, char id[36])
{
    struct code_state *s;
    bool found = false;

    if (code_state_of(sb, &s, NULL))
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

void code_remember(struct code_state *s, const char *id, const char *name, const char *why)
{
    unsigned i = s->gone_next++ % CODE_GONE_MAX;

    snprintf(s->gone[i].id, sizeof(s->gone[i].id), "%s", id);
    snprintf(s->gone[i].name, sizeof(s->gone[i].name), "%s", name ? name : "");
    snprintf(s->gone[i].why, sizeof(s->gone[i].why), "%s", why);
}

void code_forget(struct code_state *s, struct code_context *c, const char *why)
{
    if (!c->link.next)
        return;
    if (!c->once)
        code_remember(s, c->id, c->name, why);
    list_remove(&c->link);
    s->count--;
    code_unref(c);
}

struct code_context *code_find(struct code_state *s, const char *id, const char *language)
{
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        if (c->once)
            continue;
        if (id ? !strcmp(c->id, id) || (c->name && !strcmp(c->name, id))
               : c->is_default && !strcmp(c->language, language))
            return c;
    }
    return id && code_known_language(id) ? code_find(s, NULL, id) : NULL;
}

int code_unknown(struct code_state *s, const char *id, struct err *err)
{
    for (unsigned i = 0; i < CODE_GONE_MAX; i++) {
        if (strcmp(s->gone[i].id, id) != 0 && strcmp(s->gone[i].name, id) != 0)
            continue;
        err_set(err, ERR_GONE, "context %s has ended: %s", id, s->gone[i].why);
        return err_next(err, "make another with code_context action=create, or leave context_id "
                             "out for the language's default one");
    }
    err_set(err, ERR_NOT_FOUND, "no context \"%.64s\" in this sandbox", id);
    return err_next(err, "code_context action=list tells which there are; leave context_id out for "
                         "the language's default one");
}

/* One without an interpreter gives way to a new one, the longest unused first. */
static int make_room(struct code_state *s, struct err *err)
{
    struct code_context *oldest = NULL;

    if (s->count < CODE_CONTEXTS_MAX)
        return 0;
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        if (c->dead && !c->busy && (!oldest || c->used_ms < oldest->used_ms))
            oldest = c;
    }
    if (oldest) {
        code_forget(s, oldest, "it had no interpreter any more and made room for another");
        return 0;
    }
    err_set(err, ERR_QUOTA, "%d interpreters are running already", CODE_CONTEXTS_MAX);
    return err_next(err, "use one of them, or end one: code_context action=list, then "
                         "action=delete");
}

int code_add(struct code_state *s, const char *id, const char *language, struct code_context **out,
             struct err *err)
{
    const char *known = code_known_language(language);
    struct code_context *c;

    if (!known)
        return err_set(err, ERR_UNSUPPORTED, "language \"%s\" is not known", language);
    if (make_room(s, err))
        return -1;
    c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom(err);
    c->refs = 2;
    c->language = known;
    c->is_default = !id;
    c->once = id && !strcmp(id, "new");
    c->channel = c->requests = c->responses = c->out = c->errs = -1;
    c->line = BUF_MAX(CODE_LINE_MAX);
    c->busy = true;
    c->dead = true;
    c->created_ms = clock_wall_ms();
    id_make("ctx", c->id);
    list_append(&s->contexts, &c->link);
    s->count++;
    *out = c;
    return 0;
}

void local_code_stopped(struct local_sandbox *sb, const char *why)
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
        if (c->dead || c->busy)
            continue;
        snprintf(c->why, sizeof(c->why), "The interpreter ended with the sandbox (%.100s)", why);
        code_end(c);
    }
    pthread_mutex_unlock(&s->lock);
}

void local_code_expire(struct local_sandbox *sb, int64_t now_ms, int64_t idle_ms)
{
    char text[32], why[CODE_WHY];
    struct code_state *s;

    pthread_mutex_lock(&sb->lock);
    s = sb->code;
    pthread_mutex_unlock(&sb->lock);
    if (!s)
        return;
    snprintf(why, sizeof(why), "nobody used it for %s", local_idle_text(sb->backend, text));
    pthread_mutex_lock(&s->lock);
    list_each(l, &s->contexts)
    {
        struct code_context *c = list_of(l, struct code_context, link);
        if (!c->busy && now_ms - c->used_ms >= idle_ms)
            code_forget(s, c, why);
    }
    pthread_mutex_unlock(&s->lock);
}

void local_code_free(struct local_sandbox *sb)
{
    struct code_state *s = sb->code;

    if (!s)
        return;
    list_each(l, &s->contexts) code_forget(s, list_of(l, struct code_context, link), "");
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    sb->code = NULL;
}
