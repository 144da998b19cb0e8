#include "backend/browser/net_log_state.h"

#include <stdlib.h>
#include <string.h>

uint64_t net_hash(const char *id)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; id && *id; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(1099511628211);
    return h ? h : 1;
}

/* ---- one request ---- */

static void strip(struct net_request *r)
{
    net_headers_done(&r->request);
    net_headers_done(&r->response);
    free(r->post);
    free(r->messages);
    r->post = NULL;
    r->messages = NULL;
    r->post_len = r->message_count = 0;
    r->stripped = true;
}

void net_request_done(struct net_request *r)
{
    strip(r);
    free(r->url);
    free(r->initiator_url);
    *r = (struct net_request){ 0 };
}

static char *copy_bytes(const char *data, size_t len, bool *failed)
{
    char *made = data ? malloc(len + 1) : NULL;

    if (made) {
        memcpy(made, data, len);
        made[len] = '\0';
    }
    *failed |= data && !made;
    return made;
}

int net_request_copy(struct net_request *out, const struct net_request *r, struct err *err)
{
    size_t messages = r->message_count * sizeof(*r->messages);
    bool failed = false;

    *out = *r;
    out->request.data = out->response.data = NULL;
    out->url = copy_bytes(r->url, strlen(r->url), &failed);
    out->initiator_url =
        copy_bytes(r->initiator_url, r->initiator_url ? strlen(r->initiator_url) : 0, &failed);
    out->post = copy_bytes(r->post, r->post_len, &failed);
    out->messages = (struct net_message *)copy_bytes((const char *)r->messages, messages, &failed);
    if (!failed && !net_headers_copy(&out->request, &r->request, err) &&
        !net_headers_copy(&out->response, &r->response, err))
        return 0;
    net_request_done(out);
    return err_oom(err);
}

struct net_entry *net_entry_ref(struct net_entry *e)
{
    atomic_fetch_add(&e->refs, 1);
    return e;
}

void net_entry_unref(struct net_entry *e)
{
    if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    har_body_free(e->body);
    net_request_done(&e->r);
    free(e);
}

/* ---- the log ---- */

struct net_log *net_log_of(struct page *page)
{
    if (!page->net_log) {
        page->net_log = calloc(1, sizeof(*page->net_log));
        if (page->net_log)
            page->net_log->first = page->net_log->next = page->net_log->detailed = 1;
    }
    return page->net_log;
}

static struct net_entry **slot(struct net_log *log, unsigned number)
{
    return &log->ring[number % NET_REQUESTS_MAX];
}

static void drop_first(struct net_log *log)
{
    struct net_entry **at = slot(log, log->first++), *e = *at;
    struct net_entry **link = &log->buckets[e->hash % NET_BUCKETS];

    while (*link && *link != e)
        link = &(*link)->next;
    if (*link)
        *link = e->next;
    e->next = NULL;
    log->bytes -= e->bytes;
    *at = NULL;
    net_entry_unref(e);
}

void net_log_free(struct net_log *log)
{
    if (!log)
        return;
    while (log->first != log->next)
        drop_first(log);
    for (size_t i = 0; i < NET_EARLY; i++)
        net_headers_done(&log->early[i].headers);
    free(log);
}

struct net_entry *net_by_number(struct net_log *log, unsigned number)
{
    return log && number >= log->first && number < log->next ? *slot(log, number) : NULL;
}

static struct net_entry *same(struct net_entry *e, uint64_t hash, const char *id)
{
    while (e && (e->hash != hash || strcmp(e->id, id)))
        e = e->next;
    return e;
}

struct net_entry *net_find(struct net_log *log, const char *id)
{
    uint64_t hash = net_hash(id);

    return log && id ? same(log->buckets[hash % NET_BUCKETS], hash, id) : NULL;
}

struct net_entry *net_find_older(const struct net_entry *e)
{
    return same(e->next, e->hash, e->id);
}

struct net_entry *net_add(struct net_log *log, const char *id, const char *session, const char *url)
{
    struct net_entry *e = calloc(1, sizeof(*e)), **bucket;
    size_t len = strlen(url), size = (len < NET_URL_MAX ? len : NET_URL_MAX) + 1;

    if (e)
        e->r.url = malloc(size);
    if (!e || !e->r.url) {
        free(e);
        return NULL;
    }
    copy_text(e->r.url, size, url);
    atomic_init(&e->refs, 1);
    e->hash = net_hash(id);
    COPY(e->id, id);
    COPY(e->session, session);
    e->r.encoded = e->r.decoded = -1;
    e->r.timing = (struct net_timing){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    if (log->next - log->first == NET_REQUESTS_MAX)
        drop_first(log);
    if (log->detailed < log->first)
        log->detailed = log->first;
    e->r.number = log->next++;
    *slot(log, e->r.number) = e;
    bucket = &log->buckets[e->hash % NET_BUCKETS];
    e->next = *bucket;
    *bucket = e;
    net_count(log, e);
    return e;
}

static size_t weigh(const struct net_request *r)
{
    return strlen(r->url) + r->request.len + r->response.len + r->post_len +
           r->message_count * sizeof(*r->messages) +
           (r->initiator_url ? strlen(r->initiator_url) : 0);
}

static void recount(struct net_log *log, struct net_entry *e)
{
    bool kept_by_others = e->refs > 1 && e->r.number < log->detailed;
    size_t now = kept_by_others ? strlen(e->r.url) : weigh(&e->r);

    log->bytes = log->bytes - e->bytes + now;
    e->bytes = now;
}

void net_count(struct net_log *log, struct net_entry *e)
{
    struct net_entry *old = net_by_number(log, e->r.number);

    if (old != e)
        return; /* it left the log and lives in a recording */
    recount(log, e);
    while (log->bytes > NET_LOG_BYTES && log->detailed + 1 < log->next) {
        old = net_by_number(log, log->detailed++);
        if (!old)
            continue;
        if (old->refs == 1)
            strip(&old->r);
        recount(log, old);
    }
    while (log->bytes > NET_LOG_BYTES && log->first + 1 < log->next)
        drop_first(log);
    if (log->detailed < log->first)
        log->detailed = log->first;
}

/* ---- what came too early ---- */

void net_early_keep(struct net_log *log, const char *id, struct net_early *what)
{
    struct net_early *at = &log->early[log->early_next++ % NET_EARLY];

    net_headers_done(&at->headers);
    *at = *what;
    at->hash = net_hash(id);
    *what = (struct net_early){ 0 };
}

bool net_early_take(struct net_log *log, const char *id, enum net_early_kind kind,
                    struct net_early *out)
{
    uint64_t hash = net_hash(id);

    for (unsigned i = 0; i < NET_EARLY; i++) { /* the oldest first */
        struct net_early *at = &log->early[(log->early_next + i) % NET_EARLY];
        if (at->hash != hash || at->kind != kind)
            continue;
        *out = *at;
        *at = (struct net_early){ 0 };
        return true;
    }
    return false;
}
