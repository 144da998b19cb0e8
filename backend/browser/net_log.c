#include "backend/browser/har_state.h"
#include "backend/browser/net_log_state.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- whose request ---- */

size_t net_origin(const char *url, char *out, size_t size)
{
    const char *host = url ? strstr(url, "://") : NULL;
    size_t n = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;

    *out = '\0';
    if (!n || n >= size)
        return 0;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)tolower((unsigned char)url[i]);
    out[n] = '\0';
    return n;
}

/* The newest page of that origin, else the newest one, of the session's context. */
static struct page *page_of_origin(struct browser *b, const struct session *s, const char *url)
{
    char origin[512], other[512];
    struct page *any = NULL;

    net_origin(url, origin, sizeof(origin));
    for (size_t i = b->page_count; i; i--) {
        struct page *page = b->pages[i - 1];
        if (strcmp(page->context, s->context))
            continue;
        any = any ? any : page;
        if (*origin && net_origin(page->url, other, sizeof(other)) && !strcmp(origin, other))
            return page;
    }
    return any;
}

struct page *net_page(struct browser *b, struct session *s, const char *document)
{
    if (!s)
        return NULL;
    return s->page ? s->page : page_of_origin(b, s, document);
}

/* Events of one request may come from several sessions of its page. */
static struct net_entry *known(struct browser *b, struct session *s, yyjson_val *params,
                               struct net_log **log)
{
    const char *id = json_str(params, "requestId");
    struct net_entry *e;

    if (!s || !id)
        return NULL;
    if (s->page) {
        *log = s->page->net_log;
        return net_find(*log, id);
    }
    for (size_t i = b->page_count; i; i--) {
        *log = b->pages[i - 1]->net_log;
        e = net_find(*log, id);
        if (e)
            return e;
    }
    return NULL;
}

/* ---- parts of events ---- */

static double number(yyjson_val *object, const char *key, double otherwise)
{
    yyjson_val *v = yyjson_obj_get(object, key);

    return yyjson_is_num(v) ? yyjson_get_num(v) : otherwise;
}

static void copy_lower(char *out, size_t size, const char *text)
{
    copy_text(out, size, text);
    for (; *out; out++)
        *out = (char)tolower((unsigned char)*out);
}

static void read_initiator(struct net_request *r, yyjson_val *from)
{
    yyjson_val *frame =
        yyjson_arr_get_first(yyjson_obj_get(yyjson_obj_get(from, "stack"), "callFrames"));
    const char *url = json_str(from, "url");

    COPY(r->initiator, json_str(from, "type"));
    url = url && *url ? url : json_str(frame, "url");
    if (url && *url)
        r->initiator_url = keep_url(r->initiator_url, url);
}

static void read_post(struct net_request *r, yyjson_val *request)
{
    yyjson_val *data = yyjson_obj_get(request, "postData");
    size_t len = yyjson_get_len(data);

    r->has_post = json_bool(request, "hasPostData", false) || yyjson_is_str(data);
    if (!yyjson_is_str(data) || len > NET_POST_MAX)
        return;
    r->post = malloc(len + 1);
    if (!r->post)
        return;
    memcpy(r->post, yyjson_get_str(data), len);
    r->post[len] = '\0';
    r->post_len = len;
}

static double after(double base_ms, yyjson_val *timing, const char *key)
{
    double v = number(timing, key, -1);

    return v < 0 ? -1 : base_ms + v;
}

static void read_timing(struct net_entry *e, yyjson_val *t)
{
    double base = (number(t, "requestTime", e->sent) - e->sent) * 1000;

    base = base > 0 ? base : 0;
    e->r.timing = (struct net_timing){
        .blocked = base,
        .dns_start = after(base, t, "dnsStart"),
        .dns_end = after(base, t, "dnsEnd"),
        .connect_start = after(base, t, "connectStart"),
        .connect_end = after(base, t, "connectEnd"),
        .ssl_start = after(base, t, "sslStart"),
        .ssl_end = after(base, t, "sslEnd"),
        .send_start = after(base, t, "sendStart"),
        .send_end = after(base, t, "sendEnd"),
        .headers = after(base, t, "receiveHeadersEnd"),
        .end = -1,
    };
}

static void read_address(struct net_request *r, yyjson_val *response)
{
    const char *ip = json_str(response, "remoteIPAddress");
    int64_t port = json_int(response, "remotePort", 0);

    if (ip && *ip)
        snprintf(r->address, sizeof(r->address), "%.48s:%d", ip, (int)port);
}

static void read_response(struct net_log *log, struct net_entry *e, yyjson_val *response,
                          double now)
{
    struct net_request *r = &e->r;
    yyjson_val *timing = yyjson_obj_get(response, "timing");

    if (!r->response.real || !r->status)
        r->status = (int)json_int(response, "status", 0);
    if (r->status == json_int(response, "status", 0))
        COPY(r->status_text, json_str(response, "statusText"));
    if (!r->response.real)
        net_headers_read(&r->response, yyjson_obj_get(response, "headers"));
    if (!r->request.real && yyjson_obj_get(response, "requestHeaders"))
        net_headers_read(&r->request, yyjson_obj_get(response, "requestHeaders"));
    COPY(r->mime, json_str(response, "mimeType"));
    COPY(r->charset, json_str(response, "charset"));
    COPY(r->protocol, json_str(response, "protocol"));
    read_address(r, response);
    r->from_cache |= json_bool(response, "fromDiskCache", false) ||
                     json_bool(response, "fromPrefetchCache", false);
    r->from_worker |= json_bool(response, "fromServiceWorker", false);
    e->head_bytes = json_int(response, "encodedDataLength", 0);
    if (timing)
        read_timing(e, timing);
    else
        r->timing.headers = now > e->sent ? (now - e->sent) * 1000 : 0;
    net_count(log, e);
}

/* ---- what comes beside the request, at any time ---- */

static void put_extra(struct net_log *log, struct net_entry *e, struct net_early *x)
{
    struct net_headers *h = x->kind == NET_EARLY_REQUEST ? &e->r.request : &e->r.response;

    if (x->kind == NET_EARLY_MOCKED) {
        e->r.mocked = true;
        return;
    }
    *(x->kind == NET_EARLY_REQUEST ? &e->extra_request : &e->extra_response) = true;
    if (!e->r.stripped) {
        net_headers_done(h);
        *h = x->headers;
        h->real = true;
    } else {
        net_headers_done(&x->headers);
    }
    if (x->status && x->kind == NET_EARLY_RESPONSE)
        e->r.status = x->status;
    net_count(log, e);
}

/* Of several with that id (redirects) the oldest that still lacks it. */
static struct net_entry *lacking(struct net_entry *e, enum net_early_kind kind)
{
    struct net_entry *found = NULL;

    for (; e; e = net_find_older(e))
        if (!(kind == NET_EARLY_REQUEST ? e->extra_request : e->extra_response))
            found = e;
    return found;
}

static void extra(struct browser *b, struct session *s, yyjson_val *params,
                  enum net_early_kind kind)
{
    const char *id = json_str(params, "requestId");
    struct net_early x = { .kind = kind, .status = (int)json_int(params, "statusCode", 0) };
    struct net_log *log = NULL;
    struct net_entry *e = lacking(known(b, s, params, &log), kind);
    struct page *page = net_page(b, s, NULL);

    if (!id || !page)
        return;
    net_headers_read(&x.headers, yyjson_obj_get(params, "headers"));
    if (e) {
        put_extra(log, e, &x);
        return;
    }
    log = net_log_of(page);
    if (log)
        net_early_keep(log, id, &x);
    net_headers_done(&x.headers);
}

static void request_extra(struct browser *b, struct session *s, yyjson_val *params)
{
    extra(b, s, params, NET_EARLY_REQUEST);
}

static void response_extra(struct browser *b, struct session *s, yyjson_val *params)
{
    extra(b, s, params, NET_EARLY_RESPONSE);
}

static void take_early(struct net_log *log, struct net_entry *e)
{
    struct net_early x;

    for (int kind = NET_EARLY_REQUEST; kind <= NET_EARLY_MOCKED; kind++)
        if (net_early_take(log, e->id, (enum net_early_kind)kind, &x))
            put_extra(log, e, &x);
}

void net_mocked(struct browser *b, struct session *s, const char *id)
{
    struct page *page = net_page(b, s, NULL);
    struct net_log *log = page ? net_log_of(page) : NULL;
    struct net_entry *e = net_find(log, id);
    struct net_early x = { .kind = NET_EARLY_MOCKED };

    if (e)
        e->r.mocked = true;
    else if (log && id)
        net_early_keep(log, id, &x);
}

/* ---- the course of a request ---- */

static void end_entry(struct browser *b, struct net_log *log, struct net_entry *e,
                      double now)
{
    if (e->r.over)
        return;
    e->r.over = true;
    e->r.timing.end = now > e->sent ? (now - e->sent) * 1000 : 0;
    net_count(log, e);
    har_ended(b, e);
}

static void redirected(struct browser *b, struct net_log *log, struct net_entry *e,
                       yyjson_val *params)
{
    yyjson_val *response = yyjson_obj_get(params, "redirectResponse");
    double now = number(params, "timestamp", e->sent);

    read_response(log, e, response, now);
    if (!json_bool(params, "redirectHasExtraInfo", false))
        e->extra_request = e->extra_response = true;
    e->r.redirected = true;
    e->r.encoded = e->r.decoded = 0;
    end_entry(b, log, e, now);
}

static bool is_main(const struct page *page, yyjson_val *params, const char *id)
{
    const char *type = json_str(params, "type"), *frame = json_str(params, "frameId");
    const char *loader = json_str(params, "loaderId");

    return type && frame && loader && !strcmp(type, "Document") && !strcmp(id, loader) &&
           !strcmp(frame, page->target);
}

static void fill(struct net_entry *e, struct page *page, yyjson_val *params)
{
    yyjson_val *request = yyjson_obj_get(params, "request");
    double wall = number(params, "wallTime", 0);

    e->sent = number(params, "timestamp", 0);
    e->r.wall_ms = wall > 0 ? (int64_t)(wall * 1000) : clock_wall_ms();
    COPY(e->r.method, json_str(request, "method"));
    copy_lower(e->r.type, sizeof(e->r.type), json_str(params, "type"));
    if (!*e->r.type)
        COPY(e->r.type, "other");
    net_headers_read(&e->r.request, yyjson_obj_get(request, "headers"));
    read_post(&e->r, request);
    read_initiator(&e->r, yyjson_obj_get(params, "initiator"));
    e->r.main_document = is_main(page, params, e->id);
}

static void will_be_sent(struct browser *b, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "requestId"), *document = json_str(params, "documentURL");
    const char *url = json_str(yyjson_obj_get(params, "request"), "url");
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);
    struct page *page = net_page(b, s, document);
    bool again = yyjson_is_obj(yyjson_obj_get(params, "redirectResponse"));

    if (!page || !id || !*id || strlen(id) >= NET_ID || !url || !strncmp(url, "data:", 5))
        return;
    if (e && !e->r.over && again)
        redirected(b, log, e, params);
    else if (e && !e->r.over)
        return; /* told twice */
    if (!e)
        log = net_log_of(page);
    e = log ? net_add(log, id, s->id, url) : NULL;
    if (!e)
        return;
    fill(e, page, params);
    net_count(log, e);
    take_early(log, e);
    har_began(b, page, e);
}

static void response_received(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);

    if (!e || e->r.over)
        return;
    if (*s->id)
        COPY(e->session, s->id);
    if (!json_bool(params, "hasExtraInfo", false))
        e->extra_request = e->extra_response = true;
    read_response(log, e, yyjson_obj_get(params, "response"), number(params, "timestamp", e->sent));
}

static void data_received(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);

    if (e)
        e->r.decoded = (e->r.decoded < 0 ? 0 : e->r.decoded) + json_int(params, "dataLength", 0);
}

static void from_memory(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);

    if (e)
        e->r.from_cache = true;
}

static void finished(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);

    if (!e)
        return;
    double encoded = number(params, "encodedDataLength", 0) - (double)e->head_bytes;
    COPY(e->session, s->id);
    e->r.encoded = encoded > 0 ? (int64_t)encoded : 0;
    if (e->r.decoded < 0)
        e->r.decoded = 0;
    end_entry(b, log, e, number(params, "timestamp", e->sent));
}

static void failed(struct browser *b, struct session *s, yyjson_val *params)
{
    const char *why = json_str(params, "blockedReason"), *error = json_str(params, "errorText");
    const char *cors = json_str(yyjson_obj_get(params, "corsErrorStatus"), "corsError");
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);

    if (!e || e->r.over)
        return;
    why = cors ? cors : why;
    e->r.failed = true;
    snprintf(e->r.failure, sizeof(e->r.failure), "%.80s%s%.60s%s",
             error && *error ? error : "it failed", why ? " (" : "", why ? why : "",
             why ? ")" : "");
    end_entry(b, log, e, number(params, "timestamp", e->sent));
}

static void milestone(struct browser *b, struct session *s, yyjson_val *params, bool load)
{
    if (s && s->page && !strcmp(s->page->session, s->id))
        har_milestone(b, s->page, load, number(params, "timestamp", 0));
}

static void dom_ready(struct browser *b, struct session *s, yyjson_val *params)
{
    milestone(b, s, params, false);
}

static void loaded(struct browser *b, struct session *s, yyjson_val *params)
{
    milestone(b, s, params, true);
}

const struct page_event_row network_events[] = {
    { "Network.requestWillBeSent", will_be_sent },
    { "Network.requestWillBeSentExtraInfo", request_extra },
    { "Network.responseReceived", response_received },
    { "Network.responseReceivedExtraInfo", response_extra },
    { "Network.dataReceived", data_received },
    { "Network.loadingFinished", finished },
    { "Network.loadingFailed", failed },
    { "Network.requestServedFromCache", from_memory },
    { "Page.domContentEventFired", dom_ready },
    { "Page.loadEventFired", loaded },
    { NULL, NULL },
};
