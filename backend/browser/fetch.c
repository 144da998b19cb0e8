#include "backend/browser/fetch.h"
#include "backend/browser/har_state.h"
#include "backend/browser/net_log_state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TELL_MS 3000
#define ENABLE_MAX (128 * 1024)

/* ---- life ---- */

struct network *network_of(struct browser *b)
{
    struct network *n = b->network;

    if (n || b->over)
        return n;
    n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    pthread_mutex_init(&n->applying, NULL);
    list_init(&n->recordings);
    buf_init(&n->enable, ENABLE_MAX);
    buf_init(&n->extra, ENABLE_MAX);
    return b->network = n;
}

void network_stop(struct browser *b)
{
    struct worker *worker = NULL, *reader = NULL;
    struct har *shared = NULL;

    pthread_mutex_lock(&b->lock);
    b->over = true;
    if (b->network) {
        worker = TAKE(b->network->worker);
        reader = TAKE(b->network->reader);
        shared = TAKE(b->network->shared);
    }
    pthread_mutex_unlock(&b->lock);
    worker_free(worker);
    worker_free(reader);
    har_free(shared);
}

void network_free(struct network *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->route_count; i++)
        route_unref(n->routes[i]);
    for (size_t i = 0; i < n->rule_count; i++)
        header_rule_free(n->rules[i]);
    replay_unref(n->replay);
    buf_done(&n->enable);
    buf_done(&n->extra);
    pthread_mutex_destroy(&n->applying);
    free(n);
}

/* ---- telling the pages ---- */

/* Whose requests Chromium can hold up: those of a dedicated worker go through its page. */
static bool is_held(const struct session *s)
{
    return strcmp(s->type, "worker") != 0;
}

void fetch_session(struct browser *b, const struct session *s)
{
    struct network *n = b->network;
    char conditions[EMULATION_CONDITIONS];

    if (!n)
        return;
    if (n->enable.len && is_held(s))
        browser_post(b, s->id, "Fetch.enable", n->enable.data);
    if (n->uncached)
        browser_post(b, s->id, "Network.setCacheDisabled", "{\"cacheDisabled\":true}");
    if (n->extra.len)
        browser_post(b, s->id, "Network.setExtraHTTPHeaders", n->extra.data);
    emulation_conditions(s->page, true, conditions);
    if (n->offline)
        browser_post(b, s->id, "Network.emulateNetworkConditions", conditions);
}

static int compute(struct network *n, struct err *err)
{
    struct jw w = JW(&n->enable, err);
    bool credentials = headers_need_all(n), any = credentials || n->replay;

    buf_clear(&n->enable);
    n->uncached = n->route_count || n->replay;
    jw_obj(&w);
    jw_key(&w, "patterns");
    jw_arr(&w);
    if (any) {
        jw_obj(&w);
        jw_kstr(&w, "urlPattern", "*");
        jw_end(&w);
    } else {
        route_patterns(n, &w, &any);
    }
    jw_aend(&w);
    jw_kbool(&w, "handleAuthRequests", credentials);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (!any)
        buf_clear(&n->enable);
    headers_extra(n);
    return 0;
}

struct telling {
    char ids[BROWSER_SESSIONS_MAX][PAGE_FRAME_ID];
    bool held[BROWSER_SESSIONS_MAX];
    char conditions[BROWSER_SESSIONS_MAX][EMULATION_CONDITIONS];
    size_t count;
    struct buf enable, extra;
    bool uncached;
};

static void telling_done(struct telling *t)
{
    buf_done(&t->enable);
    buf_done(&t->extra);
}

static int gather(struct browser *b, struct telling *t, struct err *err)
{
    struct network *n = b->network;

    if (compute(n, err))
        return -1;
    for (size_t i = 0; i < b->session_count; i++) {
        t->held[t->count] = is_held(&b->sessions[i]);
        emulation_conditions(b->sessions[i].page, n->offline, t->conditions[t->count]);
        COPY(t->ids[t->count++], b->sessions[i].id);
    }
    buf_init(&t->enable, ENABLE_MAX);
    buf_init(&t->extra, ENABLE_MAX);
    t->uncached = n->uncached;
    return buf_add(&t->enable, buf_str(&n->enable), n->enable.len, err) ||
           buf_add(&t->extra, buf_str(&n->extra), n->extra.len, err);
}

/* A page that cannot be told has gone or crashed; the next one is told when it is there. */
static int tell(struct browser *b, const struct telling *t, size_t i, struct call *call,
                struct err *err)
{
    struct err why = { 0 };
    int r = 0;

    cdp_tell(b->cdp, t->ids[i], "Network.emulateNetworkConditions", t->conditions[i]);
    cdp_tell(b->cdp, t->ids[i], "Network.setExtraHTTPHeaders",
             t->extra.len ? t->extra.data : "{\"headers\":{}}");
    cdp_tell(b->cdp, t->ids[i], "Network.setCacheDisabled",
             t->uncached ? "{\"cacheDisabled\":true}" : "{\"cacheDisabled\":false}");
    if (t->held[i] && t->enable.len)
        r = cdp_call(b->cdp, t->ids[i], "Fetch.enable", t->enable.data, TELL_MS, call, NULL, &why);
    else if (t->held[i])
        r = cdp_call(b->cdp, t->ids[i], "Fetch.disable", NULL, TELL_MS, call, NULL, &why);
    if (!r || why.code == ERR_INVALID || why.code == ERR_TIMEOUT)
        return call ? call_check(call, err) : 0;
    if (err)
        *err = why;
    return -1;
}

int fetch_apply(struct browser *b, struct call *call, struct err *err)
{
    AUTO_FREE struct telling *t = calloc(1, sizeof(*t));
    struct network *n = b->network;
    int r;

    if (!t)
        return err_oom(err);
    pthread_mutex_lock(&n->applying);
    pthread_mutex_lock(&b->lock);
    r = b->over ? browser_gone(b, err) : gather(b, t, err);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < t->count && !r; i++)
        r = tell(b, t, i, call, err);
    pthread_mutex_unlock(&n->applying);
    telling_done(t);
    return r ? -1 : 0;
}

/* ---- deciding ---- */

const char *fetch_value(const struct fetch_request *q, const char *name)
{
    size_t i, max;
    yyjson_val *key, *val;

    yyjson_obj_foreach (q->headers, i, max, key, val) {
        if (!strcasecmp(yyjson_get_str(key), name))
            return yyjson_get_str(val);
    }
    return NULL;
}

static bool read_request(struct fetch_request *q, struct session *s, yyjson_val *params)
{
    yyjson_val *request = yyjson_obj_get(params, "request");
    yyjson_val *post = yyjson_obj_get(request, "postData");

    *q = (struct fetch_request){
        .session = s,
        .id = json_str(params, "requestId"),
        .network_id = json_str(params, "networkId"),
        .url = json_str(request, "url"),
        .method = json_str(request, "method"),
        .post = yyjson_get_str(post),
        .post_len = yyjson_get_len(post),
        .headers = yyjson_obj_get(request, "headers"),
        .redirected = json_str(params, "redirectedRequestId") != NULL,
    };
    if (!q->id || strlen(q->id) >= FETCH_ID || !yyjson_is_obj(q->headers))
        return false;
    q->url = q->url ? q->url : "";
    q->method = q->method ? q->method : "GET";
    q->origin = fetch_value(q, "origin");
    q->preflight = !strcmp(q->method, "OPTIONS") && fetch_value(q, "access-control-request-method");
    return true;
}

static void paused(struct browser *b, struct session *s, yyjson_val *params)
{
    bool answered = yyjson_obj_get(params, "responseStatusCode") ||
                    yyjson_obj_get(params, "responseErrorReason");
    struct fetch_request q;

    if (!s || (s->page && s->page->blank) || !read_request(&q, s, params))
        return;
    if (b->network && !answered &&
        (route_decide(b, &q) || replay_decide(b, &q) || headers_decide(b, &q)))
        return;
    fetch_answer(b, &q, &(struct fetch_answer){ .how = FETCH_CONTINUE, .tail = "" });
}

/* Once per request: what was wrong is not tried again. */
static bool try_once(struct network *n, const char *id)
{
    uint64_t hash = net_hash(id);

    for (size_t i = 0; i < FETCH_TRIED; i++)
        if (n->tried[i] == hash)
            return false;
    n->tried[n->tried_next++ % FETCH_TRIED] = hash;
    return true;
}

static void auth_required(struct browser *b, struct session *s, yyjson_val *params)
{
    yyjson_val *challenge = yyjson_obj_get(params, "authChallenge");
    const char *id = json_str(params, "requestId"), *origin = json_str(challenge, "origin");
    const char *source = json_str(challenge, "source");
    AUTO(buf) struct buf text = BUF_MAX(32768);
    struct jw w = JW(&text, NULL);
    bool proxy = source && !strcmp(source, "Proxy");

    if (!s || !id || strlen(id) >= FETCH_ID)
        return;
    jw_obj(&w);
    jw_kstr(&w, "requestId", id);
    jw_key(&w, "authChallengeResponse");
    jw_obj(&w);
    if (b->network && origin && !proxy && try_once(b->network, id) &&
        headers_credentials(b, origin, &w))
        jw_kstr(&w, "response", "ProvideCredentials");
    else
        jw_kstr(&w, "response", "CancelAuth");
    jw_end(&w);
    jw_end(&w);
    if (!jw_done(&w))
        browser_post(b, s->id, "Fetch.continueWithAuth", text.data);
}

const struct page_event_row fetch_events[] = {
    { "Fetch.requestPaused", paused },
    { "Fetch.authRequired", auth_required },
    { NULL, NULL },
};
