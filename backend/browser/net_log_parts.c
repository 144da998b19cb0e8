#include "backend/browser/net_log_state.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

double net_number(yyjson_val *object, const char *key, double otherwise)
{
    yyjson_val *v = yyjson_obj_get(object, key);

    return yyjson_is_num(v) ? yyjson_get_num(v) : otherwise;
}

static void copy_lower(char *out, size_t size, const char *text)
{
    copy_text(out, size, text);
    for (; *out; out++)
        *out = (char)tolower((unsigned char)*out);
}

static void read_initiator(struct net_request *r, yyjson_val *from)
{
    yyjson_val *frame =
        yyjson_arr_get_first(yyjson_obj_get(yyjson_obj_get(from, "stack"), "callFrames"));
    const char *url = json_str(from, "url");

    COPY(r->initiator, json_str(from, "type"));
    url = url && *url ? url : json_str(frame, "url");
    if (url && *url)
        r->initiator_url = keep_url(r->initiator_url, url);
}

static void read_post(struct net_request *r, yyjson_val *request)
{
    yyjson_val *data = yyjson_obj_get(request, "postData");
    size_t len = yyjson_get_len(data);

    r->has_post = json_bool(request, "hasPostData", false) || yyjson_is_str(data);
    if (!yyjson_is_str(data) || len > NET_POST_MAX)
        return;
    r->post = malloc(len + 1);
    if (!r->post)
        return;
    memcpy(r->post, yyjson_get_str(data), len);
    r->post[len] = '\0';
    r->post_len = len;
}

static double after(double base_ms, yyjson_val *timing, const char *key)
{
    double v = net_number(timing, key, -1);

    return v < 0 ? -1 : base_ms + v;
}

static void read_timing(struct net_entry *e, yyjson_val *t)
{
    double base = (net_number(t, "requestTime", e->sent) - e->sent) * 1000;

    base = base > 0 ? base : 0;
    e->r.timing = (struct net_timing){
        .blocked = base,
        .dns_start = after(base, t, "dnsStart"),
        .dns_end = after(base, t, "dnsEnd"),
        .connect_start = after(base, t, "connectStart"),
        .connect_end = after(base, t, "connectEnd"),
        .ssl_start = after(base, t, "sslStart"),
        .ssl_end = after(base, t, "sslEnd"),
        .send_start = after(base, t, "sendStart"),
        .send_end = after(base, t, "sendEnd"),
        .headers = after(base, t, "receiveHeadersEnd"),
        .end = -1,
    };
}

static void read_address(struct net_request *r, yyjson_val *response)
{
    const char *ip = json_str(response, "remoteIPAddress");
    int64_t port = json_int(response, "remotePort", 0);

    if (ip && *ip)
        snprintf(r->address, sizeof(r->address), "%.48s:%d", ip, (int)port);
}

void net_read_response(struct net_log *log, struct net_entry *e, yyjson_val *response, double now)
{
    struct net_request *r = &e->r;
    yyjson_val *timing = yyjson_obj_get(response, "timing");

    if (!r->response.real || !r->status)
        r->status = (int)json_int(response, "status", 0);
    if (r->status == json_int(response, "status", 0))
        COPY(r->status_text, json_str(response, "statusText"));
    if (!r->response.real)
        net_headers_read(&r->response, yyjson_obj_get(response, "headers"));
    if (!r->request.real && yyjson_obj_get(response, "requestHeaders"))
        net_headers_read(&r->request, yyjson_obj_get(response, "requestHeaders"));
    COPY(r->mime, json_str(response, "mimeType"));
    COPY(r->charset, json_str(response, "charset"));
    COPY(r->protocol, json_str(response, "protocol"));
    read_address(r, response);
    r->from_cache |= json_bool(response, "fromDiskCache", false) ||
                     json_bool(response, "fromPrefetchCache", false);
    r->from_worker |= json_bool(response, "fromServiceWorker", false);
    e->head_bytes = json_int(response, "encodedDataLength", 0);
    if (timing)
        read_timing(e, timing);
    else
        r->timing.headers = now > e->sent ? (now - e->sent) * 1000 : 0;
    net_count(log, e);
}

void net_read_request(struct net_entry *e, yyjson_val *params)
{
    yyjson_val *request = yyjson_obj_get(params, "request");
    double wall = net_number(params, "wallTime", 0);

    e->sent = net_number(params, "timestamp", 0);
    e->r.wall_ms = wall > 0 ? (int64_t)(wall * 1000) : clock_wall_ms();
    COPY(e->r.method, json_str(request, "method"));
    copy_lower(e->r.type, sizeof(e->r.type), json_str(params, "type"));
    if (!*e->r.type)
        COPY(e->r.type, "other");
    net_headers_read(&e->r.request, yyjson_obj_get(request, "headers"));
    read_post(&e->r, request);
    read_initiator(&e->r, yyjson_obj_get(params, "initiator"));
}
