#include "backend/browser/har_redact.h"
#include "backend/browser/net_log.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/browser_network.h"
#include "tools/fence.h"
#include "tools/render.h"

#include <string.h>

#define MASK "[masked]"
#define PARTS_MAX (96 * 1024) /* of headers and messages of one request */

/* ---- parts; all of them came from outside, so each is fenced ---- */

static int add_headers(struct buf *out, const struct net_headers *h, struct err *err)
{
    const char *name = NULL, *value = NULL;

    while (net_header_next(h, &name, &value)) {
        AUTO(buf) struct buf shown = BUF_MAX(PARTS_MAX);
        if (redact_header(&shown, name, value, MASK, err) || render_name(out, name, err) ||
            buf_adds(out, ": ", err) || render_name(out, buf_str(&shown), err) ||
            buf_addc(out, '\n', err))
            return -1;
    }
    return h->cut ? buf_adds(out, "(more headers were not kept)\n", err) : 0;
}

static int header_section(struct buf *out, const char *what, const struct net_request *r,
                          const struct net_headers *h, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(PARTS_MAX);

    if (!h->count)
        return buf_addf(out, err, "--- %s: %s\n", what,
                        r->stripped ? "no longer kept" : "none known");
    return buf_addf(out, err, "--- %s\n", what) || add_headers(&text, h, err) ||
                   fence(out, what, r->url, text.data, text.len, err)
               ? -1
               : 0;
}

/* Text within max: its head and its end, with a line for what is between. */
static int add_cut(struct buf *out, const char *text, size_t len, size_t max, struct err *err)
{
    size_t head = max / 10 * 6, tail = max - head, from;

    if (len <= max)
        return text_add_plain(out, text, len, NULL, err);
    head = utf8_cut(text, head);
    from = len - tail + utf8_skip(text + len - tail, tail);
    return text_add_plain(out, text, head, NULL, err) ||
                   buf_addf(out, err,
                            "\n[... %zu bytes left out; browser_request save_to=PATH "
                            "writes all]\n",
                            from - head) ||
                   text_add_plain(out, text + from, len - from, NULL, err)
               ? -1
               : 0;
}

static int text_section(struct buf *out, const char *what, const struct net_request *r,
                        const char *text, size_t len, size_t max, struct err *err)
{
    AUTO(buf) struct buf shown = BUF_MAX(RENDER_MAX);

    return buf_addf(out, err, "--- %s · ", what) || render_bytes(out, len, err) ||
                   buf_addc(out, '\n', err) || add_cut(&shown, text, len, max, err) ||
                   fence(out, what, r->url, buf_str(&shown), shown.len, err)
               ? -1
               : 0;
}

static int post_section(struct tool_call *call, struct buf *out, struct browsing *b,
                        const struct net_request *r, size_t max, struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(NET_BODY_MAX), shown = BUF_MAX(NET_BODY_MAX);
    const char *mime = net_header(&r->request, "content-type");
    struct err why = { 0 };

    if (!r->has_post)
        return 0;
    if (net_get_post(b->page, r->number, call->call, &data, &why))
        return buf_addf(out, err, "--- posted data: %s\n", why.msg);
    return redact_body(&shown, data.data, data.len, mime ? mime : "", MASK, err) ||
                   text_section(out, "posted data", r, buf_str(&shown), shown.len, max, err)
               ? -1
               : 0;
}

static int message_section(struct buf *out, const struct net_request *r, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(PARTS_MAX);

    if (strcmp(r->type, "websocket"))
        return 0;
    if (buf_addf(out, err, "--- messages: %llu sent, %llu received, the last %u\n",
                 (unsigned long long)r->messages_sent, (unsigned long long)r->messages_received,
                 r->message_count))
        return -1;
    for (unsigned i = 0; i < r->message_count; i++) {
        const struct net_message *m = &r->messages[i];
        if (buf_addf(&text, err, "%s %llu B%s: ", m->sent ? ">" : "<", (unsigned long long)m->size,
                     m->binary ? " binary, base64" : "") ||
            render_name(&text, m->text, err) || buf_addc(&text, '\n', err))
            return -1;
    }
    return text.len ? fence(out, "messages", r->url, text.data, text.len, err) : 0;
}

static int span(struct buf *out, const char *name, double from, double to, struct err *err)
{
    return from >= 0 && to >= from ? buf_addf(out, err, "%s %.1f ms\n", name, to - from) : 0;
}

static int timing_section(struct buf *out, const struct net_request *r, struct err *err)
{
    const struct net_timing *t = &r->timing;
    double waited = t->send_end >= 0 ? t->send_end : 0;

    return buf_adds(out, "--- timing\n", err) || span(out, "queued", 0, t->blocked, err) ||
                   span(out, "dns", t->dns_start, t->dns_end, err) ||
                   span(out, "connect", t->connect_start, t->connect_end, err) ||
                   span(out, "tls", t->ssl_start, t->ssl_end, err) ||
                   span(out, "send", t->send_start, t->send_end, err) ||
                   span(out, "wait", waited, t->headers, err) ||
                   span(out, "receive", t->headers, t->end, err) ||
                   span(out, "total", 0, t->end, err)
               ? -1
               : 0;
}

static int summary(struct buf *out, const struct net_request *r, struct err *err)
{
    const char *how = r->mocked        ? " · mocked"
                      : r->from_worker ? " · from service worker"
                      : r->from_cache  ? " · from cache"
                                       : "";

    if (buf_addf(out, err, "r%u %s ", r->number, r->method) || render_name(out, r->url, err) ||
        buf_addf(out, err, " · %s", r->type))
        return -1;
    if (r->status && (buf_addf(out, err, " · %d%s", r->status, *r->status_text ? " " : "") ||
                      render_name(out, r->status_text, err)))
        return -1;
    if ((*r->mime && (buf_adds(out, " · ", err) || render_name(out, r->mime, err))) ||
        (r->failed && (buf_adds(out, " · failed: ", err) || render_name(out, r->failure, err))) ||
        (!r->over && buf_adds(out, " · pending", err)) ||
        (r->redirected && buf_adds(out, " · redirected", err)) || buf_adds(out, how, err))
        return -1;
    if (r->decoded > 0 &&
        (buf_adds(out, " · ", err) || render_bytes(out, (uint64_t)r->decoded, err)))
        return -1;
    if (r->encoded >= 0 && r->encoded != r->decoded && !r->from_cache &&
        (buf_adds(out, " · on the wire ", err) || render_bytes(out, (uint64_t)r->encoded, err)))
        return -1;
    if ((*r->protocol && (buf_adds(out, " · ", err) || render_name(out, r->protocol, err))) ||
        (*r->address && (buf_adds(out, " · ", err) || render_name(out, r->address, err))))
        return -1;
    if (*r->initiator && strcmp(r->initiator, "other") &&
        (buf_adds(out, " · by ", err) || render_name(out, r->initiator, err)))
        return -1;
    return buf_addc(out, '\n', err);
}

/* ---- the body ---- */

static bool is_text(struct net_body *body)
{
    return body->text || (!memchr(buf_str(&body->data), 0, body->data.len) &&
                          utf8_valid(buf_str(&body->data), body->data.len));
}

static int save(struct tool_call *call, struct buf *out, struct browsing *b, const char *path,
                const struct net_body *body, struct err *err)
{
    AUTO_FREE char *resolved = NULL;

    if (network_save(call, b->sandbox, path, buf_str(&body->data), body->data.len, &resolved, err))
        return -1;
    return buf_adds(out, "saved ", err) || render_bytes(out, body->data.len, err) ||
                   buf_adds(out, " to ", err) ||
                   render_name(out, resolved ? resolved : path, err) || buf_addc(out, '\n', err)
               ? -1
               : 0;
}

/* asked: without one the whole call fails; else a line says why there is none. */
static int body_section(struct tool_call *call, struct buf *out, struct browsing *b,
                        const struct net_request *r, const struct browser_request_args *args,
                        bool asked, struct err *err)
{
    AUTO(net_body) struct net_body body = { 0 };
    struct err why = { 0 };

    if (net_get_body(b->page, r->number, call->call, &body, asked ? err : &why))
        return asked ? -1 : buf_addf(out, err, "--- body: %s\n", why.msg);
    if (args->save_to)
        return save(call, out, b, args->save_to, &body, err);
    if (is_text(&body))
        return text_section(out, "body", r, buf_str(&body.data), body.data.len,
                            (size_t)args->max_bytes, err);
    return buf_adds(out, "--- body: binary, ", err) || render_bytes(out, body.data.len, err) ||
                   buf_addf(out, err, "; browser_request id=r%u save_to=PATH writes it to a file\n",
                            r->number)
               ? -1
               : 0;
}

static int sections(struct tool_call *call, struct buf *out, struct browsing *b,
                    const struct net_request *r, const struct browser_request_args *args,
                    struct err *err)
{
    int part = args->part;
    bool all = part == BROWSER_REQUEST_PART_ALL;
    size_t post_max = all ? (size_t)args->max_bytes / 4 : (size_t)args->max_bytes;

    if ((all || part == BROWSER_REQUEST_PART_REQUEST) &&
        (header_section(out, "request headers", r, &r->request, err) ||
         post_section(call, out, b, r, post_max, err)))
        return -1;
    if ((all || part == BROWSER_REQUEST_PART_RESPONSE) &&
        (header_section(out, "response headers", r, &r->response, err) ||
         message_section(out, r, err)))
        return -1;
    if ((all || part == BROWSER_REQUEST_PART_TIMING) && timing_section(out, r, err))
        return -1;
    if (all || part == BROWSER_REQUEST_PART_BODY || args->save_to)
        return body_section(call, out, b, r, args, !all || args->save_to, err);
    return 0;
}

int tool_browser_request(struct tool_call *call, const struct browser_request_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(net_request) struct net_request r = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 2);
    unsigned number;

    if (network_number(args->id, &number)) {
        err_set(err, ERR_INVALID, "id: \"%.16s\" is no request", args->id);
        return err_next(err, "pass one such as r12 from browser_network");
    }
    if (browsing_begin(call, args->page_id, &b, err) || net_get(b.page, number, &r, err))
        return -1;
    if (summary(&text, &r, err) || sections(call, &text, &b, &r, args, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
