#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include "mcp/asking.h"

#include <string.h>

#define ID_PREFIX "ask-"
#define REASON_MAX 300 /* bytes of a client's error message */

/* ---- to the client ---- */

static void send(struct server_call *c, struct buf *out, struct jw *w)
{
    if (!jw_done(w))
        c->sink->notify(c->sink, out->data, out->len);
}

static void begin(struct jw *w, const char *method)
{
    jw_obj(w);
    jw_kstr(w, "jsonrpc", "2.0");
    jw_kstr(w, "method", method);
}

static void add_id(struct jw *w, const char *key, const struct ask_round *r, size_t i)
{
    char id[40];

    snprintf(id, sizeof(id), ID_PREFIX "%llu", (unsigned long long)(r->first_id + i));
    jw_kstr(w, key, id);
}

/* A URL is told apart by an id of its own, which the later era has not. */
static void add_params(struct jw *w, const struct ask_item *item)
{
    yyjson_val *params = yyjson_doc_get_root(item->params), *key, *value;
    char id[ID_SIZE];
    size_t i, n;

    jw_key(w, "params");
    jw_obj(w);
    yyjson_obj_foreach (params, i, n, key, value) {
        jw_key(w, yyjson_get_str(key));
        jw_val(w, value);
    }
    if (item->kind == ASK_URL && !yyjson_obj_get(params, "elicitationId")) {
        id_make("ask", id);
        jw_kstr(w, "elicitationId", id);
    }
    jw_end(w);
}

static void send_questions(struct server_call *c, const struct ask_round *r)
{
    for (size_t i = 0; i < r->count; i++) {
        AUTO(buf) struct buf out = BUF_MAX(2 * ASK_PARAMS_MAX);
        struct jw w = JW(&out, NULL);
        begin(&w, ask_method(r->items[i].kind));
        add_id(&w, "id", r, i);
        add_params(&w, &r->items[i]);
        jw_end(&w);
        send(c, &out, &w);
    }
}

/* Not in the connection's list any more: nothing changes in the round. */
static void withdraw(struct server_call *c, const struct ask_round *r)
{
    for (size_t i = 0; i < r->count; i++) {
        AUTO(buf) struct buf out = BUF_MAX(1024);
        struct jw w = JW(&out, NULL);
        if (r->items[i].answer || r->items[i].failed)
            continue;
        begin(&w, "notifications/cancelled");
        jw_key(&w, "params");
        jw_obj(&w);
        add_id(&w, "requestId", r, i);
        jw_kstr(&w, "reason", "the call that asked is over");
        jw_end(&w);
        jw_end(&w);
        send(c, &out, &w);
    }
}

/* ---- the table ---- */

static int enter(struct server_conn *conn, struct ask_round *r, struct err *err)
{
    size_t open = 0;

    pthread_mutex_lock(&conn->srv->lock);
    list_each(link, &conn->asked) open += list_of(link, struct ask_round, open)->count;
    if (open + r->count <= ASK_OPEN_MAX) {
        r->first_id = conn->last_ask + 1;
        conn->last_ask += r->count;
        list_append(&conn->asked, &r->open);
        open = 0;
    }
    pthread_mutex_unlock(&conn->srv->lock);
    if (!open)
        return 0;
    err_set(err, ERR_BUSY, "%zu questions wait for this client's user already", open);
    return err_next(err, "answer those first, then call again");
}

static void leave(struct server_conn *conn, struct ask_round *r)
{
    pthread_mutex_lock(&conn->srv->lock);
    list_remove(&r->open);
    pthread_mutex_unlock(&conn->srv->lock);
}

static int judge(const struct ask_round *r, struct err *err)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct ask_item *item = &r->items[i];
        if (ask_fits(item->kind, yyjson_doc_get_root(item->params), item->answer))
            continue;
        err_set(err, ERR_INVALID, "what the client answered to %s is not what was asked for",
                ask_method(item->kind));
        return err_next(err, "call again to be asked again");
    }
    return 0;
}

int ask_legacy(struct server_call *c, struct ask_round *r, struct err *err)
{
    int64_t began = clock_ms();
    int failed;

    r->needs = c->tool.def ? view_scope(c->tool.def) : SCOPE_READ;
    if (enter(c->conn, r, err))
        return -1;
    send_questions(c, r);
    failed = ask_round_wait(r, &c->call, began + ASK_WAIT_MS, err);
    leave(c->conn, r);
    if (c->call.deadline_ms)
        c->call.deadline_ms += clock_ms() - began;
    if (!failed)
        return judge(r, err);
    withdraw(c, r);
    return -1;
}

/* ---- from the client ---- */

static int read_id(yyjson_val *id, uint64_t *out)
{
    const char *text = yyjson_get_str(id);
    size_t n = sizeof(ID_PREFIX) - 1;
    char *end;

    if (!text || strncmp(text, ID_PREFIX, n) != 0 || text[n] < '1' || text[n] > '9')
        return -1;
    *out = strtoull(text + n, &end, 10);
    return *end || end > text + n + 18 ? -1 : 0;
}

static void read_error(yyjson_val *error, struct err *out)
{
    AUTO(buf) struct buf plain = BUF_MAX(REASON_MAX * 3);
    int64_t code = json_int(error, "code", 0);
    const char *message = json_str(error, "message");
    size_t len = message ? strlen(message) : 0;
    enum err_code kind = ERR_UNAVAILABLE;

    if (len > REASON_MAX)
        len = utf8_cut(message, REASON_MAX);
    if (text_add_plain(&plain, message ? message : "", len, NULL, NULL))
        buf_clear(&plain);
    if (code == RPC_NO_METHOD || code == RPC_REQUEST_SHAPE)
        kind = ERR_UNSUPPORTED;
    else if (code == -1)
        kind = ERR_DENIED;
    err_set(out, kind, "the client refused to ask its user (%lld): %s", (long long)code,
            buf_str(&plain));
}

/* Lock held. */
static struct ask_round *find(struct server_conn *conn, uint64_t id)
{
    list_each(link, &conn->asked)
    {
        struct ask_round *r = list_of(link, struct ask_round, open);
        if (id >= r->first_id && id - r->first_id < r->count)
            return r;
    }
    return NULL;
}

unsigned ask_response(struct server_conn *conn, yyjson_val *root, unsigned scopes)
{
    yyjson_val *result = yyjson_obj_get(root, "result");
    struct err refused = { 0 };
    yyjson_doc *doc = NULL;
    struct ask_round *r;
    unsigned lacks;
    uint64_t id;

    if (!conn || read_id(yyjson_obj_get(root, "id"), &id))
        return 0;
    if (result) {
        size_t len = 0;
        AUTO_FREE char *text = yyjson_val_write(result, 0, &len);
        doc = text ? json_parse(text, len, &refused) : NULL;
    } else {
        read_error(yyjson_obj_get(root, "error"), &refused);
    }
    if (!doc && !refused.code)
        err_oom(&refused);
    pthread_mutex_lock(&conn->srv->lock);
    r = find(conn, id);
    lacks = r ? r->needs & ~scopes : 0;
    if (r && !lacks)
        ask_round_put(r, (size_t)(id - r->first_id), TAKE(doc), &refused);
    pthread_mutex_unlock(&conn->srv->lock);
    yyjson_doc_free(doc);
    return lacks;
}
