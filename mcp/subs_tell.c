#include "mcp/subs_parts.h"

#include "base/log.h"

#include <string.h>

#define AT_ONCE 32

enum kind { LISTED, UPDATED, TASK };

struct event {
    enum kind kind;
    enum server_list list;
    const char *principal;   /* NULL: everyone */
    const char *key;         /* URI or task id */
    const struct caller *in; /* whose sandbox; NULL any */
    uint32_t hash;
    const char *method;
    const char *members; /* of params, comma-separated, without braces; may be empty */
    size_t members_len;
};

/* ---- who ---- */

/* Lock held, as for the next two. */
static bool has_uri(const struct server_sub *sub, const struct event *e)
{
    for (size_t i = 0; i < sub->uri_count; i++)
        if (sub->uris[i]->hash == e->hash && !strcmp(sub->uris[i]->uri, e->key))
            return true;
    return false;
}

static bool has_task(const struct server_sub *sub, const struct event *e)
{
    const char *at = sub->tasks;

    for (size_t i = 0; sub->hears_tasks && i < sub->task_count; i++, at += strlen(at) + 1)
        if (!strcmp(at, e->key))
            return true;
    return false;
}

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool concerns(const struct server_sub *sub, const struct event *e)
{
    if (e->principal && strcmp(e->principal, sub->conn->principal))
        return false;
    if (e->in && !same(e->in->sandbox, sub->conn->sandbox))
        return false;
    if (e->kind == LISTED)
        return sub->lists & 1u << e->list;
    return e->kind == UPDATED ? has_uri(sub, e) : has_task(sub, e);
}

/* References to some that come behind *after. */
static size_t collect(struct subs *s, const struct event *e, uint64_t *after,
                      struct server_sub *out[AT_ONCE])
{
    size_t n = 0;

    pthread_mutex_lock(&s->lock);
    list_each(link, &s->all)
    {
        struct server_sub *sub = list_of(link, struct server_sub, link);
        if (sub->serial <= *after || !concerns(sub, e))
            continue;
        atomic_fetch_add(&sub->refs, 1);
        *after = sub->serial;
        out[n++] = sub;
        if (n == AT_ONCE)
            break;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- what ---- */

int sub_add_meta(const struct server_sub *sub, struct buf *out, struct err *err)
{
    return buf_addf(out, err, "\"io.modelcontextprotocol/subscriptionId\":%s", sub->id.data);
}

static int write_event(const struct server_sub *sub, const struct event *e, struct buf *out)
{
    buf_clear(out);
    if (buf_addf(out, NULL, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\"", e->method))
        return -1;
    if (!sub->listen && !e->members_len)
        return buf_addc(out, '}', NULL);
    if (buf_adds(out, ",\"params\":{", NULL))
        return -1;
    if (sub->listen && (buf_adds(out, "\"_meta\":{", NULL) || sub_add_meta(sub, out, NULL) ||
                        buf_adds(out, e->members_len ? "}," : "}", NULL)))
        return -1;
    return buf_add(out, e->members, e->members_len, NULL) || buf_adds(out, "}}", NULL) ? -1 : 0;
}

/* False: its queue is full. */
static bool offer(struct server_sub *sub, const char *json, size_t len)
{
    struct reply_sink *sink;
    bool taken = true;

    pthread_mutex_lock(&sub->lock);
    sink = sub->sink;
    if (sink && sink->offer)
        taken = sink->offer(sink, json, len);
    else if (sink)
        sink->notify(sink, json, len);
    pthread_mutex_unlock(&sub->lock);
    return taken;
}

static void tell_one(struct subs *s, struct server_sub *sub, const struct event *e, struct buf *out)
{
    if (!write_event(sub, e, out) && offer(sub, out->data, out->len))
        return;
    pthread_mutex_lock(&s->lock);
    s->slow += sub->listen;
    s->lost += !sub->listen;
    pthread_mutex_unlock(&s->lock);
    if (sub->listen)
        sub_end(sub, SUB_RESULT);
}

static void tell(struct server *srv, const struct event *e)
{
    AUTO(buf) struct buf out = BUF_MAX(SERVER_REPLY_MAX + 131072);
    struct server_sub *some[AT_ONCE];
    uint64_t after = 0;
    size_t n;

    do {
        n = collect(srv->subs, e, &after, some);
        for (size_t i = 0; i < n; i++) {
            tell_one(srv->subs, some[i], e, &out);
            sub_unref(some[i]);
        }
    } while (n == AT_ONCE);
}

/* ---- for everybody else ---- */

void server_list_changed(struct server *srv, enum server_list list)
{
    static const char *const methods[] = {
        [LIST_TOOLS] = "tools/list_changed",
        [LIST_PROMPTS] = "prompts/list_changed",
        [LIST_RESOURCES] = "resources/list_changed",
    };

    if (srv->list_changed & 1u << list)
        tell(srv, &(struct event){ .kind = LISTED, .list = list, .method = methods[list] });
}

static void updated(struct server *srv, const char *principal, const struct caller *in,
                    const char *uri)
{
    AUTO(buf) struct buf members = BUF_MAX(65536);
    struct jw w = JW(&members, NULL);

    jw_kstr(&w, "uri", uri);
    if (jw_done(&w))
        return;
    tell(srv, &(struct event){
                  .kind = UPDATED,
                  .principal = principal,
                  .in = in,
                  .key = uri,
                  .hash = watch_hash(uri),
                  .method = "resources/updated",
                  .members = members.data,
                  .members_len = members.len,
              });
}

void server_resource_updated(struct server *srv, const char *principal, const char *uri)
{
    updated(srv, principal, NULL, uri);
}

void server_resource_updated_in(struct server *srv, const struct caller *who, const char *uri)
{
    updated(srv, who->principal, who, uri);
}

void subs_task_changed(struct server *srv, const char *principal, const char *task_id,
                       const char *detailed_task_json, size_t len)
{
    if (len >= 2)
        tell(srv, &(struct event){
                      .kind = TASK,
                      .principal = principal,
                      .key = task_id,
                      .method = "tasks",
                      .members = detailed_task_json + 1,
                      .members_len = len - 2,
                  });
}
