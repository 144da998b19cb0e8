#include "tools/resource_watch.h"
#include "base/list.h"
#include "mcp/resource_uri.h"
#include "mcp/subs.h"
#include "tools/resources.h"

#include <pthread.h>
#include <string.h>

struct resource_watches {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t gone;
    struct list all;
    unsigned live; /* backend watches that may still call */
    bool stopped;
    struct server *_Atomic server;
};

/* Owned by the table while it is in it, and by the backend's watch until gone(). */
struct watching {
    struct list link;
    struct resource_watches *table;
    struct watch *watch; /* table lock; NULL: nothing that changes, or not yet started */
    unsigned refs;       /* table lock */
    char *principal, *sandbox, *uri;
};

static const struct {
    const char *template, *what;
    enum watch_kind kind;
} kinds[] = {
    { "sandbox://{id}/info", NULL, WATCH_STATE },
    { "sandbox://{id}/file/{+path}", "path", WATCH_FILE },
    { "sandbox://{id}/output/{pid}", "pid", WATCH_OUTPUT },
};

int resource_watches_new(struct tools_context *ctx, struct err *err)
{
    struct resource_watches *t = calloc(1, sizeof(*t));

    if (!t)
        return err_oom(err);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->gone, NULL);
    list_init(&t->all);
    ctx->watches = t;
    return 0;
}

void resource_watches_tell(struct tools_context *ctx, struct server *srv)
{
    ctx->watches->server = srv;
}

static void watching_free(struct watching *w)
{
    free(w->principal);
    free(w->sandbox);
    free(w->uri);
    free(w);
}

/* Lock held. */
static void let_go(struct watching *w)
{
    if (!--w->refs)
        watching_free(w);
}

/* ---- called by the backend ---- */

static void changed(void *context)
{
    const struct watching *w = context;
    struct server *srv = w->table->server;
    struct caller who = { .principal = w->principal, .sandbox = w->sandbox };

    if (srv)
        server_resource_updated_in(srv, &who, w->uri);
}

static void gone(void *context)
{
    struct watching *w = context;
    struct resource_watches *t = w->table;

    pthread_mutex_lock(&t->lock);
    t->live--;
    let_go(w);
    pthread_cond_broadcast(&t->gone);
    pthread_mutex_unlock(&t->lock);
}

/* ---- on ---- */

static int copy(const char *s, char **out)
{
    *out = s ? strdup(s) : NULL;
    return s && !*out ? -1 : 0;
}

static int watching_new(struct resource_watches *t, const struct caller *who, const char *uri,
                        struct watching **out, struct err *err)
{
    struct watching *w = calloc(1, sizeof(*w));

    if (!w)
        return err_oom(err);
    if (copy(who->principal, &w->principal) || copy(who->sandbox, &w->sandbox) ||
        copy(uri, &w->uri)) {
        watching_free(w);
        return err_oom(err);
    }
    w->table = t;
    w->refs = 1;
    *out = w;
    return 0;
}

static int open_sandbox(struct tools_context *ctx, const struct caller *who, const char *id,
                        struct sandbox **out, struct err *err)
{
    struct call call = { .event_fd = -1 };
    const char *name = who->sandbox ? who->sandbox : ctx->sandbox_name;

    if (!strcmp(id, "default"))
        return sandbox_open_default(ctx->backend, &call, who->principal, name, out, err);
    return sandbox_find(ctx->backend, &call, who->principal, name, id, out, err);
}

static int start(struct tools_context *ctx, const struct caller *who, size_t kind,
                 const struct arg_map *vars, struct watching *w, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    struct resource_watches *t = ctx->watches;
    struct watch *started = NULL;
    struct watch_request req = {
        .kind = kinds[kind].kind,
        .what = kinds[kind].what ? prompt_value(vars, kinds[kind].what) : NULL,
        .changed = changed,
        .gone = gone,
        .context = w,
    };

    if (open_sandbox(ctx, who, prompt_value(vars, "id"), &sb, err))
        return -1;
    pthread_mutex_lock(&t->lock);
    t->live++;
    w->refs++;
    pthread_mutex_unlock(&t->lock);
    if (sandbox_watch(sb, &req, &started, err)) {
        pthread_mutex_lock(&t->lock);
        t->live--;
        w->refs--;
        pthread_mutex_unlock(&t->lock);
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    w->watch = started;
    pthread_mutex_unlock(&t->lock);
    return 0;
}

static bool is_fixed(const char *uri)
{
    for (const struct resource_def *r = tools_resources.fixed; r->entry.uri; r++)
        if (!strcmp(r->entry.uri, uri))
            return true;
    return false;
}

static int start_uri(struct tools_context *ctx, const struct caller *who, const char *uri,
                     struct watching *w, struct err *err)
{
    if (resource_uri_check(uri, strlen(uri), err))
        return -1;
    if (is_fixed(uri))
        return 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        AUTO(resource_vars) struct resource_vars vars = { 0 };
        int r = resource_uri_match(kinds[i].template, uri, &vars, err);
        if (r)
            return r < 0 ? -1 : start(ctx, who, i, &vars.map, w, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no resource has this URI");
}

static int turn_on(struct tools_context *ctx, const struct caller *who, const char *uri,
                   struct err *err)
{
    struct resource_watches *t = ctx->watches;
    struct watching *w = NULL;
    bool stopped;

    if (watching_new(t, who, uri, &w, err))
        return -1;
    if (start_uri(ctx, who, uri, w, err)) {
        watching_free(w);
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    stopped = t->stopped;
    if (!stopped)
        list_append(&t->all, &w->link);
    pthread_mutex_unlock(&t->lock);
    if (!stopped)
        return 0;
    if (w->watch)
        backend_unwatch(ctx->backend, w->watch);
    pthread_mutex_lock(&t->lock);
    let_go(w);
    pthread_mutex_unlock(&t->lock);
    return err_set(err, ERR_UNAVAILABLE, "the server is stopping");
}

/* ---- off ---- */

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Not in the table any more: who calls owns the table's reference. NULL: there is none. */
static struct watching *take(struct resource_watches *t, const struct caller *who, const char *uri)
{
    struct watching *found = NULL;

    pthread_mutex_lock(&t->lock);
    list_each(link, &t->all)
    {
        struct watching *w = list_of(link, struct watching, link);
        if (found || (who && (strcmp(w->uri, uri) || !same(w->principal, who->principal) ||
                              !same(w->sandbox, who->sandbox))))
            continue;
        list_remove(link);
        found = w;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

static void turn_off(struct tools_context *ctx, struct watching *w)
{
    struct resource_watches *t = ctx->watches;

    if (w->watch)
        backend_unwatch(ctx->backend, w->watch);
    pthread_mutex_lock(&t->lock);
    let_go(w);
    pthread_mutex_unlock(&t->lock);
}

int resource_watch(void *tools_context, const struct caller *who, const char *uri, bool on,
                   struct err *err)
{
    struct tools_context *ctx = tools_context;
    struct watching *w;

    if (on)
        return turn_on(ctx, who, uri, err);
    w = take(ctx->watches, who, uri);
    if (w)
        turn_off(ctx, w);
    return 0;
}

void resource_watches_stop(struct tools_context *ctx)
{
    struct resource_watches *t = ctx->watches;
    struct watching *w;

    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopped = true;
    pthread_mutex_unlock(&t->lock);
    while ((w = take(t, NULL, NULL)))
        turn_off(ctx, w);
    pthread_mutex_lock(&t->lock);
    while (t->live)
        pthread_cond_wait(&t->gone, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

void resource_watches_free(struct tools_context *ctx)
{
    if (!ctx->watches)
        return;
    pthread_cond_destroy(&ctx->watches->gone);
    pthread_mutex_destroy(&ctx->watches->lock);
    free(ctx->watches);
    ctx->watches = NULL;
}
