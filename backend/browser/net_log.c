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

void net_mocked(struct browser *b, struct session *s, const char *id, const char *url)
{
    struct page *page = net_page(b, s, NULL);
    struct net_log *log = page ? net_log_of(page) : NULL;
    struct net_entry *e = net_find(log, id);
    struct net_early x = { .kind = NET_EARLY_MOCKED };

    if (e && !strncmp(e->r.url, url, strcspn(e->r.url, "#")))
        e->r.mocked = true;
    else if (log && id) /* where a redirect leads is held up before it is told */
        net_early_keep(log, id, &x);
}

/* ---- the course of a request ---- */

static void end_entry(struct browser *b, struct net_log *log, struct net_entry *e, double now)
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
    double now = net_number(params, "timestamp", e->sent);

    net_read_response(log, e, response, now);
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

static void will_be_sent(struct browser *b, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "requestId"), *document = json_str(params, "documentURL");
    const char *url = json_str(yyjson_obj_get(params, "request"), "url");
    struct net_log *log = NULL;
    struct net_entry *e = known(b, s, params, &log);
    struct page *page = net_page(b, s, document);
    bool again = yyjson_is_obj(yyjson_obj_get(params, "redirectResponse"));

    if (!page || !id || !*id || strlen(id) >= NET_ID || !url || !strncmp(url, "data:", 5) ||
        request_is_icon(params))
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
    net_read_request(e, params);
    e->r.main_document = is_main(page, params, e->id);
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
    net_read_response(log, e, yyjson_obj_get(params, "response"),
                      net_number(params, "timestamp", e->sent));
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
    double encoded = net_number(params, "encodedDataLength", 0) - (double)e->head_bytes;
    COPY(e->session, s->id);
    e->r.encoded = encoded > 0 ? (int64_t)encoded : 0;
    if (e->r.decoded < 0)
        e->r.decoded = 0;
    end_entry(b, log, e, net_number(params, "timestamp", e->sent));
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
    end_entry(b, log, e, net_number(params, "timestamp", e->sent));
}

static void milestone(struct browser *b, struct session *s, yyjson_val *params, bool load)
{
    if (s && s->page && !strcmp(s->page->session, s->id))
        har_milestone(b, s->page, load, net_number(params, "timestamp", 0));
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
