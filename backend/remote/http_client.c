#include "backend/remote/http.h"
#include "backend/remote/http_key.h"
#include "backend/remote/http_url.h"
#include "backend/remote/http_wire.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#include <poll.h>
#include <string.h>
#include <strings.h>

#define BACKOFF_MS 200

struct http_client {
    struct http_options options;
    struct http_url url;
    struct http_key key;
    struct http_wire *wire;
    bool own_authorization; /* the operator's headers have it */
};

static bool worth_again(const struct http_response *r, int failed, const struct err *err)
{
    if (failed)
        return err->code == ERR_UNAVAILABLE;
    return r->status == 408 || r->status == 429 || r->status / 100 == 5;
}

int http_pause(struct call *call, int tried, int64_t asked_ms, struct err *err)
{
    int64_t most = (int64_t)BACKOFF_MS << tried, until;
    uint16_t random;
    struct pollfd p = { .fd = call ? call->event_fd : -1, .events = POLLIN };
    int left;

    random_bytes(&random, sizeof(random));
    if (asked_ms > HTTP_RETRY_AFTER_MAX)
        return 1;
    until = clock_ms() + (asked_ms ? asked_ms : most / 2) + most / 2 * random / 65536;
    if (call && call->deadline_ms && until >= call->deadline_ms)
        return 1;
    while ((left = clock_left(until))) {
        (void)poll(&p, 1, left);
        if (call && call_check(call, err))
            return -1;
    }
    return 0;
}

static int send_tries(struct http_client *c, struct http_try *try, struct http_response *resp,
                      struct err *err)
{
    bool renewed = false;

    for (int tried = 0;;) {
        int64_t start = clock_ms();
        char *key = NULL;
        int r = http_key_copy(&c->key, &key, err), p;
        if (r)
            return -1;
        try->key = key;
        r = http_wire_try(c->wire, try, resp, err);
        log_debug("http method=%s path=%s status=%d ms=%lld", try->req->method, try->req->path,
                  r ? 0 : resp->status, (long long)(clock_ms() - start));
        p = !r && resp->status == 401 && !renewed && http_key_renew(&c->key, key);
        http_key_forget(key);
        if (p) {
            renewed = true;
            continue;
        }
        if (!try->req->idempotent || ++tried >= HTTP_TRIES || !worth_again(resp, r, err))
            return r;
        p = http_pause(try->call, tried - 1, r ? 0 : resp->retry_after_ms, err);
        if (p)
            return p < 0 ? -1 : r;
    }
}

static const char *own_certificates(void)
{
    const char *bundle = getenv("CURL_CA_BUNDLE"), *file = getenv("SSL_CERT_FILE");

    return bundle && *bundle ? bundle : file && *file ? file : NULL;
}

int http_send(struct http_client *c, struct call *call, const struct http_request *req,
              struct http_response *resp, struct err *err)
{
    AUTO(buf) struct buf url = BUF_MAX(HTTP_URL_MAX);
    struct err ignored = { 0 };
    struct http_try try = {
        .options = &c->options,
        .origin = c->url.origin,
        .certificates = own_certificates(),
        .own_authorization = c->own_authorization,
        .req = req,
        .call = call,
    };

    if ((call && call_check(call, err)) || http_url_make(&url, &c->url, req, err))
        return -1;
    try.url = url.data;
    return send_tries(c, &try, resp, err ? err : &ignored);
}

static int check_headers(struct http_client *c, struct err *err)
{
    const struct http_options *o = &c->options;

    for (size_t i = 0; i < o->header_count; i++) {
        const char *h = o->headers[i], *colon = strchr(h, ':');
        if (!colon || colon == h || strcspn(h, "\r\n") != strlen(h) ||
            strcspn(h, " \t") < (size_t)(colon - h))
            return err_set(err, ERR_INVALID, "header \"%.40s\" is not \"Name: value\"", h);
        c->own_authorization |= !strncasecmp(h, "Authorization:", 14);
    }
    return 0;
}

int http_open(const struct http_options *options, struct http_client **out, struct err *err)
{
    struct http_client *c = calloc(1, sizeof(*c));

    if (!c)
        return err_oom(err);
    c->options = *options;
    c->wire = http_wire_new();
    if (!c->wire ? err_oom(err)
                 : check_headers(c, err) || http_url_parse(options->url, &c->url, err) ||
                       http_key_init(&c->key, options->key, options->key_file, err)) {
        http_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

const char *http_origin(const struct http_client *c)
{
    return c->url.origin;
}

const char *http_prefix(const struct http_client *c)
{
    const char *host = strchr(c->url.base, ':') + 3;

    return host + strcspn(host, "/");
}

const char *http_query(const struct http_client *c)
{
    return c->url.query;
}

int http_header_lines(struct http_client *c, struct buf *out, struct err *err)
{
    const struct http_options *o = &c->options;
    char *key = NULL;
    int r = http_key_copy(&c->key, &key, err);

    for (size_t i = 0; !r && i < o->header_count; i++)
        r = buf_addf(out, err, "%s\n", o->headers[i]);
    if (!r && key && !c->own_authorization)
        r = buf_addf(out, err, "Authorization: Bearer %s\n", key);
    if (!r && key && o->key_header && !http_key_is_jwt(key))
        r = buf_addf(out, err, "%s: %s\n", o->key_header, key);
    http_key_forget(key);
    return r;
}

void http_free(struct http_client *c)
{
    if (!c)
        return;
    http_wire_free(c->wire);
    http_key_done(&c->key);
    http_url_done(&c->url);
    free(c);
}
