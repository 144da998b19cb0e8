#include "backend/remote/aio_code.h"
#include "base/clock.h"

#include <string.h>

static const struct {
    const char *language, *sessions; /* sessions: where one is deleted */
} languages[] = {
    { "python", "/v1/jupyter/sessions/" },
    { "javascript", "/v1/nodejs/sessions/" },
};

static const char *known_language(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(languages); i++)
        if (!strcmp(languages[i].language, name))
            return languages[i].language;
    return NULL;
}

/* Sandbox lock held. */
static struct aio_context *find(struct aio_sandbox *sb, const struct code_request *req)
{
    list_each(link, &sb->contexts)
    {
        struct aio_context *c = list_of(link, struct aio_context, link);
        if (req->context_id ? !strcmp(c->id, req->context_id)
                            : c->is_default && !strcmp(c->language, req->language))
            return c;
    }
    return NULL;
}

/* Sandbox lock held. */
static int add(struct aio_sandbox *sb, const struct code_request *req, struct aio_context **out,
               struct err *err)
{
    const char *language = known_language(req->language);
    struct aio_context *c;

    if (!language)
        return err_set(err, ERR_UNSUPPORTED, "language \"%s\" is not known", req->language);
    if (sb->context_count >= AIO_CONTEXTS_MAX) {
        err_set(err, ERR_QUOTA, "%d interpreters are running already", AIO_CONTEXTS_MAX);
        return err_next(err,
                        "use one of them: leave context_id out for the language's default one");
    }
    c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom(err);
    id_make("ctx", c->id);
    c->language = language;
    c->is_default = !req->context_id;
    c->fresh = true;
    list_append(&sb->contexts, &c->link);
    sb->context_count++;
    *out = c;
    return 0;
}

static int too_busy(const struct aio_context *c, struct err *err)
{
    err_set(err, ERR_BUSY, "context %s is still running another cell", c->id);
    return err_next(err, "wait for it with terminal_output, end it with terminal_kill, or pass "
                         "context_id=new");
}

/* Sandbox lock held; released while waiting. */
static int await_free(struct aio_sandbox *sb, struct call *call, const struct code_request *req,
                      struct aio_context **out, struct err *err)
{
    int64_t until = clock_ms() + AIO_QUEUE_MS;

    while ((*out = find(sb, req)) && (*out)->busy) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_nsec += 100 * 1000000;
        ts.tv_sec += ts.tv_nsec / 1000000000;
        ts.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&sb->freed, &sb->lock, &ts);
        if (call_check(call, err))
            return -1;
        if ((*out = find(sb, req)) && (*out)->busy && clock_ms() >= until)
            return too_busy(*out, err);
    }
    if (*out && strcmp((*out)->language, req->language))
        return err_set(err, ERR_INVALID, "context %s speaks %s, not %s", (*out)->id,
                       (*out)->language, req->language);
    if (*out || !req->context_id)
        return 0;
    err_set(err, ERR_NOT_FOUND, "no context %s in this sandbox", req->context_id);
    return err_next(err, "leave context_id out for the default one of %s", req->language);
}

int aio_context_claim(struct aio_sandbox *sb, struct call *call, const struct code_request *req,
                      struct aio_context **out, struct err *err)
{
    bool once = req->context_id && !strcmp(req->context_id, "new");
    struct aio_context *c = NULL;
    int r;

    pthread_mutex_lock(&sb->lock);
    r = once ? 0 : await_free(sb, call, req, &c, err);
    if (!r && !c)
        r = add(sb, req, &c, err);
    if (!r) {
        c->busy = true;
        *out = c;
    }
    pthread_mutex_unlock(&sb->lock);
    return r;
}

void aio_context_release(struct aio_sandbox *sb, struct aio_context *c, bool dead)
{
    pthread_mutex_lock(&sb->lock);
    c->busy = c->fresh = false;
    if (dead) {
        list_remove(&c->link);
        sb->context_count--;
    }
    pthread_cond_broadcast(&sb->freed);
    pthread_mutex_unlock(&sb->lock);
    if (dead)
        free(c);
}

void aio_context_end(struct aio_sandbox *sb, const struct aio_context *c)
{
    struct aio *a = aio_of(&sb->base);
    AUTO(buf) struct buf path = BUF_MAX(256);
    AUTO_JSON yyjson_doc *doc = NULL;
    struct aio_ask ask = { .method = "DELETE", .idempotent = true, .timeout_ms = AIO_CLEAN_MS };
    yyjson_val *data;

    for (size_t i = 0; i < COUNT_OF(languages); i++)
        if (!strcmp(languages[i].language, c->language) &&
            buf_addf(&path, NULL, "%s%s", languages[i].sessions, c->id))
            return;
    ask.path = buf_str(&path);
    (void)!aio_ask(a, &a->quit, &ask, &doc, &data, NULL);
}

/* Out of the table; NULL when all are busy or there is none. */
static struct aio_context *take_idle(struct aio_sandbox *sb)
{
    struct aio_context *found = NULL;

    pthread_mutex_lock(&sb->lock);
    list_each(link, &sb->contexts)
    {
        struct aio_context *c = list_of(link, struct aio_context, link);
        if (c->busy)
            continue;
        list_remove(link);
        sb->context_count--;
        found = c;
        break;
    }
    pthread_mutex_unlock(&sb->lock);
    return found;
}

struct ending {
    struct aio_sandbox *sandbox;
    struct aio_context *context;
};

static void end_later(void *arg)
{
    struct ending *e = arg;

    aio_context_end(e->sandbox, e->context);
    free(e->context);
    free(e);
}

void aio_contexts_done(struct aio_sandbox *sb)
{
    struct aio_context *c;

    while ((c = take_idle(sb))) {
        struct ending *e = calloc(1, sizeof(*e));
        if (!e) {
            free(c);
            continue;
        }
        *e = (struct ending){ sb, c };
        aio_later(aio_of(&sb->base), end_later, e);
    }
}
