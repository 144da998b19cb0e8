#include "transport/cors.h"
#include "transport/http_server.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define STREAM_BLOCK 1024 /* only for HTTP/1.0: chunks are made in the memory of the connection */

/* What is told to this request alone. */
static void add_headers(struct MHD_Response *response, const struct http_request *r)
{
    char text[24];

    if (*r->session_id)
        MHD_add_response_header(response, "Mcp-Session-Id", r->session_id);
    if (r->wait_ms) {
        snprintf(text, sizeof(text), "%lld", (long long)(r->wait_ms + 999) / 1000);
        MHD_add_response_header(response, "Retry-After", text);
    }
    if (r->origin) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", r->origin);
        MHD_add_response_header(response, "Access-Control-Expose-Headers", CORS_EXPOSE);
        MHD_add_response_header(response, "Vary", "Origin");
    }
}

static bool queue(struct MHD_Connection *c, struct http_request *r, struct MHD_Response *response)
{
    bool queued;

    if (!response)
        return false;
    add_headers(response, r);
    queued = MHD_queue_response(c, (unsigned)r->status, response) == MHD_YES;
    MHD_destroy_response(response);
    return queued;
}

static const char *refusal_body(const struct http_server *h, enum verdict verdict)
{
    const char *body = guard_refusal(verdict)->body;

    return verdict == VERDICT_METADATA ? buf_str(&h->core.metadata.document) : body ?: "";
}

static struct MHD_Response *make_refusal(const struct http_server *h, enum verdict verdict)
{
    const struct refusal *refusal = guard_refusal(verdict);
    const char *body = refusal_body(h, verdict);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), (void *)(size_t)body, MHD_RESPMEM_PERSISTENT);
    char challenge[CHALLENGE_MAX];

    if (!response)
        return NULL;
    if (*body)
        MHD_add_response_header(response, "Content-Type", "application/json");
    if (metadata_challenge(&h->core.metadata, verdict, challenge))
        MHD_add_response_header(response, "WWW-Authenticate", challenge);
    else if (refusal->header)
        MHD_add_response_header(response, refusal->header, refusal->value);
    if (verdict == VERDICT_STOPPING)
        MHD_add_response_header(response, "Connection", "close");
    return response;
}

static struct MHD_Response *make_empty(void)
{
    return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

bool answer_refusal(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    r->status = guard_refusal(r->verdict)->status;
    r->sent = strlen(refusal_body(h, r->verdict));
    if (r->origin || r->wait_ms)
        return queue(c, r, make_refusal(h, r->verdict));
    return MHD_queue_response(c, (unsigned)r->status, h->refusals[r->verdict]) == MHD_YES;
}

bool answer_empty(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    if (r->origin)
        return queue(c, r, make_empty());
    return MHD_queue_response(c, (unsigned)r->status, h->empty) == MHD_YES;
}

bool answer_preflight(struct http_server *h UNUSED, struct MHD_Connection *c,
                      struct http_request *r)
{
    struct MHD_Response *response = make_empty();
    char allowed[CORS_HEADERS_MAX];

    r->status = 204;
    if (response) {
        MHD_add_response_header(response, "Access-Control-Allow-Methods", CORS_ALLOW_METHODS);
        MHD_add_response_header(response, "Access-Control-Max-Age", CORS_MAX_AGE);
        if (*cors_allow_headers(&r->headers, allowed))
            MHD_add_response_header(response, "Access-Control-Allow-Headers", allowed);
    }
    return queue(c, r, response);
}

bool answer_ops(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    AUTO(buf) struct buf text = BUF_MAX(METRICS_TEXT_MAX);
    struct MHD_Response *response;

    if (ops_answer(&h->core, r->ops, &r->status, &text, NULL))
        return false;
    r->sent = text.len;
    response = MHD_create_response_from_buffer(text.len, text.data, MHD_RESPMEM_MUST_COPY);
    if (response) {
        MHD_add_response_header(response, "Content-Type",
                                r->ops == OPS_METRICS ? "text/plain; version=0.0.4; charset=utf-8"
                                                      : "text/plain; charset=utf-8");
        MHD_add_response_header(response, "Cache-Control", "no-store");
    }
    return queue(c, r, response);
}

/*
 * A broken stream ends like any other: the library sends its end, notices that nobody is there, and
 * closes. Told of an error, it would keep the socket until its idle timeout (0.9.75, epoll).
 */
static ssize_t read_stream(void *cls, uint64_t pos UNUSED, char *out, size_t max)
{
    struct http_request *r = cls;
    ssize_t n = exchange_read(r->exchange, out, max);

    if (n < 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    r->sent += (uint64_t)n;
    return n;
}

static void add_stream_headers(struct MHD_Response *response)
{
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-cache, no-transform");
    MHD_add_response_header(response, "X-Accel-Buffering", "no");
    MHD_set_response_options(response, MHD_RF_SEND_KEEP_ALIVE_HEADER, MHD_RO_END);
}

bool answer_stream(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r, NULL);

    r->status = 200;
    if (response)
        add_stream_headers(response);
    exchange_stream(r->exchange);
    r->streams = true;
    metrics_stream(h->core.metrics, true);
    return queue(c, r, response);
}

static void add_scope_challenge(const struct http_server *h, struct MHD_Response *response,
                                unsigned needs)
{
    char challenge[CHALLENGE_MAX];

    metadata_scope_challenge(&h->core.metadata, needs, challenge);
    MHD_add_response_header(response, "WWW-Authenticate", challenge);
}

/* The bytes stay the exchange's, which outlives the response. */
bool answer_exchange(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    struct exchange *x = r->exchange;
    struct MHD_Response *response;

    r->status = x->frame || x->status >= 400 ? x->status : 202;
    if (!x->frame)
        return answer_empty(h, c, r);
    if (r->status == 200 &&
        (exchange_streams(x) || !(http_headers_accepts(&r->headers) & ACCEPT_JSON)))
        return answer_stream(h, c, r);
    if (r->status == 429)
        r->wait_ms = 1000;
    r->sent = x->len;
    response =
        MHD_create_response_from_buffer(x->len, (void *)exchange_json(x), MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Content-Type", "application/json");
    if (response && x->status == 403 && x->sink.needs)
        add_scope_challenge(h, response, x->sink.needs);
    return queue(c, r, response);
}

int answers_make(struct http_server *h, struct err *err)
{
    for (int v = VERDICT_PASS + 1; v < VERDICT_COUNT; v++) {
        h->refusals[v] = make_refusal(h, (enum verdict)v);
        if (!h->refusals[v])
            return err_oom(err);
    }
    h->empty = make_empty();
    return h->empty ? 0 : err_oom(err);
}

void answers_done(struct http_server *h)
{
    for (int v = 0; v < VERDICT_COUNT; v++)
        if (h->refusals[v])
            MHD_destroy_response(h->refusals[v]);
    if (h->empty)
        MHD_destroy_response(h->empty);
}
