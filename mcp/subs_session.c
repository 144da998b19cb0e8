#include "mcp/subs_parts.h"

#include <string.h>

int server_conn_outlet(struct server_conn *conn, struct reply_sink *outlet, struct err *err)
{
    struct server_sub *sub = sub_new(conn, outlet, false);
    const char *why;

    if (!sub)
        return err_oom(err);
    why = subs_enter(sub);
    if (why) {
        sub_unref(sub);
        return err_set(err, ERR_BUSY, "%s", why);
    }
    atomic_fetch_add(&sub->refs, 1);
    conn->session = sub;
    return 0;
}

void subs_session_ready(struct server_conn *conn)
{
    struct subs *s = conn->srv->subs;

    if (!conn->session)
        return;
    pthread_mutex_lock(&s->lock);
    conn->session->lists = conn->srv->list_changed;
    pthread_mutex_unlock(&s->lock);
}

/* ---- resources/subscribe ---- */

/* Lock held. */
static size_t find(const struct server_sub *sub, const char *uri)
{
    uint32_t hash = watch_hash(uri);
    size_t i = 0;

    while (i < sub->uri_count && (sub->uris[i]->hash != hash || strcmp(sub->uris[i]->uri, uri)))
        i++;
    return i;
}

/* Lock held. Takes the reference when it returns 0; 1: it is there already. */
static int keep(struct server_sub *sub, struct watched *w, struct err *err)
{
    size_t bytes = sub->bytes + strlen(w->uri);
    struct watched **grown;

    if (sub->over)
        return err_set(err, ERR_CANCELLED, "the session is over");
    if (find(sub, w->uri) < sub->uri_count)
        return 1;
    if (sub->uri_count >= SUB_URIS_MAX || bytes > SUB_BYTES_MAX)
        return err_set(err, ERR_QUOTA, "this session has subscribed to too much already");
    grown = realloc(sub->uris, (sub->uri_count + 1) * sizeof(struct watched *));
    if (!grown)
        return err_oom(err);
    grown[sub->uri_count++] = w;
    sub->uris = grown;
    sub->bytes = bytes;
    return 0;
}

static int subscribe(struct server_call *c, struct err *err)
{
    struct server_conn *conn = c->conn;
    struct subs *s = conn->srv->subs;
    struct caller who = {
        .principal = conn->principal,
        .sandbox = conn->sandbox,
        .scopes = conn->scopes,
    };
    const char *uri = json_str(c->params, "uri");
    struct watched *w = watch_acquire(conn->srv, &who, uri, err);
    int r;

    if (!w)
        return -1;
    pthread_mutex_lock(&s->lock);
    r = keep(conn->session, w, err);
    pthread_mutex_unlock(&s->lock);
    if (r)
        watch_release(conn->srv, w);
    return r < 0 ? -1 : 0;
}

/* Whose resource it is and whether there is one are the same answer. */
static int write_subscribe(struct server_call *c, const struct err *failed, struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(65536);
    struct jw w = JW(&data, err);
    const char *uri = json_str(c->params, "uri");

    buf_clear(&c->out);
    if (!failed)
        return buf_addf(&c->out, err, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", c->id.data);
    if (failed->code != ERR_NOT_FOUND && failed->code != ERR_DENIED && failed->code != ERR_GONE)
        return rpc_add_error(&c->out, c->id.data,
                             failed->code == ERR_INVALID ? RPC_PARAMS : RPC_INTERNAL, failed->msg,
                             NULL, err);
    jw_obj(&w);
    jw_kstr(&w, "uri", uri);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    return rpc_add_error(&c->out, c->id.data, c->revision->no_resource, "Resource not found",
                         data.data, err);
}

static const struct work work = { .run = subscribe, .write = write_subscribe };

/* NULL after an answer was given. */
static const char *uri_of(struct inbound *in)
{
    yyjson_val *uri = yyjson_obj_get(in->msg.params, "uri");

    if (!in->srv->watch || !in->conn->session)
        methods_unknown(in);
    else if (!yyjson_is_str(uri) || !watch_uri_valid(yyjson_get_str(uri), yyjson_get_len(uri)))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.uri must be a URI");
    else
        return yyjson_get_str(uri);
    return NULL;
}

void resources_subscribe(struct inbound *in)
{
    if (uri_of(in))
        worker_start(in, &work, NULL);
}

void resources_unsubscribe(struct inbound *in)
{
    static const char tail[] = ",\"result\":{}}";
    struct subs *s = in->srv->subs;
    struct server_sub *sub = in->conn->session;
    const char *uri = uri_of(in);
    struct watched *gone = NULL;
    size_t i;

    if (!uri)
        return;
    pthread_mutex_lock(&s->lock);
    i = find(sub, uri);
    if (i < sub->uri_count) {
        gone = sub->uris[i];
        sub->uris[i] = sub->uris[--sub->uri_count];
        sub->bytes -= strlen(uri);
    }
    pthread_mutex_unlock(&s->lock);
    if (gone)
        watch_release(in->srv, gone);
    reply_tail(in, tail, sizeof(tail) - 1);
}
