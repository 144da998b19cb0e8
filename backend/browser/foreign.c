#include "backend/browser/foreign.h"
#include "backend/browser/cdp_slots.h"
#include "backend/browser/id_list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CODE_INVALID = -32600,
    CODE_SERVER = -32000,
    CODE_SESSION = -32001,
};

struct waiting {
    int64_t id, its; /* id: on our connection, 0 a free row */
    bool makes_context;
};

struct foreign {
    struct cdp_tap tap;
    struct cdp *cdp;
    struct foreign_client client;

    pthread_mutex_t lock; /* all below */
    browser_id root;      /* its browser session */
    bool over;
    browser_id sessions[FOREIGN_SESSIONS_MAX];
    size_t session_count;
    struct waiting waiting[FOREIGN_CALLS_MAX];
    size_t waiting_count;
    browser_id contexts[FOREIGN_CONTEXTS_MAX];
    size_t context_count, contexts_asked;
};

struct command {
    int64_t id;
    const char *method, *session; /* session: "" its own root */
    yyjson_val *params;
};

/* Locked, as all below up to the client's own messages. */
static struct waiting *row_of(struct foreign *f, int64_t id)
{
    for (size_t i = 0; i < FOREIGN_CALLS_MAX; i++) {
        struct waiting *w =
            &f->waiting[(size_t)(id / SLOTS_STRIDE + (int64_t)i) % FOREIGN_CALLS_MAX];
        if (w->id == id)
            return w;
    }
    return NULL;
}

/* ---- to the client; locked ---- */

static void end(struct foreign *f, const char *why)
{
    if (!f->over)
        f->client.over(f->client.context, why);
    f->over = true;
}

static void give(struct foreign *f, const char *json, size_t len)
{
    if (!f->over)
        f->client.send(f->client.context, json, len);
}

/* Members of `message` but its id, which becomes `*id` (NULL: none), and the name of the root. */
static void pass(struct foreign *f, const int64_t *id, bool root, yyjson_val *message)
{
    AUTO(buf) struct buf out = BUF_MAX(CDP_MESSAGE_MAX + 4096);
    struct jw w = JW(&out, NULL);
    yyjson_val *key, *value;
    size_t i, n;

    jw_obj(&w);
    if (id)
        jw_kint(&w, "id", *id);
    yyjson_obj_foreach (message, i, n, key, value) {
        const char *name = yyjson_get_str(key);
        if (!strcmp(name, "id") || (root && !strcmp(name, "sessionId")))
            continue;
        jw_key(&w, name);
        jw_val(&w, value);
    }
    jw_end(&w);
    if (jw_done(&w))
        end(f, "a message of the browser is too large");
    else
        give(f, out.data, out.len);
}

static void answer(struct foreign *f, const struct command *c, int code, const char *message)
{
    AUTO(buf) struct buf out = BUF_MAX(4096);
    struct jw w = JW(&out, NULL);

    jw_obj(&w);
    jw_kint(&w, "id", c->id);
    if (code) {
        jw_key(&w, "error");
        jw_obj(&w);
        jw_kint(&w, "code", code);
        jw_kstr(&w, "message", message);
        jw_end(&w);
    } else {
        jw_kraw(&w, "result", "{}");
    }
    if (*c->session && strlen(c->session) < PAGE_FRAME_ID)
        jw_kstr(&w, "sessionId", c->session);
    jw_end(&w);
    if (!jw_done(&w))
        give(f, out.data, out.len);
}

/* ---- from the browser, on its connection's thread ---- */

static void take_answer(struct foreign *f, int64_t id, bool root, yyjson_val *message)
{
    struct waiting *w = row_of(f, id);
    yyjson_val *result = yyjson_obj_get(message, "result");

    if (!w)
        return;
    if (w->makes_context) {
        f->contexts_asked--;
        ids_add(f->contexts, &f->context_count, FOREIGN_CONTEXTS_MAX,
                json_str(result, "browserContextId"));
    }
    int64_t its = w->its;
    *w = (struct waiting){ 0 };
    f->waiting_count--;
    pass(f, &its, root, message);
}

static void take_event(struct foreign *f, bool root, yyjson_val *message)
{
    const char *method = json_str(message, "method");
    const char *session = json_str(yyjson_obj_get(message, "params"), "sessionId");

    if (!method)
        return;
    if (!strcmp(method, "Target.detachedFromTarget"))
        ids_drop(f->sessions, &f->session_count, session);
    if (!strcmp(method, "Target.attachedToTarget") &&
        !ids_find(f->sessions, f->session_count, session) &&
        !ids_add(f->sessions, &f->session_count, FOREIGN_SESSIONS_MAX, session))
        end(f, "too many sessions");
    pass(f, NULL, root, message);
}

static bool on_message(struct cdp_tap *tap, int64_t id, const char *session, yyjson_val *message)
{
    struct foreign *f = (struct foreign *)tap;
    bool mine, root;

    pthread_mutex_lock(&f->lock);
    root = *f->root && !strcmp(f->root, session);
    mine = id ? slots_tap(id) == 1 + tap->index
              : root || ids_find(f->sessions, f->session_count, session);
    if (mine && id)
        take_answer(f, id, root, message);
    else if (mine)
        take_event(f, root, message);
    pthread_mutex_unlock(&f->lock);
    return mine;
}

static void on_over(struct cdp_tap *tap)
{
    struct foreign *f = (struct foreign *)tap;

    pthread_mutex_lock(&f->lock);
    end(f, "the browser has ended");
    pthread_mutex_unlock(&f->lock);
}

/* ---- from the client ---- */

/* What does not go to the browser as it is; 1: it was dealt with. Locked. */
typedef int rule_fn(struct foreign *f, const struct command *c);

/* Done, as far as it can tell. */
static int ignore(struct foreign *f, const struct command *c)
{
    answer(f, c, 0, NULL);
    return 1;
}

static int close_it(struct foreign *f, const struct command *c)
{
    (void)ignore(f, c);
    end(f, "");
    return 1;
}

static int refuse(struct foreign *f, const struct command *c)
{
    answer(f, c, CODE_SERVER, "Not allowed in a browser that is shared");
    return 1;
}

/* Its own context that it names, or NULL. */
static const char *own_context(struct foreign *f, const struct command *c)
{
    const char *id = json_sole_str(c->params, "browserContextId");

    return ids_find(f->contexts, f->context_count, id) ? id : NULL;
}

static int move_downloads(struct foreign *f, const struct command *c)
{
    return own_context(f, c) ? 0 : ignore(f, c);
}

static int make_context(struct foreign *f, const struct command *c)
{
    if (f->context_count + f->contexts_asked < FOREIGN_CONTEXTS_MAX)
        return 0;
    answer(f, c, CODE_SERVER, "Too many browser contexts");
    return 1;
}

static int dispose_context(struct foreign *f, const struct command *c)
{
    const char *id = own_context(f, c);

    ids_drop(f->contexts, &f->context_count, id);
    return id ? 0 : refuse(f, c);
}

static const struct {
    const char *method;
    rule_fn *fn;
} rules[] = {
    { "Browser.close", close_it },
    { "Browser.crash", refuse },
    { "Browser.crashGpuProcess", refuse },
    { "Browser.setDownloadBehavior", move_downloads },
    { "Page.setDownloadBehavior", ignore },
    { "Target.createBrowserContext", make_context },
    { "Target.disposeBrowserContext", dispose_context },
    { "Target.exposeDevToolsProtocol", refuse },
    { "Target.sendMessageToTarget", refuse }, /* commands that no rule would see */
    { "Target.setRemoteLocations", refuse },
};

/* The id under which it goes to the browser; 0: it does not. */
static int64_t admit(struct foreign *f, const struct command *c, int64_t id, const char **session)
{
    if (f->over)
        return 0;
    if (*c->session && !ids_find(f->sessions, f->session_count, c->session)) {
        answer(f, c, CODE_SESSION, "Session with given id not found.");
        return 0;
    }
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (!strcmp(rules[i].method, c->method) && rules[i].fn(f, c))
            return 0;
    if (f->waiting_count == FOREIGN_CALLS_MAX) {
        answer(f, c, CODE_SERVER, "Too many commands wait for their answer");
        return 0;
    }
    struct waiting *w = &f->waiting[(size_t)(id / SLOTS_STRIDE) % FOREIGN_CALLS_MAX];
    while (w->id)
        w = w + 1 < f->waiting + FOREIGN_CALLS_MAX ? w + 1 : f->waiting;
    *w = (struct waiting){ id, c->id, !strcmp(c->method, "Target.createBrowserContext") };
    f->contexts_asked += w->makes_context;
    f->waiting_count++;
    *session = *c->session ? c->session : f->root;
    return id;
}

/* Contexts end with the session that made them, whatever becomes of us. */
static int write_params(const struct command *c, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);
    bool context = !strcmp(c->method, "Target.createBrowserContext");
    yyjson_val *key, *value;
    size_t i, n;

    jw_obj(&w);
    if (c->params)
        yyjson_obj_foreach (c->params, i, n, key, value) {
            if (context && !strcmp(yyjson_get_str(key), "disposeOnDetach"))
                continue;
            jw_key(&w, yyjson_get_str(key));
            jw_val(&w, value);
        }
    if (context)
        jw_kbool(&w, "disposeOnDetach", true);
    jw_end(&w);
    return jw_done(&w);
}

static void run(struct foreign *f, const struct command *c)
{
    AUTO(buf) struct buf params = BUF_MAX(CDP_MESSAGE_MAX);
    const char *session = "";
    struct err err = { 0 };
    char root[PAGE_FRAME_ID];
    int64_t id = cdp_tap_id(f->cdp, &f->tap);

    pthread_mutex_lock(&f->lock);
    id = admit(f, c, id, &session);
    snprintf(root, sizeof(root), "%s", session);
    pthread_mutex_unlock(&f->lock);
    if (!id || (!write_params(c, &params, &err) &&
                !cdp_tap_send(f->cdp, id, root, c->method, params.data, &err)))
        return;
    pthread_mutex_lock(&f->lock);
    end(f, err.msg);
    pthread_mutex_unlock(&f->lock);
}

void foreign_message(struct foreign *f, const char *json, size_t len)
{
    AUTO_JSON yyjson_doc *doc =
        yyjson_read_opts((char *)(size_t)json, len, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *id = yyjson_obj_get(root, "id");
    yyjson_val *params = yyjson_obj_get(root, "params");
    const char *session = json_str(root, "sessionId");
    const struct command c = {
        .id = yyjson_get_sint(id),
        .method = json_str(root, "method"),
        .session = session ? session : "",
        .params = params,
    };

    if (yyjson_is_int(id) && c.method && (!params || yyjson_is_obj(params))) {
        run(f, &c);
        return;
    }
    pthread_mutex_lock(&f->lock);
    if (yyjson_is_int(id))
        answer(f, &c, CODE_INVALID, "Message must have a string 'method' and an object 'params'");
    else
        end(f, "a message is no JSON object with an integer id");
    pthread_mutex_unlock(&f->lock);
}

/* ---- life ---- */

int foreign_new(struct browser *browser, const struct foreign_client *client, struct call *call,
                struct foreign **out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply made = { 0 };
    struct foreign *f = calloc(1, sizeof(*f));

    if (!f)
        return err_oom(err);
    f->tap = (struct cdp_tap){ .take = on_message, .over = on_over };
    f->cdp = browser_cdp(browser);
    f->client = *client;
    pthread_mutex_init(&f->lock, NULL);
    if (cdp_tap_add(f->cdp, &f->tap, err)) {
        pthread_mutex_destroy(&f->lock);
        free(f);
        return -1;
    }
    int r = cdp_call(f->cdp, "", "Target.attachToBrowserTarget", NULL, 0, call, &made, err);
    const char *session = r ? NULL : json_str(made.result, "sessionId");
    if (!r && (!session || !*session || strlen(session) >= sizeof(f->root)))
        r = err_set(err, ERR_PROTOCOL, "the browser gave no session");
    if (r) {
        foreign_free(f);
        return r;
    }
    pthread_mutex_lock(&f->lock);
    memcpy(f->root, session, strlen(session) + 1);
    pthread_mutex_unlock(&f->lock);
    *out = f;
    return 0;
}

static void tell(struct foreign *f, const char *method, const char *name, const char *value)
{
    char params[128];

    snprintf(params, sizeof(params), "{\"%s\":\"%s\"}", name, value);
    cdp_tell(f->cdp, "", method, params);
}

void foreign_free(struct foreign *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->over = true;
    pthread_mutex_unlock(&f->lock);
    if (*f->root)
        tell(f, "Target.detachFromTarget", "sessionId", f->root);
    cdp_tap_remove(f->cdp, &f->tap);
    for (size_t i = 0; i < f->context_count; i++)
        tell(f, "Target.disposeBrowserContext", "browserContextId", f->contexts[i]);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
