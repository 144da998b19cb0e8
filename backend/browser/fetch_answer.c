#include "backend/browser/fetch.h"
#include "backend/browser/net_log_state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND_MAX (24 * 1024 * 1024)
#define POST_MAX (64 * 1024) /* of what the connection's thread sends itself */

struct answer_job {
    struct worker_job job;
    enum fetch_how how;
    char session[PAGE_FRAME_ID], id[FETCH_ID];
    struct route *route;
    struct har_replay *replay;
    yyjson_val *content; /* of the replay */
    char tail[];
};

static const char *const methods[] = {
    [FETCH_CONTINUE] = "Fetch.continueRequest",
    [FETCH_FULFIL] = "Fetch.fulfillRequest",
    [FETCH_FAIL] = "Fetch.failRequest",
};

static int begin(struct buf *out, const char *id, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(FETCH_ID * 8);
    struct jw w = JW(&text, err);

    jw_str(&w, id);
    return jw_done(&w) || buf_addf(out, err, "{\"requestId\":%s", text.data) ? -1 : 0;
}

/* ---- by the worker ---- */

static int add_body(struct buf *out, const struct answer_job *a, struct err *err)
{
    if (a->how != FETCH_FULFIL)
        return 0;
    if (buf_adds(out, ",\"body\":\"", err))
        return -1;
    if (a->route ? buf_adds(out, route_body64(a->route), err)
                 : a->content && replay_body64(a->content, out, err))
        return -1;
    return buf_adds(out, "\"", err);
}

static void send_answer(const struct answer_job *a, struct browser *b, bool on)
{
    AUTO(buf) struct buf text = BUF_MAX(COMMAND_MAX);
    enum fetch_how how = on ? FETCH_CONTINUE : a->how;

    if (begin(&text, a->id, NULL))
        return;
    size_t head = text.len;
    if (!on && (buf_adds(&text, a->tail, NULL) || add_body(&text, a, NULL))) {
        text.len = head; /* no memory: it goes on as it is */
        how = FETCH_CONTINUE;
    }
    if (!buf_addc(&text, '}', NULL))
        cdp_tell(b->cdp, a->session, methods[how], text.data);
}

static void run(struct worker_job *job, struct browser *b, int stop_fd UNUSED, bool over)
{
    struct answer_job *a = (struct answer_job *)job;
    bool removed;

    pthread_mutex_lock(&b->lock);
    removed = a->route && route_removed(a->route);
    pthread_mutex_unlock(&b->lock);
    if (!over)
        send_answer(a, b, removed);
    pthread_mutex_lock(&b->lock);
    route_unref(a->route);
    replay_unref(a->replay);
    pthread_mutex_unlock(&b->lock);
    free(a);
}

bool fetch_is_free(const struct worker_job *job)
{
    const struct answer_job *a = (const struct answer_job *)job;

    return job->run == run && a->route && route_removed(a->route);
}

static bool give_to_worker(struct browser *b, const struct fetch_request *q,
                           const struct fetch_answer *f)
{
    struct network *n = network_of(b);
    size_t size = strlen(f->tail) + 1;
    struct answer_job *a = n && !b->over ? calloc(1, sizeof(*a) + size) : NULL;

    if (!a)
        return false;
    if (!n->worker)
        n->worker = worker_new(b);
    a->job.run = run;
    a->job.due_ms = f->delay_ms ? clock_ms() + f->delay_ms : 0;
    a->how = f->how;
    COPY(a->session, q->session->id);
    COPY(a->id, q->id);
    memcpy(a->tail, f->tail, size);
    a->route = f->route ? route_ref(f->route) : NULL;
    a->replay = f->replay ? replay_ref(f->replay) : NULL;
    a->content = f->content;
    if (worker_add(n->worker, &a->job))
        return true;
    route_unref(a->route);
    replay_unref(a->replay);
    free(a);
    return false;
}

/* ---- by the connection's thread ---- */

void fetch_answer(struct browser *b, const struct fetch_request *q, const struct fetch_answer *f)
{
    AUTO(buf) struct buf text = BUF_MAX(POST_MAX);
    bool slow = f->delay_ms || f->how == FETCH_FULFIL || strlen(f->tail) > POST_MAX / 2;
    enum fetch_how how = f->how;

    if (f->how == FETCH_FULFIL)
        net_mocked(b, q->session, q->network_id, q->url);
    if (slow && give_to_worker(b, q, f))
        return;
    if (begin(&text, q->id, NULL))
        return;
    if (slow) /* too much is held up already: it fails rather than slips through */
        how = FETCH_FAIL;
    if (buf_adds(&text, slow ? ",\"errorReason\":\"Failed\"" : f->tail, NULL) ||
        buf_addc(&text, '}', NULL))
        return;
    browser_post(b, q->session->id, methods[how], text.data);
}

void fetch_header(struct jw *w, const char *name, const char *value)
{
    jw_obj(w);
    jw_kstr(w, "name", name);
    jw_kstr(w, "value", value);
    jw_end(w);
}

void fetch_cors(struct jw *w, const struct fetch_request *q, bool has_allow_origin)
{
    if (!q->origin || has_allow_origin)
        return;
    fetch_header(w, "Access-Control-Allow-Origin", q->origin);
    fetch_header(w, "Access-Control-Allow-Credentials", "true");
    fetch_header(w, "Access-Control-Expose-Headers", "*");
    fetch_header(w, "Vary", "Origin");
}

void fetch_allow(struct browser *b, const struct fetch_request *q)
{
    const char *asked = fetch_value(q, "access-control-request-headers");
    const char *method = fetch_value(q, "access-control-request-method");
    AUTO(buf) struct buf tail = BUF_MAX(32768);
    struct jw w = JW(&tail, NULL);

    if (buf_adds(&tail, ",\"responseCode\":204,\"responseHeaders\":", NULL))
        return;
    jw_arr(&w);
    fetch_cors(&w, q, false);
    fetch_header(&w, "Access-Control-Allow-Methods", method ? method : "GET");
    if (asked)
        fetch_header(&w, "Access-Control-Allow-Headers", asked);
    jw_aend(&w);
    if (jw_done(&w))
        tail.len = 0;
    fetch_answer(b, q,
                 &(struct fetch_answer){ .how = tail.len ? FETCH_FULFIL : FETCH_CONTINUE,
                                         .tail = buf_str(&tail) });
}
