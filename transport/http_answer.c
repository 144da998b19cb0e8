#include "transport/http_server.h"

#include <microhttpd.h>
#include <string.h>

#define STREAM_BLOCK 4096

static bool queue(struct MHD_Connection *c, struct http_request *r, struct MHD_Response *response)
{
    bool queued;

    if (!response)
        return false;
    if (*r->session_id)
        MHD_add_response_header(response, "Mcp-Session-Id", r->session_id);
    queued = MHD_queue_response(c, (unsigned)r->status, response) == MHD_YES;
    MHD_destroy_response(response);
    return queued;
}

bool answer_refusal(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    r->status = guard_refusal(r->verdict)->status;
    return MHD_queue_response(c, (unsigned)r->status, h->refusals[r->verdict]) == MHD_YES;
}

bool answer_empty(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    return MHD_queue_response(c, (unsigned)r->status, h->empty) == MHD_YES;
}

static ssize_t read_stream(void *cls, uint64_t pos UNUSED, char *out, size_t max)
{
    ssize_t n = exchange_read(cls, out, max);

    if (n >= 0)
        return n;
    return n == EXCHANGE_END ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void add_stream_headers(struct MHD_Response *response)
{
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-cache, no-transform");
    MHD_add_response_header(response, "X-Accel-Buffering", "no");
    MHD_set_response_options(response, MHD_RF_SEND_KEEP_ALIVE_HEADER, MHD_RO_END);
}

bool answer_stream(struct http_server *h UNUSED, struct MHD_Connection *c, struct http_request *r)
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, r->exchange, NULL);

    r->status = 200;
    if (response)
        add_stream_headers(response);
    exchange_stream(r->exchange);
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
    if (!(http_headers_accepts(&r->headers) & ACCEPT_JSON) && r->status == 200)
        return answer_stream(h, c, r);
    response =
        MHD_create_response_from_buffer(x->len, (void *)exchange_json(x), MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Content-Type", "application/json");
    if (response && x->status == 403 && x->sink.needs)
        add_scope_challenge(h, response, x->sink.needs);
    return queue(c, r, response);
}

/* Of one refusal. */
static int make(struct http_server *h, enum verdict verdict, struct err *err)
{
    const struct refusal *refusal = guard_refusal(verdict);
    const char *body =
        verdict == VERDICT_METADATA ? buf_str(&h->core.metadata.document) : refusal->body;
    struct MHD_Response *response = h->refusals[verdict] = MHD_create_response_from_buffer(
        body ? strlen(body) : 0, (void *)(size_t)(body ?: ""), MHD_RESPMEM_PERSISTENT);
    char challenge[CHALLENGE_MAX];

    if (!response)
        return err_oom(err);
    if (body)
        MHD_add_response_header(response, "Content-Type", "application/json");
    if (metadata_challenge(&h->core.metadata, verdict, challenge))
        MHD_add_response_header(response, "WWW-Authenticate", challenge);
    else if (refusal->header)
        MHD_add_response_header(response, refusal->header, refusal->value);
    return 0;
}

int answers_make(struct http_server *h, struct err *err)
{
    for (int v = VERDICT_PASS + 1; v < VERDICT_COUNT; v++)
        if (make(h, (enum verdict)v, err))
            return -1;
    h->empty = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
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
