#include "backend/browser/net_log_state.h"
#include "base/b64.h"

#include <stdlib.h>
#include <string.h>

double net_duration(const struct net_request *r)
{
    return r->over ? r->timing.end : -1;
}

bool net_is_static(const struct net_request *r)
{
    static const char *const kinds[] = { "image", "font", "stylesheet", "script", "media" };

    if (r->failed || r->status >= 400)
        return false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (!strcmp(r->type, kinds[i]))
            return true;
    return false;
}

/* ---- all ---- */

static char *keep(char **at, const char *text)
{
    char *kept = *at;
    size_t size = text ? strlen(text) + 1 : 0;

    if (!text)
        return NULL;
    memcpy(kept, text, size);
    *at += size;
    return kept;
}

static void summary(struct net_request *out, const struct net_request *r, char **at)
{
    *out = *r;
    out->url = keep(at, r->url);
    out->initiator_url = keep(at, r->initiator_url);
    out->request = out->response = (struct net_headers){ 0 };
    out->post = NULL;
    out->messages = NULL;
    out->post_len = out->message_count = 0;
}

static int list_all(struct net_log *log, struct net_list *out, struct err *err)
{
    size_t size = 1;
    char *at;

    for (unsigned n = log->first; n != log->next; n++) {
        const struct net_request *r = &net_by_number(log, n)->r;
        size += strlen(r->url) + 1 + (r->initiator_url ? strlen(r->initiator_url) + 1 : 0);
    }
    out->requests = calloc(log->next - log->first + 1, sizeof(*out->requests));
    out->text = at = malloc(size);
    if (!out->requests || !out->text)
        return err_oom(err);
    for (unsigned n = log->first; n != log->next; n++)
        summary(&out->requests[out->count++], &net_by_number(log, n)->r, &at);
    out->lost = log->first - 1;
    return 0;
}

int net_list(struct page *page, struct net_list *out, struct err *err)
{
    int r;

    pthread_mutex_lock(&page->browser->lock);
    r = page->net_log ? list_all(page->net_log, out, err) : 0;
    pthread_mutex_unlock(&page->browser->lock);
    return r;
}

void net_list_done(struct net_list *l)
{
    free(l->requests);
    free(l->text);
    *l = (struct net_list){ 0 };
}

/* ---- one ---- */

static int missing(struct net_log *log, unsigned number, struct err *err)
{
    if (log && number && number < log->first)
        err_set(err, ERR_GONE, "r%u is no longer kept, of %d requests at most", number,
                NET_REQUESTS_MAX);
    else
        err_set(err, ERR_NOT_FOUND, "no request r%u on this page", number);
    return err_next(err, "list them with browser_network");
}

int net_get(struct page *page, unsigned number, struct net_request *out, struct err *err)
{
    struct net_entry *e;
    int r;

    pthread_mutex_lock(&page->browser->lock);
    e = net_by_number(page->net_log, number);
    r = e ? net_request_copy(out, &e->r, err) : missing(page->net_log, number, err);
    pthread_mutex_unlock(&page->browser->lock);
    return r;
}

/* ---- what the browser still has ---- */

struct whereabouts {
    char id[NET_ID], session[PAGE_FRAME_ID], page_session[PAGE_FRAME_ID];
};

static int may_have_body(const struct net_request *r, struct err *err)
{
    if (r->redirected)
        return err_set(err, ERR_NOT_FOUND, "r%u was redirected, that has no body", r->number);
    if (!strcmp(r->type, "websocket"))
        return err_set(err, ERR_NOT_FOUND, "r%u is a web socket, it has messages and no body",
                       r->number);
    if (!r->over) {
        err_set(err, ERR_BUSY, "r%u is not over yet", r->number);
        return err_next(err, "read it again later");
    }
    if (!r->status)
        return err_set(err, ERR_NOT_FOUND, "r%u got no answer: %s", r->number, r->failure);
    if (r->decoded > NET_BODY_MAX)
        return err_set(err, ERR_TOO_LARGE, "the body of r%u has %lld bytes, over %d MB", r->number,
                       (long long)r->decoded, NET_BODY_MAX >> 20);
    return 0;
}

static int whereabouts(struct page *page, unsigned number, bool body, struct whereabouts *out,
                       struct err *err)
{
    struct net_entry *e;
    int r;

    pthread_mutex_lock(&page->browser->lock);
    e = net_by_number(page->net_log, number);
    r = !e ? missing(page->net_log, number, err) : body ? may_have_body(&e->r, err) : 0;
    if (!r) {
        COPY(out->id, e->id);
        COPY(out->session, session_find(page->browser, e->session) ? e->session : page->session);
        COPY(out->page_session, page->session);
    }
    pthread_mutex_unlock(&page->browser->lock);
    return r;
}

static int ask(struct page *page, const struct whereabouts *at, const char *method,
               struct call *call, struct cdp_reply *reply, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(NET_ID * 8);
    struct jw w = JW(&params, err);
    struct err first = { 0 };

    jw_obj(&w);
    jw_kstr(&w, "requestId", at->id);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (!page_call(page, at->session, method, params.data, 0, call, reply, &first))
        return 0;
    if (first.code == ERR_INVALID && strcmp(at->session, at->page_session) &&
        !page_call(page, at->page_session, method, params.data, 0, call, reply, &first))
        return 0;
    if (err)
        *err = first;
    return -1;
}

static int take_body(struct net_body *out, yyjson_val *result, struct err *err)
{
    yyjson_val *body = yyjson_obj_get(result, "body");
    const char *text = yyjson_get_str(body);

    buf_init(&out->data, CDP_MESSAGE_MAX);
    if (!text)
        return err_set(err, ERR_PROTOCOL, "the browser gave no body");
    out->text = !json_bool(result, "base64Encoded", false);
    return out->text ? buf_add(&out->data, text, yyjson_get_len(body), err)
                     : b64_decode(&out->data, text, yyjson_get_len(body), err);
}

void net_body_done(struct net_body *b)
{
    buf_done(&b->data);
    b->text = false;
}

int net_get_body(struct page *page, unsigned number, struct call *call, struct net_body *out,
                 struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct whereabouts at;
    struct err why = { 0 };

    if (whereabouts(page, number, true, &at, err))
        return -1;
    if (!ask(page, &at, "Network.getResponseBody", call, &reply, &why))
        return take_body(out, reply.result, err);
    if (why.code != ERR_INVALID) {
        if (err)
            *err = why;
        return -1;
    }
    err_set(err, ERR_GONE,
            "the browser has the body of r%u no longer: its document was left, or "
            "it is too large",
            number);
    return err_next(err, "make the request again and read it before leaving the page, or record "
                         "with browser_har before");
}

int net_get_post(struct page *page, unsigned number, struct call *call, struct buf *out,
                 struct err *err)
{
    AUTO(net_request) struct net_request r = { 0 };
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct whereabouts at;
    struct err why = { 0 };
    yyjson_val *data;

    if (net_get(page, number, &r, err))
        return -1;
    if (r.post)
        return buf_add(out, r.post, r.post_len, err);
    if (!r.has_post)
        return err_set(err, ERR_NOT_FOUND, "r%u posted nothing", number);
    if (whereabouts(page, number, false, &at, err))
        return -1;
    if (ask(page, &at, "Network.getRequestPostData", call, &reply, &why))
        return err_set(err, ERR_GONE, "what r%u posted is no longer there: %s", number, why.msg);
    data = yyjson_obj_get(reply.result, "postData");
    if (!yyjson_is_str(data))
        return err_set(err, ERR_PROTOCOL, "the browser gave no post data");
    return buf_add(out, yyjson_get_str(data), yyjson_get_len(data), err);
}
