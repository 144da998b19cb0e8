#include "mcp/router.h"

#include <stdio.h>

struct batch_item {
    struct reply_sink sink;
    struct batch *batch;
    yyjson_val *id;
};

/*
 * An array of messages: each is routed by itself with a sink that collects, and the last
 * one to finish sends the array. The document lives until then.
 */
struct batch {
    struct reply_sink *parent;
    yyjson_doc *doc;
    pthread_mutex_t lock;
    struct buf out; /* lock */
    size_t left;    /* lock; the items, and one for the loop that starts them */
    struct batch_item items[];
};

static void batch_free(struct batch *b)
{
    yyjson_doc_free(b->doc);
    buf_done(&b->out);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Lock held. */
static int append(struct batch *b, const char *json, size_t len)
{
    size_t before = b->out.len;

    /* one byte stays for the closing bracket, and some for errors instead of answers */
    if (b->out.len + len + 2 > b->out.max - BATCH_MAX * 8192)
        return -1;
    if (buf_addc(&b->out, before ? ',' : '[', NULL) || buf_add(&b->out, json, len, NULL)) {
        b->out.len = before;
        return -1;
    }
    return 0;
}

static void append_too_large(struct batch *b, yyjson_val *id)
{
    AUTO(buf) struct buf text = BUF_MAX(6 * RPC_ID_MAX + 2);

    if (!id || rpc_add_id(&text, id, NULL) || buf_addc(&b->out, b->out.len ? ',' : '[', NULL) ||
        rpc_add_error(&b->out, text.data, RPC_INTERNAL,
                      "too_large: send this request outside of an array", NULL, NULL))
        return;
}

static void done(struct batch *b, struct batch_item *item, const char *json, size_t len)
{
    bool last;

    pthread_mutex_lock(&b->lock);
    if (json && append(b, json, len))
        append_too_large(b, item->id);
    last = --b->left == 0;
    pthread_mutex_unlock(&b->lock);
    if (!last)
        return;
    if (b->out.len && !buf_addc(&b->out, ']', NULL))
        b->parent->finish(b->parent, 200, b->out.data, b->out.len);
    else
        b->parent->finish(b->parent, 202, NULL, 0);
    batch_free(b);
}

static void item_finish(struct reply_sink *sink, int http_status UNUSED, const char *json,
                        size_t len)
{
    struct batch_item *item = list_of(sink, struct batch_item, sink);

    done(item->batch, item, json, len);
}

static void item_notify(struct reply_sink *sink, const char *json, size_t len)
{
    struct reply_sink *parent = list_of(sink, struct batch_item, sink)->batch->parent;

    parent->notify(parent, json, len);
}

static const char *refusal(const struct inbound *in, yyjson_val *root)
{
    const struct revision *rev = route_legacy_revision(in);
    yyjson_val *message;
    size_t i, n;

    if (!(in->facts->is_http ? rev->http_batch : rev->stdio_batch))
        return "this protocol revision has no arrays of messages";
    if (!yyjson_arr_size(root))
        return "the array is empty";
    if (yyjson_arr_size(root) > BATCH_MAX)
        return "the array holds more than 64 messages";
    yyjson_arr_foreach (root, i, n, message)
        if (yyjson_equals_str(yyjson_obj_get(message, "method"), "initialize"))
            return "initialize cannot be in an array";
    return NULL;
}

static struct batch *batch_new(struct inbound *in, size_t n)
{
    struct batch *b = calloc(1, sizeof(*b) + n * sizeof(b->items[0]));

    if (!b)
        return NULL;
    b->parent = in->sink;
    b->doc = TAKE(in->doc);
    b->left = n + 1;
    buf_init(&b->out, SERVER_REPLY_MAX);
    pthread_mutex_init(&b->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        b->items[i].sink.notify = item_notify;
        b->items[i].sink.finish = item_finish;
        b->items[i].batch = b;
    }
    return b;
}

/* An array is one request to the transport, which has asked for the first message only. */
static bool admitted(struct inbound *item)
{
    struct server *srv = item->srv;
    int64_t wait_ms = 0;

    if (srv->admit && item->facts->is_http && item->msg.kind == RPC_REQUEST)
        wait_ms = srv->admit(srv->hooks_context, item->conn->principal);
    if (!wait_ms)
        return true;
    refused(srv, REFUSED_RATE);
    reply_error(item, 429, RPC_REFUSED, NULL, "rate_limited: retry after %lld s",
                (long long)(wait_ms + 999) / 1000);
    return false;
}

void batch_handle(struct inbound *in, yyjson_val *root)
{
    const char *why = refusal(in, root);
    yyjson_val *message;
    struct batch *b;
    size_t i, n;

    if (why) {
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "Invalid request: %s", why);
        return;
    }
    if (in->facts->is_http && !in->facts->has_session) {
        reply_error(in, 400, RPC_REFUSED, NULL, "No session: send initialize first");
        return;
    }
    b = batch_new(in, yyjson_arr_size(root));
    if (!b) {
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
        return;
    }
    yyjson_arr_foreach (root, i, n, message) {
        struct server_call *call = NULL;
        struct inbound item = *in;
        item.doc = NULL;
        item.in_batch = true;
        item.sink = &b->items[i].sink;
        item.out_call = &call;
        rpc_read(message, &item.msg);
        b->items[i].id = item.msg.id;
        if (!i || admitted(&item))
            route_message(&item, message);
        if (call && in->out_call && !*in->out_call)
            *in->out_call = TAKE(call);
        server_call_unref(call);
    }
    done(b, NULL, NULL, 0);
}
