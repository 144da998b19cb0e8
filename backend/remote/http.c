#include "backend/remote/http_key.h"
#include "backend/remote/http_wire.h"
#include "base/clock.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LANES_IDLE_MAX 16
#define CONNECT_MS 10000
#define CHECK_MS 1000 /* how often the call's deadline is looked at */
#define IDLE_S 50     /* a kept connection is not used after: below the idle limit of servers */

/* What is used of libcurl. Linking it would cost every start of the program 4 ms. */
static struct {
    CURLcode (*global_init)(long);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    void (*easy_reset)(CURL *);
    void (*easy_cleanup)(CURL *);
    const char *(*easy_strerror)(CURLcode);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_add_handle)(CURLM *, CURL *);
    CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
    CURLMcode (*multi_perform)(CURLM *, int *);
    CURLMcode (*multi_poll)(CURLM *, struct curl_waitfd *, unsigned, int, int *);
    CURLMsg *(*multi_info_read)(CURLM *, int *);
    CURLMcode (*multi_cleanup)(CURLM *);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
} curl;

static const struct {
    const char *name;
    void *slot;
} symbols[] = {
    { "curl_global_init", &curl.global_init },
    { "curl_easy_init", &curl.easy_init },
    { "curl_easy_setopt", &curl.easy_setopt },
    { "curl_easy_getinfo", &curl.easy_getinfo },
    { "curl_easy_reset", &curl.easy_reset },
    { "curl_easy_cleanup", &curl.easy_cleanup },
    { "curl_easy_strerror", &curl.easy_strerror },
    { "curl_multi_init", &curl.multi_init },
    { "curl_multi_add_handle", &curl.multi_add_handle },
    { "curl_multi_remove_handle", &curl.multi_remove_handle },
    { "curl_multi_perform", &curl.multi_perform },
    { "curl_multi_poll", &curl.multi_poll },
    { "curl_multi_info_read", &curl.multi_info_read },
    { "curl_multi_cleanup", &curl.multi_cleanup },
    { "curl_slist_append", &curl.slist_append },
    { "curl_slist_free_all", &curl.slist_free_all },
};

/* One transfer at a time, with the connections it keeps. */
struct lane {
    CURLM *multi;
    CURL *easy;
    struct lane *next;
};

struct http_wire {
    pthread_mutex_t lock;
    struct lane *idle; /* lock */
    unsigned idle_count;
};

struct transfer {
    const struct http_try *try;
    const struct http_request *req;
    struct http_response *resp;
    CURL *easy;
    struct curl_slist *headers;
    size_t sent; /* of the body */
    struct err *err;
    bool failed; /* err was filled by a callback */
    char why[CURL_ERROR_SIZE];
};

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static bool usable;
static void load(void)
{
    void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *f = lib ? dlsym(lib, symbols[i].name) : NULL;
        if (!f)
            return;
        memcpy(symbols[i].slot, &f, sizeof(f));
    }
    usable = !curl.global_init(CURL_GLOBAL_DEFAULT);
}

static void lane_free(struct lane *l)
{
    if (!l)
        return;
    curl.easy_cleanup(l->easy);
    curl.multi_cleanup(l->multi);
    free(l);
}

static struct lane *lane_take(struct http_wire *w)
{
    struct lane *l;

    pthread_mutex_lock(&w->lock);
    l = w->idle;
    if (l) {
        w->idle = l->next;
        w->idle_count--;
    }
    pthread_mutex_unlock(&w->lock);
    if (l || !(l = calloc(1, sizeof(*l))))
        return l;
    l->multi = curl.multi_init();
    l->easy = curl.easy_init();
    if (l->multi && l->easy)
        return l;
    lane_free(l);
    return NULL;
}

static void lane_give(struct http_wire *w, struct lane *l)
{
    curl.easy_reset(l->easy);
    pthread_mutex_lock(&w->lock);
    if (w->idle_count < LANES_IDLE_MAX) {
        l->next = w->idle;
        w->idle = l;
        w->idle_count++;
        l = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    lane_free(l);
}

static size_t on_body(char *data, size_t one, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = one * count, room;
    struct http_response *r = t->resp;

    if (!r->status) {
        long status = 0;
        curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        r->status = (int)status;
    }
    if (r->status / 100 == 2) {
        t->failed = t->req->sink ? t->req->sink->data(t->req->sink, data, len, t->err)
                                 : buf_add(&r->body, data, len, t->err);
        return t->failed ? 0 : len;
    }
    room = r->body.max < HTTP_TEXT_MAX ? r->body.max : HTTP_TEXT_MAX;
    room = room > r->body.len ? room - r->body.len : 0;
    return buf_add(&r->body, data, len < room ? len : room, t->err) ? 0 : len;
}

/* Only for what must not be sent twice: without a way to rewind, libcurl cannot do it either. */
static size_t on_read(char *out, size_t one, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t left = t->req->len - t->sent, n = one * count < left ? one * count : left;

    if (n)
        memcpy(out, t->req->body + t->sent, n);
    t->sent += n;
    return n;
}

static int add_line(struct transfer *t, const char *line)
{
    struct curl_slist *more = curl.slist_append(t->headers, line);

    if (!more)
        return err_oom(t->err);
    t->headers = more;
    return 0;
}

static int add_header(struct transfer *t, const char *name, const char *before, const char *value)
{
    AUTO(buf) struct buf line = BUF_MAX(HTTP_KEY_MAX + 1024);
    int r;

    if (buf_addf(&line, t->err, "%s: %s%s", name, before, value))
        return -1;
    r = add_line(t, buf_str(&line));
    explicit_bzero(line.data, line.len);
    return r;
}

static int add_headers(struct transfer *t)
{
    const struct http_options *o = t->try->options;
    const struct http_request *req = t->req;
    const char *key = t->try->key;

    if (add_line(t, "Expect:"))
        return -1;
    for (size_t i = 0; i < o->header_count; i++)
        if (add_line(t, o->headers[i]))
            return -1;
    for (size_t i = 0; i < req->header_count; i++)
        if (add_header(t, req->headers[i].name, "", req->headers[i].value))
            return -1;
    if (req->content_type && add_header(t, "Content-Type", "", req->content_type))
        return -1;
    if (key && !t->try->own_authorization && add_header(t, "Authorization", "Bearer ", key))
        return -1;
    return key && o->key_header && !http_key_is_jwt(key) ? add_header(t, o->key_header, "", key)
                                                         : 0;
}

static void set_body(struct transfer *t)
{
    const struct http_request *req = t->req;
    CURL *e = t->easy;

    if (!req->content_type && !strcmp(req->method, "GET"))
        return;
    curl.easy_setopt(e, CURLOPT_POST, 1L);
    curl.easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->len);
    if (req->idempotent || !req->len) {
        curl.easy_setopt(e, CURLOPT_POSTFIELDS, req->len ? req->body : "");
    } else {
        curl.easy_setopt(e, CURLOPT_READFUNCTION, on_read);
        curl.easy_setopt(e, CURLOPT_READDATA, t);
    }
    curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
}

static int set_up(struct transfer *t)
{
    CURL *e = t->easy;

    if (add_headers(t))
        return -1;
    curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl.easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    curl.easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
    curl.easy_setopt(e, CURLOPT_USERAGENT, "sandbox-mcp/" VERSION);
    curl.easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (t->try->certificates)
        curl.easy_setopt(e, CURLOPT_CAINFO, t->try->certificates);
    curl.easy_setopt(e, CURLOPT_ERRORBUFFER, t->why);
    set_body(t);
    return curl.easy_setopt(e, CURLOPT_URL, t->try->url) ? err_oom(t->err) : 0;
}

static int drive(struct transfer *t, struct lane *l, CURLcode *result)
{
    struct call *call = t->try->call;
    struct curl_waitfd extra = { .fd = call ? call->event_fd : -1, .events = CURL_WAIT_POLLIN };
    int64_t deadline = t->req->timeout_ms ? clock_ms() + t->req->timeout_ms : 0;
    int running = 1, ignored;
    CURLMsg *msg;

    for (;;) {
        int left = clock_left(deadline);
        if (curl.multi_perform(l->multi, &running))
            return err_set(t->err, ERR_INTERNAL, "libcurl failed");
        if (!running)
            break;
        if (call && call_check(call, t->err))
            return -1;
        if (!left)
            return err_set(t->err, ERR_UNAVAILABLE, "%s at %s did not answer in time",
                           t->try->options->service, t->try->origin);
        if (left < 0 || left > CHECK_MS)
            left = CHECK_MS;
        curl.multi_poll(l->multi, &extra, call ? 1 : 0, left, NULL);
    }
    msg = curl.multi_info_read(l->multi, &ignored);
    *result = msg ? msg->data.result : CURLE_FAILED_INIT;
    return 0;
}

/* No byte came back on a connection of an earlier request. */
static bool died_before(struct transfer *t, CURLcode code)
{
    long connects = 1, header = 1;

    curl.easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl.easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &header);
    return code == CURLE_SEND_FAIL_REWIND || (!connects && !header && !t->resp->body.len);
}

static int explain(struct transfer *t, CURLcode code)
{
    const char *service = t->try->options->service,
               *why = *t->why ? t->why : curl.easy_strerror(code);
    long bytes = 0, errnum = 0;
    char text[128];

    if (t->failed)
        return -1;
    curl.easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
    t->resp->stale = died_before(t, code);
    if (bytes)
        return err_set(t->err, ERR_UNAVAILABLE, "the answer of %s at %s broke off (%s)", service,
                       t->try->origin, why);
    t->resp->unsure = false;
    curl.easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &errnum);
    if (code == CURLE_COULDNT_CONNECT && errnum)
        why = strerror_r((int)errnum, text, sizeof(text));
    err_set(t->err, ERR_UNAVAILABLE, "cannot reach %s at %s: %s", service, t->try->origin, why);
    return err_next(t->err, "check that it runs and that the URL is right");
}

static void take_facts(struct transfer *t)
{
    struct http_response *r = t->resp;
    const char *type = NULL, *location = NULL;
    curl_off_t wait_s = 0;
    long status = 0;

    curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    curl.easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &location);
    curl.easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait_s);
    r->status = (int)status;
    snprintf(r->content_type, sizeof(r->content_type), "%s", type ? type : "");
    snprintf(r->location, sizeof(r->location), "%s", location ? location : "");
    r->retry_after_ms = wait_s > 0 && wait_s < 86400 ? (int64_t)wait_s * 1000 : 0;
}

static int run(struct transfer *t, struct lane *l)
{
    CURLcode code = CURLE_OK;
    int r = set_up(t);

    if (r)
        return -1;
    if (curl.multi_add_handle(l->multi, l->easy))
        return err_oom(t->err);
    r = drive(t, l, &code);
    if (!r && code)
        r = explain(t, code);
    if (!r)
        take_facts(t);
    curl.multi_remove_handle(l->multi, l->easy);
    return r;
}

int http_wire_try(struct http_wire *w, const struct http_try *try, struct http_response *resp,
                  struct err *err)
{
    struct transfer t = { .try = try, .req = try->req, .resp = resp, .err = err };
    struct lane *l;
    int r;

    pthread_once(&loaded, load);
    if (!usable) {
        err_set(err, ERR_UNSUPPORTED, "libcurl.so.4 is missing on this machine");
        return err_next(err, "install libcurl4, or run make deps");
    }
    l = lane_take(w);
    if (!l)
        return err_oom(err);
    t.easy = l->easy;
    resp->status = 0;
    resp->unsure = true;
    resp->stale = false;
    buf_clear(&resp->body);
    if (try->req->sink)
        try->req->sink->begin(try->req->sink);
    r = run(&t, l);
    lane_give(w, l);
    curl.slist_free_all(t.headers);
    resp->unsure = r && resp->unsure;
    return r;
}

struct http_wire *http_wire_new(void)
{
    struct http_wire *w = calloc(1, sizeof(*w));

    if (w)
        pthread_mutex_init(&w->lock, NULL);
    return w;
}

void http_wire_free(struct http_wire *w)
{
    if (!w)
        return;
    for (struct lane *l; (l = w->idle); lane_free(l))
        w->idle = l->next;
    pthread_mutex_destroy(&w->lock);
    free(w);
}
