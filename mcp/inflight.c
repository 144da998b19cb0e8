#include "base/clock.h"
#include "mcp/asking.h"
#include "mcp/router.h"

#include <string.h>

/* Lock held. */
static struct server_call *take_spare(struct server *srv)
{
    struct server_call *c;

    if (list_empty(&srv->spare))
        return NULL;
    c = list_of(srv->spare.next, struct server_call, link);
    list_remove(&c->link);
    srv->spares--;
    return c;
}

static void call_free(struct server_call *c)
{
    buf_done(&c->tool.content);
    buf_done(&c->tool.structured);
    buf_done(&c->tool.meta);
    buf_done(&c->id);
    buf_done(&c->token);
    buf_done(&c->out);
    free(c->args);
    call_done(&c->call);
    free(c);
}

static struct server_call *call_new(struct err *err)
{
    struct server_call *c = calloc(1, sizeof(*c));

    if (!c) {
        err_oom(err);
        return NULL;
    }
    if (call_init(&c->call, err)) {
        free(c);
        return NULL;
    }
    buf_init(&c->tool.content, TOOL_RESULT_MAX);
    buf_init(&c->tool.structured, TOOL_RESULT_MAX);
    buf_init(&c->tool.meta, TOOL_RESULT_MAX);
    buf_init(&c->id, 6 * RPC_ID_MAX + 2);
    buf_init(&c->token, 6 * RPC_ID_MAX + 2);
    buf_init(&c->out, SERVER_REPLY_MAX);
    return c;
}

/* Small memory is kept for the next call. */
static void buf_empty(struct buf *b)
{
    if (b->cap > SPARE_BYTES)
        buf_done(b);
    else
        buf_clear(b);
}

static void call_recycle(struct server_call *c)
{
    struct server_conn *conn = c->conn;
    struct server *srv = conn->srv;
    bool kept;

    yyjson_doc_free(c->doc);
    c->doc = NULL;
    asking_free(c->asking);
    c->asking = NULL;
    buf_empty(&c->tool.content);
    buf_empty(&c->tool.structured);
    buf_empty(&c->tool.meta);
    buf_empty(&c->out);
    buf_clear(&c->id);
    buf_clear(&c->token);
    call_reset(&c->call);
    pthread_mutex_lock(&srv->lock);
    kept = srv->spares < SPARE_CALLS && !srv->closing;
    if (kept) {
        list_append(&srv->spare, &c->link);
        srv->spares++;
    }
    pthread_mutex_unlock(&srv->lock);
    if (!kept)
        call_free(c);
    conn_unref(conn);
}

void server_call_unref(struct server_call *c)
{
    if (c && atomic_fetch_sub(&c->refs, 1) == 1)
        call_recycle(c);
}

void inflight_free_spares(struct server *srv)
{
    struct server_call *c;

    while ((c = take_spare(srv)))
        call_free(c);
}

/* Lock held. A cancelled call is not open any more: its id may come again. */
static struct server_call *find(struct server_conn *conn, const struct buf *id)
{
    list_each(link, &conn->calls)
    {
        struct server_call *c = list_of(link, struct server_call, link);
        if (c->id.len == id->len && !memcmp(c->id.data, id->data, id->len) &&
            call_state(&c->call) == CALL_RUNNING)
            return c;
    }
    return NULL;
}

static int fill(struct server_call *c, struct inbound *in, const struct work *work,
                const struct tool_def *def, yyjson_val *token, struct err *err)
{
    struct server *srv = in->srv;

    atomic_store(&c->refs, 2);
    c->conn = in->conn;
    c->sink = in->sink;
    c->revision = in->revision;
    c->work = work;
    c->task = NULL;
    c->params = in->msg.params;
    c->method = in->msg.method;
    c->ask_way = NULL;
    c->log_from = c->logged = 0;
    c->progress = -1;
    c->call.id = atomic_fetch_add(&srv->last_call, 1) + 1;
    c->call.started_ms = c->progress_ms = clock_ms();
    c->call.deadline_ms = c->call.started_ms + CALL_MAX_MS;
    c->call.progress = token ? progress_send : NULL;
    c->tool.call = &c->call;
    c->tool.def = def;
    c->tool.view = in->view;
    if (!in->view && view_narrow(srv, in->conn->view, in->scopes, &c->tool.view, err))
        return -1;
    c->tool.client = in->client;
    c->tool.principal = in->conn->principal;
    c->tool.sandbox = in->conn->sandbox;
    c->tool.context = srv->tools_context;
    c->tool.has_image = false;
    origin_read(in, &c->tool.origin);
    c->tool.no_audio = !in->revision->audio;
    c->tool.no_links = !in->revision->links;
    if (rpc_add_id(&c->id, in->msg.id, err))
        return -1;
    return token ? rpc_add_id(&c->token, token, err) : 0;
}

/* Why a call does not begin. */
struct denial {
    const char *why; /* NULL: it does */
    int code, http_status;
};

static const struct denial same_id = { RPC_ID_TAKEN, RPC_REQUEST_SHAPE, 400 };

/* Lock held. */
static struct denial enter(struct server_conn *conn, struct server_call *c, bool is_http)
{
    static const char busy[] = "busy: too many calls in flight; retry later",
                      share[] = "busy: too many calls of yours in flight; retry later";
    struct server *srv = conn->srv;

    if (srv->closing || conn->closed)
        return (struct denial){ "the server is stopping", RPC_INTERNAL, 200 };
    if (srv->load >= srv->max_calls) {
        refused(srv, REFUSED_BUSY);
        return (struct denial){ busy, RPC_INTERNAL, 200 };
    }
    if (is_http && conn->share->load >= srv->max_calls_per_principal) {
        refused(srv, REFUSED_PRINCIPAL);
        return (struct denial){ share, RPC_REFUSED, 429 };
    }
    if (find(conn, &c->id))
        return same_id;
    srv->load++;
    conn->share->load++;
    list_append(&conn->calls, &c->link);
    atomic_fetch_add(&conn->refs, 1);
    return (struct denial){ 0 };
}

struct server_call *inflight_start(struct inbound *in, const struct work *work,
                                   const struct tool_def *def, yyjson_val *token)
{
    struct server *srv = in->srv;
    struct err err = { 0 };
    struct denial denial = { 0 };
    struct server_call *c;

    pthread_mutex_lock(&srv->lock);
    c = take_spare(srv);
    pthread_mutex_unlock(&srv->lock);
    if (!c)
        c = call_new(&err);
    if (!c || fill(c, in, work, def, token, &err)) {
        denial = (struct denial){ err.msg, RPC_INTERNAL, 200 };
    } else if (subs_has(in->conn, &c->id)) {
        denial = same_id;
    } else {
        pthread_mutex_lock(&srv->lock);
        denial = enter(in->conn, c, in->facts->is_http);
        pthread_mutex_unlock(&srv->lock);
    }
    if (!denial.why) {
        c->doc = TAKE(in->doc);
        return c;
    }
    reply_error(in, denial.http_status, denial.code, NULL, "%s", denial.why);
    if (c)
        call_free(c);
    return NULL;
}

enum call_state inflight_end(struct server_call *c)
{
    struct server *srv = c->conn->srv;
    enum call_state state;

    pthread_mutex_lock(&srv->lock);
    list_remove(&c->link);
    c->conn->share->load--;
    if (!--srv->load)
        pthread_cond_broadcast(&srv->idle);
    state = call_state(&c->call);
    pthread_mutex_unlock(&srv->lock);
    return state;
}

bool inflight_has(struct server_conn *conn, const struct buf *id)
{
    bool found;

    pthread_mutex_lock(&conn->srv->lock);
    found = find(conn, id);
    pthread_mutex_unlock(&conn->srv->lock);
    return found;
}

void inflight_cancel(struct server_conn *conn, yyjson_val *id, unsigned scopes)
{
    AUTO(buf) struct buf text = BUF_MAX(6 * RPC_ID_MAX + 2);
    struct server_call *c;

    if (!rpc_is_id(id) || rpc_add_id(&text, id, NULL))
        return;
    pthread_mutex_lock(&conn->srv->lock);
    c = find(conn, &text);
    if (c && !(c->tool.def && view_scope(c->tool.def) & ~scopes))
        (void)call_end(&c->call, CALL_CANCELLED);
    pthread_mutex_unlock(&conn->srv->lock);
}

void inflight_end_all(struct server_conn *conn, enum call_state why)
{
    list_each(link, &conn->calls)(void)
        call_end(&list_of(link, struct server_call, link)->call, why);
}
