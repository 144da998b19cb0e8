#include "cli/otlp.h"
#include "backend/remote/http.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "cli/otlp_span.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define HEADERS_MAX 16
#define TEXT_MAX 8192 /* of URL and headers */
#define DELAY_MS 5000
#define SEND_MS 10000

struct otlp {
    struct http_client *http;
    struct call call;        /* ends what is being sent */
    struct buf url, headers; /* texts that the client borrows */
    const char *header[HEADERS_MAX];
    size_t header_count;
    const char *service;
    char instance[ID_SIZE];
    int64_t delay_ms;
    pthread_t thread;
    bool failing; /* the thread's: said once */
    _Atomic uint64_t dropped;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t more, gone;
    struct buf queue; /* spans, separated by commas */
    unsigned count;
    bool closing, over;
};

static void drop(struct otlp *o, unsigned spans)
{
    atomic_fetch_add_explicit(&o->dropped, spans, memory_order_relaxed);
}

static int post(struct otlp *o, const struct buf *spans, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(OTLP_QUEUE_MAX + 4096);
    __attribute__((cleanup(http_response_done))) struct http_response resp = {
        .body = BUF_MAX(HTTP_TEXT_MAX),
    };
    struct http_request req = {
        .method = "POST",
        .path = "",
        .content_type = "application/json",
        .idempotent = true,
        .timeout_ms = SEND_MS,
    };

    if (otlp_request(&body, o->service, o->instance, spans->data, spans->len, err))
        return -1;
    req.body = body.data;
    req.len = body.len;
    if (http_send(o->http, &o->call, &req, &resp, err))
        return -1;
    if (resp.status / 100 != 2)
        return err_set(err, ERR_UNAVAILABLE, "the collector answered %d", resp.status);
    return 0;
}

static void flush(struct otlp *o, const struct buf *spans, unsigned count)
{
    struct err err = { 0 };

    if (!post(o, spans, &err)) {
        o->failing = false;
        return;
    }
    drop(o, count);
    if (!o->failing)
        log_warn("traces: %s", err.msg);
    o->failing = true;
}

/* Lock held. Until the delay is over, a batch is full, or the end. */
static void await_batch(struct otlp *o)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += o->delay_ms / 1000;
    until.tv_nsec += o->delay_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!r && !o->closing && o->queue.len < OTLP_BATCH)
        r = pthread_cond_timedwait(&o->more, &o->lock, &until);
}

static void *run(void *arg)
{
    struct otlp *o = arg;
    struct buf spans = BUF_MAX(OTLP_QUEUE_MAX);
    bool over = false;

    while (!over) {
        struct buf taken;
        unsigned count;
        pthread_mutex_lock(&o->lock);
        await_batch(o);
        taken = o->queue;
        o->queue = spans;
        spans = taken;
        count = o->count;
        o->count = 0;
        over = o->closing;
        pthread_mutex_unlock(&o->lock);
        if (count)
            flush(o, &spans, count);
        buf_clear(&spans);
    }
    buf_done(&spans);
    pthread_mutex_lock(&o->lock);
    o->over = true;
    pthread_cond_signal(&o->gone);
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* ---- configuration ---- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int add_url(struct otlp *o, const char *base, struct err *err)
{
    static const char path[] = "/v1/traces";
    size_t len = strlen(base);

    while (len && base[len - 1] == '/')
        len--;
    if (buf_add(&o->url, base, len, err))
        return -1;
    if (len >= sizeof(path) - 1 &&
        !strncmp(base + len - (sizeof(path) - 1), path, sizeof(path) - 1))
        return 0;
    return buf_adds(&o->url, path, err);
}

/* "name=value,name=value" as "name: value" strings. */
static int add_headers(struct otlp *o, const char *text, struct err *err)
{
    size_t starts[HEADERS_MAX];

    while (text && *text) {
        size_t len = strcspn(text, ","), name = strcspn(text, "=,");
        if (name == 0 || name >= len || o->header_count == HEADERS_MAX)
            return err_set(err, ERR_INVALID,
                           "OTEL_EXPORTER_OTLP_HEADERS: not name=value,name=value");
        starts[o->header_count++] = o->headers.len;
        if (buf_add(&o->headers, text, name, err) || buf_adds(&o->headers, ": ", err) ||
            buf_add(&o->headers, text + name + 1, len - name - 1, err) ||
            buf_add(&o->headers, "", 1, err))
            return -1;
        text += len + (text[len] == ',');
    }
    for (size_t i = 0; i < o->header_count; i++)
        o->header[i] = o->headers.data + starts[i];
    return 0;
}

static int configure(struct otlp *o, const char *url, const char *exact, struct err *err)
{
    const char *delay = variable("OTEL_BSP_SCHEDULE_DELAY");
    struct http_options options = { .service = "the trace collector" };

    o->service = variable("OTEL_SERVICE_NAME") ?: "sandbox-mcp";
    o->delay_ms = delay ? atoll(delay) : DELAY_MS;
    if (o->delay_ms < 10 || o->delay_ms > 600000)
        o->delay_ms = DELAY_MS;
    id_make("srv", o->instance);
    if (exact ? buf_adds(&o->url, exact, err) : add_url(o, url, err))
        return -1;
    if (add_headers(o, variable("OTEL_EXPORTER_OTLP_HEADERS"), err))
        return -1;
    options.url = o->url.data;
    options.headers = o->header;
    options.header_count = o->header_count;
    return http_open(&options, &o->http, err);
}

static void destroy(struct otlp *o)
{
    http_free(o->http);
    call_done(&o->call);
    pthread_cond_destroy(&o->more);
    pthread_cond_destroy(&o->gone);
    pthread_mutex_destroy(&o->lock);
    buf_done(&o->queue);
    buf_done(&o->url);
    buf_done(&o->headers);
    free(o);
}

static struct otlp *make(struct err *err)
{
    struct otlp *o = calloc(1, sizeof(*o));
    pthread_condattr_t attr;

    if (!o) {
        err_oom(err);
        return NULL;
    }
    if (call_init(&o->call, err)) {
        free(o);
        return NULL;
    }
    buf_init(&o->queue, OTLP_QUEUE_MAX);
    buf_init(&o->url, TEXT_MAX);
    buf_init(&o->headers, TEXT_MAX);
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&o->more, &attr);
    pthread_cond_init(&o->gone, &attr);
    pthread_condattr_destroy(&attr);
    return o;
}

int otlp_open(const char *url, struct otlp **out, struct err *err)
{
    const char *exact = url ? NULL : variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    struct otlp *o;
    int r;

    if (!url && !exact)
        url = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (!url && !exact)
        return 0;
    o = make(err);
    if (!o)
        return -1;
    r = configure(o, url, exact, err) ? err_wrap(err, "the trace collector") : 0;
    if (!r) {
        int e = pthread_create(&o->thread, NULL, run, o);
        r = e ? err_sys(err, e, "start a thread") : 0;
    }
    if (r) {
        destroy(o);
        return -1;
    }
    *out = o;
    return 0;
}

void otlp_free(struct otlp *o)
{
    struct timespec until;

    if (!o)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += OTLP_FLUSH_MS / 1000;
    pthread_mutex_lock(&o->lock);
    o->closing = true;
    pthread_cond_signal(&o->more);
    while (!o->over && !pthread_cond_timedwait(&o->gone, &o->lock, &until))
        ;
    pthread_mutex_unlock(&o->lock);
    call_end(&o->call, CALL_SHUTDOWN);
    pthread_join(o->thread, NULL);
    destroy(o);
}

void otlp_add(struct otlp *o, const struct tool_call *call, enum err_code code, int64_t took_us)
{
    AUTO(buf) struct buf span = BUF_MAX(16384);
    bool full;

    if (!call->origin.trace.sampled)
        return;
    if (otlp_span(&span, call, code, clock_wall_ms() * 1000000, took_us, NULL)) {
        drop(o, 1);
        return;
    }
    pthread_mutex_lock(&o->lock);
    if (!buf_reserve(&o->queue, span.len + 1, NULL) ||
        (o->count && buf_addc(&o->queue, ',', NULL)) ||
        buf_add(&o->queue, span.data, span.len, NULL))
        drop(o, 1);
    else
        o->count++;
    full = o->queue.len >= OTLP_BATCH;
    pthread_mutex_unlock(&o->lock);
    if (full)
        pthread_cond_signal(&o->more);
}

uint64_t otlp_dropped(struct otlp *o)
{
    return o ? atomic_load(&o->dropped) : 0;
}
