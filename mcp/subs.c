#include "mcp/subs_parts.h"

#include "base/log.h"

#include <string.h>

struct subs *subs_new(void)
{
    struct subs *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    list_init(&s->all);
    watches_init(&s->watches);
    return s;
}

void subs_free(struct subs *s)
{
    if (!s)
        return;
    watches_done(&s->watches);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- one subscriber ---- */

struct server_sub *sub_new(struct server_conn *conn, struct reply_sink *sink, bool listen)
{
    struct server_sub *sub = calloc(1, sizeof(*sub));

    if (!sub)
        return NULL;
    atomic_init(&sub->refs, 1);
    pthread_mutex_init(&sub->lock, NULL);
    buf_init(&sub->id, 6 * RPC_ID_MAX + 2);
    sub->srv = conn->srv;
    sub->conn = conn;
    sub->sink = sink;
    sub->listen = listen;
    if (listen)
        atomic_fetch_add(&conn->refs, 1);
    return sub;
}

static void sub_free(struct server_sub *sub)
{
    struct server_conn *conn = sub->listen ? sub->conn : NULL;

    pthread_mutex_destroy(&sub->lock);
    buf_done(&sub->id);
    free(sub->tasks);
    free(sub->wanted);
    free(sub);
    if (conn)
        conn_unref(conn);
}

void sub_unref(struct server_sub *sub)
{
    if (atomic_fetch_sub(&sub->refs, 1) == 1)
        sub_free(sub);
}

void server_sub_unref(struct server_sub *sub)
{
    if (sub)
        sub_unref(sub);
}

static bool has_id(const struct server_sub *sub, const struct server_conn *conn,
                   const struct buf *id)
{
    return sub->listen && sub->conn == conn && sub->id.len == id->len &&
           !memcmp(sub->id.data, id->data, id->len);
}

bool subs_has(struct server_conn *conn, const struct buf *id)
{
    struct subs *s = conn->srv->subs;
    bool found = false;

    if (!atomic_load(&conn->listens))
        return false;
    pthread_mutex_lock(&s->lock);
    list_each(link, &s->all) found |= has_id(list_of(link, struct server_sub, link), conn, id);
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Lock held. */
static const char *no_room(const struct subs *s, const struct server_sub *sub)
{
    unsigned own = 0;

    if (s->closing)
        return "the server is stopping";
    if (!sub->listen)
        return NULL;
    if (s->listens >= LISTENS_MAX)
        return "busy: too many subscriptions are open";
    list_each(link, &s->all)
    {
        struct server_sub *other = list_of(link, struct server_sub, link);
        if (!other->listen)
            continue;
        own += !strcmp(other->conn->principal, sub->conn->principal);
        if (has_id(other, sub->conn, &sub->id))
            return RPC_ID_TAKEN;
    }
    return own < LISTENS_PER_PRINCIPAL ? NULL : "busy: you have too many subscriptions open";
}

const char *subs_enter(struct server_sub *sub)
{
    struct subs *s = sub->srv->subs;
    const char *why;

    pthread_mutex_lock(&s->lock);
    why = no_room(s, sub);
    if (!why) {
        sub->serial = ++s->serial;
        list_append(&s->all, &sub->link);
        s->listens += sub->listen;
        s->sessions += !sub->listen;
        atomic_fetch_add(&sub->conn->listens, sub->listen);
    }
    pthread_mutex_unlock(&s->lock);
    return why;
}

/* ---- its end ---- */

static int write_result(const struct server_sub *sub, struct buf *out)
{
    if (buf_addf(out, NULL,
                 "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"resultType\":\"complete\","
                 "\"_meta\":{",
                 sub->id.data) ||
        sub_add_meta(sub, out, NULL))
        return -1;
    return buf_addf(out, NULL, ",\"io.modelcontextprotocol/serverInfo\":%s}}}",
                    sub->srv->info.data);
}

/* On a connection of many requests the client is told that its request was ended, too. */
static void say_cancelled(const struct server_sub *sub, struct reply_sink *sink)
{
    AUTO(buf) struct buf out = BUF_MAX(16384);

    if (!buf_addf(&out, NULL,
                  "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":"
                  "{\"requestId\":%s,\"reason\":\"the server ends this subscription\"}}",
                  sub->id.data))
        sink->notify(sink, out.data, out.len);
}

/* Lock held. */
static void say_end(const struct server_sub *sub, struct reply_sink *sink, enum sub_end how)
{
    AUTO(buf) struct buf out = BUF_MAX(65536);

    if (how == SUB_RESULT && !sub->is_http)
        say_cancelled(sub, sink);
    if (how == SUB_RESULT && !write_result(sub, &out))
        sink->finish(sink, 200, out.data, out.len);
    else
        sink->finish(sink, 202, NULL, 0);
}

static void leave(struct server_sub *sub)
{
    struct subs *s = sub->srv->subs;
    struct watched **uris;
    size_t n;

    pthread_mutex_lock(&s->lock);
    sub->over = true;
    uris = TAKE(sub->uris);
    n = sub->uri_count;
    sub->uri_count = 0;
    list_remove(&sub->link);
    s->listens -= sub->listen;
    s->sessions -= !sub->listen;
    atomic_fetch_sub(&sub->conn->listens, sub->listen);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        watch_release(sub->srv, uris[i]);
    free(uris);
    sub_unref(sub);
}

void sub_end(struct server_sub *sub, enum sub_end how)
{
    struct reply_sink *sink;

    pthread_mutex_lock(&sub->lock);
    sink = TAKE(sub->sink);
    if (sink && sub->listen)
        say_end(sub, sink, how);
    pthread_mutex_unlock(&sub->lock);
    if (sink)
        leave(sub);
}

void server_sub_end(struct server_sub *sub, enum call_state why)
{
    sub_end(sub, why == CALL_SHUTDOWN ? SUB_RESULT : SUB_SILENT);
}

/* ---- the ends of others ---- */

/* A reference to the first one behind *after that belongs to conn (NULL: to anybody). */
static struct server_sub *next(struct subs *s, const struct server_conn *conn, uint64_t *after)
{
    struct server_sub *found = NULL;

    pthread_mutex_lock(&s->lock);
    list_each(link, &s->all)
    {
        struct server_sub *sub = list_of(link, struct server_sub, link);
        if (sub->serial <= *after || (conn && sub->conn != conn))
            continue;
        found = sub;
        atomic_fetch_add(&found->refs, 1);
        *after = found->serial;
        break;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void end_all(struct subs *s, const struct server_conn *conn)
{
    struct server_sub *sub;

    for (uint64_t after = 0; (sub = next(s, conn, &after)); sub_unref(sub))
        sub_end(sub, SUB_RESULT);
}

void subs_close(struct server *srv)
{
    pthread_mutex_lock(&srv->subs->lock);
    srv->subs->closing = true;
    pthread_mutex_unlock(&srv->subs->lock);
    watches_close(&srv->subs->watches);
    end_all(srv->subs, NULL);
}

void subs_conn_closed(struct server_conn *conn)
{
    if (conn->session || atomic_load(&conn->listens))
        end_all(conn->srv->subs, conn);
}

void subs_cancel(struct server_conn *conn, yyjson_val *id)
{
    AUTO(buf) struct buf text = BUF_MAX(6 * RPC_ID_MAX + 2);
    struct server_sub *sub;

    if (!atomic_load(&conn->listens) || !rpc_is_id(id) || rpc_add_id(&text, id, NULL))
        return;
    for (uint64_t after = 0; (sub = next(conn->srv->subs, conn, &after)); sub_unref(sub))
        if (has_id(sub, conn, &text))
            sub_end(sub, SUB_SILENT);
}

void server_streams(struct server *srv, struct server_streams *out)
{
    struct subs *s = srv->subs;

    pthread_mutex_lock(&s->watches.lock);
    out->watched = s->watches.count;
    pthread_mutex_unlock(&s->watches.lock);
    pthread_mutex_lock(&s->lock);
    out->listens = s->listens;
    out->sessions = s->sessions;
    out->slow = s->slow;
    out->lost = s->lost;
    pthread_mutex_unlock(&s->lock);
}
