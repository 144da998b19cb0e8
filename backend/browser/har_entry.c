#include "backend/browser/har_redact.h"
#include "backend/browser/har_writer.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE_MAX (1024 * 1024)

void har_moment_done(struct har_moment *m)
{
    net_request_done(&m->r);
    free(m->data);
}

/* ---- texts ---- */

void har_put_redacted(struct har_writer *h, const char *key, const char *text)
{
    AUTO(buf) struct buf shown = BUF_MAX(PIECE_MAX);

    if (!h->redact) {
        jw_kstr(&h->w, key, text);
        return;
    }
    if (redact_url(&shown, text, HAR_REDACTED, h->err))
        h->w.failed = true;
    jw_kstr(&h->w, key, buf_str(&shown));
}

static void put_pair(struct har_writer *h, const char *name, const char *value, size_t len)
{
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", name);
    jw_key(&h->w, "value");
    jw_strn(&h->w, value, len);
    jw_end(&h->w);
}

/* Each line of a value is a header of its own, as it was on the wire. */
static void put_header(struct har_writer *h, const char *name, const char *value)
{
    AUTO(buf) struct buf shown = BUF_MAX(PIECE_MAX);

    if (h->redact) {
        if (redact_header(&shown, name, value, HAR_REDACTED, h->err))
            h->w.failed = true;
        value = buf_str(&shown);
    }
    for (;;) {
        size_t len = strcspn(value, "\n");
        put_pair(h, name, value, len);
        if (!value[len])
            return;
        value += len + 1;
    }
}

static void put_headers(struct har_writer *h, const struct net_headers *headers)
{
    const char *name = NULL, *value = NULL;

    jw_key(&h->w, "headers");
    jw_arr(&h->w);
    while (net_header_next(headers, &name, &value))
        if (*name != ':')
            put_header(h, name, value);
    jw_aend(&h->w);
}

/* ---- cookies and the query ---- */

static void put_cookie(struct har_writer *h, const char *text, size_t len, bool set)
{
    const char *end = memchr(text, ';', set ? len : 0), *equals;
    size_t pair = end ? (size_t)(end - text) : len;
    char name[256];

    equals = memchr(text, '=', pair);
    if (!equals || (size_t)(equals - text) >= sizeof(name))
        return;
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    if (h->redact)
        put_pair(h, name, HAR_REDACTED, strlen(HAR_REDACTED));
    else
        put_pair(h, name, equals + 1, pair - (size_t)(equals + 1 - text));
}

static void put_cookies(struct har_writer *h, const char *value, bool set)
{
    const char *between = set ? "\n" : ";";

    jw_key(&h->w, "cookies");
    jw_arr(&h->w);
    while (value && *value) {
        size_t len;
        value += strspn(value, " ");
        len = strcspn(value, between);
        put_cookie(h, value, len, set);
        value += len + (value[len] != '\0');
    }
    jw_aend(&h->w);
}

static size_t decode(const char *text, size_t len, char *out)
{
    size_t n = 0;
    char hex[3] = "";

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && isxdigit((unsigned char)text[i + 1]) &&
            isxdigit((unsigned char)text[i + 2])) {
            memcpy(hex, text + i + 1, 2);
            out[n++] = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            out[n++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    return n;
}

static void put_parameter(struct har_writer *h, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len);
    size_t name = equals ? (size_t)(equals - text) : len, n;
    AUTO_FREE char *plain = malloc(len + 1);

    if (!plain || !len)
        return;
    jw_obj(&h->w);
    n = decode(text, name, plain);
    jw_key(&h->w, "name");
    jw_strn(&h->w, plain, n);
    jw_key(&h->w, "value");
    if (h->redact && equals && redact_is_secret(plain, n)) {
        jw_str(&h->w, HAR_REDACTED);
    } else {
        n = equals ? decode(equals + 1, len - name - 1, plain) : 0;
        jw_strn(&h->w, plain, n);
    }
    jw_end(&h->w);
}

static void put_query(struct har_writer *h, const char *url)
{
    const char *at = strchr(url, '?');
    size_t len = at ? strcspn(at, "#") : 0;

    jw_key(&h->w, "queryString");
    jw_arr(&h->w);
    for (size_t i = 1; i < len;) {
        size_t n = strcspn(at + i, "&#");
        put_parameter(h, at + i, n);
        i += n + 1;
    }
    jw_aend(&h->w);
}

/* ---- one entry ---- */

static const char *version(const struct net_request *r)
{
    return !strcmp(r->protocol, "h2")         ? "HTTP/2"
           : !strcmp(r->protocol, "h3")       ? "HTTP/3"
           : !strcmp(r->protocol, "http/1.0") ? "HTTP/1.0"
                                              : "HTTP/1.1";
}

static void put_body_text(struct har_writer *h, const char *text, size_t len, const char *mime)
{
    AUTO(buf) struct buf shown = BUF_MAX(HAR_BODY_MAX * 4);

    jw_key(&h->w, "text");
    if (h->redact && redact_body(&shown, text, len, mime, HAR_REDACTED, h->err))
        h->w.failed = true;
    if (h->redact)
        jw_strn(&h->w, buf_str(&shown), shown.len);
    else
        jw_strn(&h->w, text, len);
}

static void put_request(struct har_writer *h, const struct net_request *r)
{
    const char *mime = net_header(&r->request, "content-type");

    jw_key(&h->w, "request");
    jw_obj(&h->w);
    jw_kstr(&h->w, "method", r->method);
    har_put_redacted(h, "url", r->url);
    jw_kstr(&h->w, "httpVersion", version(r));
    put_cookies(h, net_header(&r->request, "cookie"), false);
    put_headers(h, &r->request);
    put_query(h, r->url);
    jw_kint(&h->w, "headersSize", -1);
    jw_kint(&h->w, "bodySize", r->has_post ? (r->post ? (int64_t)r->post_len : -1) : 0);
    if (r->has_post) {
        jw_key(&h->w, "postData");
        jw_obj(&h->w);
        jw_kstr(&h->w, "mimeType", mime ? mime : "");
        if (r->post)
            put_body_text(h, r->post, r->post_len, mime ? mime : "");
        else
            jw_kstr(&h->w, "comment", "what was posted is larger than 64 kB and was left out");
        jw_end(&h->w);
    }
    jw_end(&h->w);
}

static void put_content(struct har_writer *h, const struct har_moment *m)
{
    const struct net_request *r = &m->r;
    const char *mime = net_header(&r->response, "content-type");

    jw_key(&h->w, "content");
    jw_obj(&h->w);
    jw_kint(&h->w, "size", m->has_body ? m->size : r->decoded > 0 ? r->decoded : 0);
    jw_kstr(&h->w, "mimeType", mime ? mime : *r->mime ? r->mime : "x-unknown");
    if (m->has_body && m->base64) {
        jw_kstr(&h->w, "encoding", "base64");
        jw_key(&h->w, "text");
        jw_strn(&h->w, m->data, m->len);
    } else if (m->has_body) {
        put_body_text(h, m->data, m->len, r->mime);
    }
    if (*m->why)
        jw_kstr(&h->w, "comment", m->why);
    jw_end(&h->w);
}

static void put_response(struct har_writer *h, const struct har_moment *m)
{
    const struct net_request *r = &m->r;
    const char *location = net_header(&r->response, "location");

    jw_key(&h->w, "response");
    jw_obj(&h->w);
    jw_kint(&h->w, "status", r->status);
    jw_kstr(&h->w, "statusText", r->status_text);
    jw_kstr(&h->w, "httpVersion", version(r));
    put_cookies(h, net_header(&r->response, "set-cookie"), true);
    put_headers(h, &r->response);
    put_content(h, m);
    har_put_redacted(h, "redirectURL", location ? location : "");
    jw_kint(&h->w, "headersSize", -1);
    jw_kint(&h->w, "bodySize", r->encoded);
    if (*r->failure)
        jw_kstr(&h->w, "_error", r->failure);
    jw_end(&h->w);
}

static double span(double from, double to)
{
    return from >= 0 && to >= from ? to - from : -1;
}

static double at_least_zero(double v)
{
    return v < 0 ? 0 : v;
}

static void put_timings(struct har_writer *h, const struct net_request *r)
{
    const struct net_timing *t = &r->timing;
    double sent = t->send_end >= 0 ? t->send_end : 0;

    jw_key(&h->w, "timings");
    jw_obj(&h->w);
    jw_knum(&h->w, "blocked", t->blocked);
    jw_knum(&h->w, "dns", span(t->dns_start, t->dns_end));
    jw_knum(&h->w, "connect", span(t->connect_start, t->connect_end));
    jw_knum(&h->w, "send", at_least_zero(span(t->send_start, t->send_end)));
    jw_knum(&h->w, "wait", at_least_zero(span(sent, t->headers)));
    jw_knum(&h->w, "receive", at_least_zero(span(t->headers, t->end)));
    jw_knum(&h->w, "ssl", span(t->ssl_start, t->ssl_end));
    jw_end(&h->w);
}

static void put_messages(struct har_writer *h, const struct net_request *r)
{
    if (!r->message_count)
        return;
    jw_key(&h->w, "_webSocketMessages");
    jw_arr(&h->w);
    for (unsigned i = 0; i < r->message_count; i++) {
        const struct net_message *m = &r->messages[i];
        jw_obj(&h->w);
        jw_kstr(&h->w, "type", m->sent ? "send" : "receive");
        jw_kint(&h->w, "opcode", m->binary ? 2 : 1);
        put_body_text(h, m->text, strlen(m->text), m->binary ? "binary" : "");
        jw_end(&h->w);
    }
    jw_aend(&h->w);
}

void har_put_entry(struct har_writer *h, const struct har_moment *m)
{
    const struct net_request *r = &m->r;
    char when[CLOCK_ISO_SIZE], id[32];

    jw_obj(&h->w);
    snprintf(id, sizeof(id), "page_%d", m->page + 1);
    if (m->page >= 0)
        jw_kstr(&h->w, "pageref", id);
    jw_kstr(&h->w, "startedDateTime", clock_iso(r->wall_ms, when));
    jw_knum(&h->w, "time", at_least_zero(r->timing.end));
    put_request(h, r);
    put_response(h, m);
    jw_key(&h->w, "cache");
    jw_obj(&h->w);
    jw_end(&h->w);
    put_timings(h, r);
    if (*r->address) {
        size_t len = (size_t)(strrchr(r->address, ':') - r->address);
        jw_key(&h->w, "serverIPAddress");
        jw_strn(&h->w, r->address, len);
    }
    jw_kstr(&h->w, "_resourceType", r->type);
    if (r->from_cache || r->from_worker)
        jw_kstr(&h->w, "_from", r->from_worker ? "service worker" : "cache");
    if (r->mocked)
        jw_kbool(&h->w, "_mocked", true);
    put_messages(h, r);
    jw_end(&h->w);
}
