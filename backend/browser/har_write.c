#include "backend/browser/har_redact.h"
#include "backend/browser/har_state.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE_MAX (1024 * 1024)
#define WAIT_MS 5000 /* for bodies that are being read */

struct writer {
    struct jw w;
    bool redact;
    struct err *err;
};

/* One entry, as it was at one moment. */
struct moment {
    struct net_request r;
    bool has_body, base64;
    char *data;
    size_t len;
    int64_t size;
    char why[120];
    int page;
};

static void moment_done(struct moment *m)
{
    net_request_done(&m->r);
    free(m->data);
}

/* ---- texts ---- */

static void put_redacted(struct writer *h, const char *key, const char *text)
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

static void put_pair(struct writer *h, const char *name, const char *value, size_t len)
{
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", name);
    jw_key(&h->w, "value");
    jw_strn(&h->w, value, len);
    jw_end(&h->w);
}

/* Each line of a value is a header of its own, as it was on the wire. */
static void put_header(struct writer *h, const char *name, const char *value)
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

static void put_headers(struct writer *h, const struct net_headers *headers)
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

static void put_cookie(struct writer *h, const char *text, size_t len, bool set)
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

static void put_cookies(struct writer *h, const char *value, bool set)
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

static void put_parameter(struct writer *h, const char *text, size_t len)
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

static void put_query(struct writer *h, const char *url)
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

static void put_body_text(struct writer *h, const char *text, size_t len, const char *mime)
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

static void put_request(struct writer *h, const struct net_request *r)
{
    const char *mime = net_header(&r->request, "content-type");

    jw_key(&h->w, "request");
    jw_obj(&h->w);
    jw_kstr(&h->w, "method", r->method);
    put_redacted(h, "url", r->url);
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

static void put_content(struct writer *h, const struct moment *m)
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

static void put_response(struct writer *h, const struct moment *m)
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
    put_redacted(h, "redirectURL", location ? location : "");
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

static void put_timings(struct writer *h, const struct net_request *r)
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

static void put_messages(struct writer *h, const struct net_request *r)
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

static void put_entry(struct writer *h, const struct moment *m)
{
    const struct net_request *r = &m->r;
    char when[CLOCK_ISO_SIZE], id[24];

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

/* ---- the file ---- */

static int take(const struct har_item *item, struct moment *m, struct err *err)
{
    const struct har_body *body = item->entry->body;

    m->page = item->page;
    if (net_request_copy(&m->r, &item->entry->r, err))
        return -1;
    if (body)
        COPY(m->why, body->why);
    if (!body || !body->data)
        return 0;
    m->data = malloc(body->len + 1);
    if (!m->data)
        return err_oom(err);
    memcpy(m->data, body->data, body->len + 1);
    m->len = body->len;
    m->size = body->size;
    m->base64 = body->base64;
    m->has_body = true;
    return 0;
}

static void put_page(struct writer *h, const struct har_page *p, size_t index)
{
    char when[CLOCK_ISO_SIZE], id[24];

    snprintf(id, sizeof(id), "page_%zu", index + 1);
    jw_obj(&h->w);
    jw_kstr(&h->w, "startedDateTime", clock_iso(p->wall_ms, when));
    jw_kstr(&h->w, "id", id);
    if (p->title && *p->title)
        jw_kstr(&h->w, "title", p->title);
    else
        put_redacted(h, "title", p->url ? p->url : "");
    jw_key(&h->w, "pageTimings");
    jw_obj(&h->w);
    jw_knum(&h->w, "onContentLoad", p->dom_ms);
    jw_knum(&h->w, "onLoad", p->load_ms);
    jw_end(&h->w);
    jw_end(&h->w);
}

static void put_head(struct writer *h, struct har *har)
{
    const char *version_text = har->browser->version, *slash = strchr(version_text, '/');

    jw_kstr(&h->w, "version", "1.2");
    jw_key(&h->w, "creator");
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", "sandbox-mcp");
    jw_kstr(&h->w, "version", VERSION);
    jw_end(&h->w);
    jw_key(&h->w, "browser");
    jw_obj(&h->w);
    jw_kstr(&h->w, "name", "Chromium");
    jw_kstr(&h->w, "version", slash ? slash + 1 : version_text);
    jw_end(&h->w);
    jw_key(&h->w, "pages");
    jw_arr(&h->w);
    pthread_mutex_lock(&har->browser->lock);
    for (size_t i = 0; i < har->page_count; i++)
        put_page(h, &har->pages[i], i);
    pthread_mutex_unlock(&har->browser->lock);
    jw_aend(&h->w);
}

static int put_entries(struct writer *h, struct har *har, struct call *call, struct err *err)
{
    bool more = true;

    jw_key(&h->w, "entries");
    jw_arr(&h->w);
    for (size_t i = 0; more; i++) {
        AUTO(moment) struct moment m = { 0 };
        if (call && call_check(call, err))
            return -1;
        pthread_mutex_lock(&har->browser->lock);
        more = i < har->count;
        int r = more ? take(&har->items[i], &m, err) : 0;
        pthread_mutex_unlock(&har->browser->lock);
        if (r)
            return -1;
        if (more)
            put_entry(h, &m);
    }
    jw_aend(&h->w);
    return 0;
}

/* Locked. Bodies of those that ended. */
static bool is_reading(const struct har *har)
{
    for (size_t i = har->count; i; i--) {
        const struct har_body *body = har->items[i - 1].entry->body;
        if (body && body->asked && !body->read)
            return true;
    }
    return false;
}

static int wait_for_bodies(struct har *har, struct call *call, struct err *err)
{
    struct browser *b = har->browser;
    int64_t deadline_ms = clock_ms() + WAIT_MS;
    struct watch w;
    int r = 0;

    pthread_mutex_lock(&b->lock);
    if (!b->over && is_reading(har)) {
        r = watch_begin(b, &w, err);
        while (!r && is_reading(har))
            r = watch_wait(b, &w, deadline_ms, call, NULL);
        watch_end(b, &w);
    }
    pthread_mutex_unlock(&b->lock);
    return call ? call_check(call, err) : 0;
}

int har_write(struct har *har, bool redact, struct call *call, struct buf *out,
              struct har_facts *facts, struct err *err)
{
    struct writer h = { .w = JW(out, err), .redact = redact || har->redact, .err = err };

    if (wait_for_bodies(har, call, err))
        return -1;
    if (facts)
        har_facts(har, facts);
    jw_obj(&h.w);
    jw_key(&h.w, "log");
    jw_obj(&h.w);
    put_head(&h, har);
    if (put_entries(&h, har, call, err))
        return -1;
    if (facts && facts->lost)
        jw_kstr(&h.w, "comment", "there were more requests than are recorded");
    jw_end(&h.w);
    jw_end(&h.w);
    return jw_done(&h.w);
}
