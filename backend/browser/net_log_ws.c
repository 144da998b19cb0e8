#include "backend/browser/har_state.h"
#include "backend/browser/net_log_state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static struct net_entry *socket_of(struct browser *b, struct session *s, yyjson_val *params,
                                   struct net_log **log)
{
    struct page *page = net_page(b, s, NULL);
    struct net_entry *e;

    *log = page ? page->net_log : NULL;
    e = net_find(*log, json_str(params, "requestId"));
    return e && !e->r.over ? e : NULL;
}

static void created(struct browser *b, struct session *s, yyjson_val *params)
{
    const char *id = json_str(params, "requestId"), *url = json_str(params, "url");
    struct page *page = net_page(b, s, NULL);
    struct net_log *log = page ? net_log_of(page) : NULL;
    struct net_entry *e = NULL;

    if (log && id && *id && strlen(id) < NET_ID && url && !net_find(log, id))
        e = net_add(log, id, s->id, url);
    if (!e)
        return;
    COPY(e->r.method, "GET");
    COPY(e->r.type, "websocket");
    COPY(e->r.initiator, json_str(yyjson_obj_get(params, "initiator"), "type"));
    e->r.wall_ms = clock_wall_ms();
    e->r.encoded = e->r.decoded = 0;
    har_began(b, page, e);
}

static void handshake(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log;
    struct net_entry *e = socket_of(b, s, params, &log);

    if (!e)
        return;
    e->sent = net_number(params, "timestamp", 0);
    net_headers_read(&e->r.request, yyjson_obj_get(yyjson_obj_get(params, "request"), "headers"));
    net_count(log, e);
}

static void answered(struct browser *b, struct session *s, yyjson_val *params)
{
    yyjson_val *response = yyjson_obj_get(params, "response");
    struct net_log *log;
    struct net_entry *e = socket_of(b, s, params, &log);

    if (!e)
        return;
    e->r.status = (int)json_int(response, "status", 0);
    COPY(e->r.status_text, json_str(response, "statusText"));
    net_headers_read(&e->r.response, yyjson_obj_get(response, "headers"));
    if (yyjson_obj_get(response, "requestHeaders"))
        net_headers_read(&e->r.request, yyjson_obj_get(response, "requestHeaders"));
    e->r.timing.headers = (net_number(params, "timestamp", e->sent) - e->sent) * 1000;
    net_count(log, e);
}

static struct net_message *next_message(struct net_request *r)
{
    if (!r->messages)
        r->messages = calloc(NET_MESSAGES, sizeof(*r->messages));
    if (!r->messages)
        return NULL;
    if (r->message_count == NET_MESSAGES)
        memmove(r->messages, r->messages + 1, --r->message_count * sizeof(*r->messages));
    return &r->messages[r->message_count++];
}

static void message(struct browser *b, struct session *s, yyjson_val *params, bool sent)
{
    yyjson_val *frame = yyjson_obj_get(params, "response");
    yyjson_val *data = yyjson_obj_get(frame, "payloadData");
    bool binary = json_int(frame, "opcode", 1) == 2;
    struct net_log *log;
    struct net_entry *e = socket_of(b, s, params, &log);
    struct net_message *m;
    size_t len = yyjson_get_len(data);

    if (!e || !yyjson_is_str(data))
        return;
    len = binary ? len / 4 * 3 : len;
    *(sent ? &e->r.messages_sent : &e->r.messages_received) += 1;
    e->r.encoded += (int64_t)len;
    e->r.decoded += sent ? 0 : (int64_t)len;
    m = e->r.stripped ? NULL : next_message(&e->r);
    if (!m)
        return;
    m->sent = sent;
    m->binary = binary;
    m->size = len;
    COPY(m->text, yyjson_get_str(data));
    net_count(log, e);
}

static void message_sent(struct browser *b, struct session *s, yyjson_val *params)
{
    message(b, s, params, true);
}

static void message_received(struct browser *b, struct session *s, yyjson_val *params)
{
    message(b, s, params, false);
}

static void broken(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log;
    struct net_entry *e = socket_of(b, s, params, &log);

    if (!e)
        return;
    e->r.failed = true;
    COPY(e->r.failure, json_str(params, "errorMessage"));
}

static void closed(struct browser *b, struct session *s, yyjson_val *params)
{
    struct net_log *log;
    struct net_entry *e = socket_of(b, s, params, &log);

    if (!e)
        return;
    e->r.over = true;
    e->r.timing.end = (net_number(params, "timestamp", e->sent) - e->sent) * 1000;
    har_ended(b, e);
}

const struct page_event_row websocket_events[] = {
    { "Network.webSocketCreated", created },
    { "Network.webSocketWillSendHandshakeRequest", handshake },
    { "Network.webSocketHandshakeResponseReceived", answered },
    { "Network.webSocketFrameSent", message_sent },
    { "Network.webSocketFrameReceived", message_received },
    { "Network.webSocketFrameError", broken },
    { "Network.webSocketClosed", closed },
    { NULL, NULL },
};
