#include "mcp/once.h"
#include "mcp/router.h"
#include "mcp/subs_parts.h"
#include "mcp/tasks.h"
#include "mcp/view_parts.h"

#include <string.h>

static void server_unref(struct server *srv)
{
    if (atomic_fetch_sub(&srv->refs, 1) != 1)
        return;
    inflight_free_spares(srv);
    once_free(srv->once);
    lists_done(srv);
    subs_free(srv->subs);
    pthread_cond_destroy(&srv->idle);
    pthread_mutex_destroy(&srv->lock);
    free(srv);
}

int server_new(const struct server_config *config, struct server **out, struct err *err)
{
    struct server *srv = calloc(1, sizeof(*srv));

    if (!srv)
        return err_oom(err);
    atomic_init(&srv->refs, 1);
    srv->max_calls = config->max_calls;
    srv->can = config->can;
    srv->tools_context = config->tools_context;
    srv->list_changed = config->list_changed;
    srv->watch = config->watch;
    srv->subs = subs_new();
    srv->finished = config->finished;
    srv->resources = config->resources;
    srv->prompts = config->prompts;
    srv->page_size = config->page_size ? config->page_size : RESOURCE_PAGE;
    if (config->key)
        srv->key = *config->key;
    else
        sealed_key_random(&srv->key);
    srv->logging = config->logging;
    srv->before = config->before;
    srv->tap = config->tap;
    srv->admit = config->admit;
    srv->hooks_context = config->hooks_context;
    srv->max_calls_per_principal = config->max_calls_per_principal ?: config->max_calls;
    srv->traces = config->traces;
    srv->digests = config->digests;
    pthread_mutex_init(&srv->lock, NULL);
    pthread_cond_init(&srv->idle, NULL);
    list_init(&srv->conns);
    list_init(&srv->spare);
    if (!srv->subs) {
        server_unref(srv);
        return err_oom(err);
    }
    if (once_new(&srv->once, err) || lists_make(srv, config, err) ||
        (config->tasks && tasks_open(srv, config->tasks, &srv->tasks, err)) ||
        pool_new(config->max_calls, config->max_calls, &srv->pool, err)) {
        tasks_free(TAKE(srv->tasks));
        server_unref(srv);
        return -1;
    }
    *out = srv;
    return 0;
}

void server_free(struct server *srv)
{
    if (!srv)
        return;
    subs_close(srv);
    pthread_mutex_lock(&srv->lock);
    srv->closing = true;
    list_each(link, &srv->conns)
        inflight_end_all(list_of(link, struct server_conn, link), CALL_SHUTDOWN);
    pthread_mutex_unlock(&srv->lock);
    tasks_end(srv->tasks, NULL);
    pthread_mutex_lock(&srv->lock);
    while (srv->load)
        pthread_cond_wait(&srv->idle, &srv->lock);
    pthread_mutex_unlock(&srv->lock);
    pool_free(srv->pool);
    tasks_free(TAKE(srv->tasks));
    server_unref(srv);
}

/* ---- connections ---- */

static int copy(const char *s, char **out)
{
    *out = s ? strdup(s) : NULL;
    return s && !*out ? -1 : 0;
}

static void conn_free(struct server_conn *conn)
{
    server_sub_unref(conn->session);
    free(conn->principal);
    free(conn->sandbox);
    free(conn);
}

int server_conn_new(struct server *srv, const struct caller *caller, struct server_conn **out,
                    struct err *err)
{
    struct server_conn *conn = calloc(1, sizeof(*conn));

    if (!conn)
        return err_oom(err);
    if (copy(caller->principal, &conn->principal) || copy(caller->sandbox, &conn->sandbox)) {
        conn_free(conn);
        return err_oom(err);
    }
    atomic_init(&conn->refs, 1);
    list_init(&conn->calls);
    list_init(&conn->asked);
    conn->srv = srv;
    conn->view = caller->view ?: srv->views->whole;
    conn->scopes = caller->scopes;
    atomic_fetch_add(&srv->refs, 1);
    pthread_mutex_lock(&srv->lock);
    conn->share = share_get(srv, caller->principal);
    if (conn->share)
        list_append(&srv->conns, &conn->link);
    pthread_mutex_unlock(&srv->lock);
    if (!conn->share) {
        conn_unref(conn);
        return err_oom(err);
    }
    *out = conn;
    return 0;
}

void conn_unref(struct server_conn *conn)
{
    struct server *srv = conn->srv;

    if (atomic_fetch_sub(&conn->refs, 1) != 1)
        return;
    pthread_mutex_lock(&srv->lock);
    list_remove(&conn->link);
    share_put(srv, conn->share);
    pthread_mutex_unlock(&srv->lock);
    conn_free(conn);
    server_unref(srv);
}

void server_conn_close(struct server_conn *conn, enum call_state why)
{
    if (!conn)
        return;
    pthread_mutex_lock(&conn->srv->lock);
    conn->closed = true;
    inflight_end_all(conn, why);
    pthread_mutex_unlock(&conn->srv->lock);
    subs_conn_closed(conn);
    conn_unref(conn);
}

void server_conn_end_tasks(struct server_conn *conn)
{
    tasks_end(conn->srv->tasks, conn);
}

const struct tool_view *server_conn_view(const struct server_conn *conn)
{
    return conn->view;
}

const char *server_conn_sandbox(const struct server_conn *conn)
{
    return conn->sandbox;
}

const char *server_conn_version(const struct server_conn *conn)
{
    const struct revision *rev = atomic_load(&conn->revision);

    return rev ? rev->name : NULL;
}

/* ---- messages ---- */

void server_handle(struct server *srv, struct server_conn *conn, const char *text, size_t len,
                   const struct http_facts *facts, struct reply_sink *sink,
                   struct server_call **out_call)
{
    static const char not_json[] = "not JSON: "; /* json_parse(): syntax, not a refusal */
    static const struct http_facts none;
    struct err err = { 0 };
    struct inbound in = {
        .srv = srv,
        .conn = conn,
        .facts = facts ? facts : &none,
        .scopes = facts && facts->is_http ? facts->scopes : conn->scopes,
        .sink = sink,
        .out_call = out_call,
        .doc = json_parse(text, len, &err),
    };

    if (out_call)
        *out_call = NULL;
    if (!in.doc && !strncmp(err.msg, not_json, strlen(not_json)))
        reply_error(&in, 400, RPC_PARSE, NULL, "Parse error: %s", err.msg + strlen(not_json));
    else if (!in.doc)
        reply_error(&in, 400, RPC_REQUEST_SHAPE, NULL, "Invalid request: %s", err.msg);
    else if (yyjson_is_arr(yyjson_doc_get_root(in.doc)))
        batch_handle(&in, yyjson_doc_get_root(in.doc));
    else
        route_message(&in, yyjson_doc_get_root(in.doc));
    yyjson_doc_free(in.doc);
}

void server_reject(struct server *srv, struct server_conn *conn, const struct http_facts *facts,
                   int http_status, int code, const char *message, struct reply_sink *sink)
{
    static const struct http_facts none;
    struct inbound in = {
        .srv = srv,
        .conn = conn,
        .facts = facts ? facts : &none,
        .sink = sink,
    };

    reply_error(&in, http_status, code, NULL, "%s", message);
}

bool server_is_initialize(const char *text, size_t len)
{
    static const char word[] = "\"initialize\"";
    struct rpc_message msg;
    yyjson_doc *doc;
    bool is;

    if (!memmem(text, len, word, sizeof(word) - 1))
        return false;
    doc = json_parse(text, len, NULL);
    if (!doc)
        return false;
    rpc_read(yyjson_doc_get_root(doc), &msg);
    is = msg.kind == RPC_REQUEST && !route_claims_modern(&msg) && !strcmp(msg.method, "initialize");
    yyjson_doc_free(doc);
    return is;
}

unsigned server_load(struct server *srv)
{
    unsigned n;

    pthread_mutex_lock(&srv->lock);
    n = srv->load;
    pthread_mutex_unlock(&srv->lock);
    return n;
}

void server_stats(struct server *srv, struct server_stats *out)
{
    out->queued = pool_queued(srv->pool);
    out->in_flight = server_load(srv);
    for (int i = 0; i < REFUSED_COUNT; i++)
        out->refused[i] = atomic_load(&srv->refused[i]);
}

/* ---- calls in flight ---- */

bool server_call_streams(const struct server_call *call)
{
    bool logs = call->revision->modern && call->log_from && call->conn->srv->logging;

    return call->token.len > 0 || logs;
}

void tool_close_stream(struct tool_call *call)
{
    struct reply_sink *sink = list_of(call, struct server_call, tool)->sink;

    if (sink->detach)
        sink->detach(sink);
}

bool server_call_modern(const struct server_call *call)
{
    return call->revision->modern;
}

void server_call_end(struct server_call *call, enum call_state why)
{
    (void)call_end(&call->call, why);
}
