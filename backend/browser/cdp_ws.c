#include "backend/browser/cdp.h"
#include "backend/browser/ws_queue.h"
#include "backend/browser/ws_url.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <dlfcn.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE (64 * 1024)
#define LOOK_US 50000 /* at the call, while it connects */

/* What is used of libwebsockets. Linking it would cost every start of the program 0.8 ms. */
#define SYMBOLS(X)               \
    X(create_context)            \
    X(context_destroy)           \
    X(context_user)              \
    X(get_context)               \
    X(client_connect_via_info)   \
    X(http_client_http_response) \
    X(add_http_header_by_name)   \
    X(service)                   \
    X(cancel_service)            \
    X(sul_schedule)              \
    X(callback_on_writable)      \
    X(write)                     \
    X(is_final_fragment)         \
    X(remaining_packet_payload)  \
    X(set_log_level)             \
    X(get_library_version)
#define FIELD(name) __typeof__(lws_##name) *(name);
#define ROW(name) { "lws_" #name, &lib.name },

static struct {
    SYMBOLS(FIELD)
} lib;

static const struct {
    const char *name;
    void *slot;
} symbols[] = { SYMBOLS(ROW) };

enum state { CONNECTING, OPEN, CLOSED };

struct arrival {
    struct list link;
    struct buf text;
};

struct ws_wire {
    struct cdp_wire base;
    struct ws_url url;
    const char *headers; /* while it connects */
    struct lws_context *context;

    /* Of the thread that serves: first the one that connects, then the one that receives. */
    struct lws *wsi;
    enum state state;
    lws_sorted_usec_list_t tick;
    struct buf part; /* of the message that arrives */
    struct list came;
    struct err why; /* it is closed */

    struct ws_queue waiting;
    atomic_bool stopped;
    atomic_bool served; /* there is a thread that receives: */
    pthread_t server;   /* never changes then */
};

static pthread_once_t loaded = PTHREAD_ONCE_INIT;
static bool usable;

/* Its structs differ from release to release. */
static void load(void)
{
    void *handle = dlopen(LWS_SONAME, RTLD_NOW | RTLD_LOCAL);
    int major, minor;

    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *f = handle ? dlsym(handle, symbols[i].name) : NULL;
        if (!f)
            return;
        memcpy(symbols[i].slot, &f, sizeof(f));
    }
    usable = sscanf(lib.get_library_version(), "%d.%d", &major, &minor) == 2 &&
             major == LWS_LIBRARY_VERSION_MAJOR && minor == LWS_LIBRARY_VERSION_MINOR;
    lib.set_log_level(0, NULL);
}

/* ---- what the library tells; on the thread that serves ---- */

/* The library may be about to wait for something else to happen. */
static void finish(struct ws_wire *w)
{
    w->state = CLOSED;
    w->wsi = NULL;
    ws_queue_end(&w->waiting);
    if (!atomic_load(&w->stopped))
        lib.cancel_service(w->context);
}

static void refused(struct ws_wire *w, struct lws *wsi, const char *words, size_t len)
{
    AUTO(buf) struct buf text = BUF_MAX(512);
    unsigned status = wsi ? lib.http_client_http_response(wsi) : 0;

    if (words && text_add_plain(&text, words, strnlen(words, len), NULL, NULL))
        buf_clear(&text);
    if (status >= 300)
        err_set(&w->why, status == 401 || status == 403 ? ERR_UNAUTHORIZED : ERR_UNAVAILABLE,
                "the browser at %s refused the connection: HTTP %u", w->url.host, status);
    else
        err_set(&w->why, ERR_UNAVAILABLE, "cannot connect to the browser at %s%s%s", w->url.host,
                text.len ? ": " : "", buf_str(&text));
    finish(w);
}

static void closed_by_peer(struct ws_wire *w, const unsigned char *in, size_t len)
{
    AUTO(buf) struct buf text = BUF_MAX(512);

    if (len > 2 && text_add_plain(&text, (const char *)in + 2, len - 2, NULL, NULL))
        buf_clear(&text);
    err_set(&w->why, ERR_UNAVAILABLE, "the browser at %s closed the connection (code %d%s%s)",
            w->url.host, len >= 2 ? in[0] << 8 | in[1] : 1005, text.len ? ": " : "",
            buf_str(&text));
}

static void closed(struct ws_wire *w)
{
    if (!w->why.code)
        err_set(&w->why, ERR_UNAVAILABLE, "the connection to the browser at %s was cut",
                w->url.host);
    finish(w);
}

/* "Name: value" lines. */
static int add_headers(struct ws_wire *w, struct lws *wsi, unsigned char **at, size_t room)
{
    unsigned char *end = *at + room;
    char name[128];

    for (const char *line = w->headers; line && *line;) {
        size_t len = strcspn(line, "\n"), colon = strcspn(line, ":");
        const char *value = line + colon + 1;
        if (colon + 2 < sizeof(name) && colon < len) {
            snprintf(name, sizeof(name), "%.*s:", (int)colon, line);
            value += strspn(value, " ");
            if (lib.add_http_header_by_name(wsi, (const unsigned char *)name,
                                            (const unsigned char *)value, (int)(line + len - value),
                                            at, end))
                return -1;
        }
        line += len + (line[len] == '\n');
    }
    return 0;
}

static int take(struct ws_wire *w, struct lws *wsi, const char *data, size_t len)
{
    size_t room = w->part.max - w->part.len;
    struct arrival *m;

    if (buf_add(&w->part, data, len < room ? len : room, &w->why))
        return -1;
    if (!lib.is_final_fragment(wsi) || lib.remaining_packet_payload(wsi))
        return 0;
    m = calloc(1, sizeof(*m));
    if (!m)
        return err_oom(&w->why);
    m->text = w->part;
    w->part = BUF_MAX(CDP_MESSAGE_MAX);
    list_append(&w->came, &m->link);
    return 0;
}

static int write_next(struct ws_wire *w, struct lws *wsi)
{
    bool more;
    struct ws_message *m = ws_queue_next(&w->waiting, &more);
    int r;

    if (!m)
        return 0;
    r = lib.write(wsi, m->data + LWS_PRE, m->len, LWS_WRITE_TEXT);
    free(m);
    if (r >= 0 && more)
        lib.callback_on_writable(wsi);
    return r < 0 ? -1 : 0;
}

static int on_ws(struct lws *wsi, enum lws_callback_reasons why, void *user UNUSED, void *in,
                 size_t len)
{
    struct ws_wire *w = wsi ? lib.context_user(lib.get_context(wsi)) : NULL;

    if (!w)
        return 0;
    switch ((int)why) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return add_headers(w, wsi, in, len);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        refused(w, wsi, in, len);
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        w->state = OPEN;
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return take(w, wsi, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_next(w, wsi);
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        if (w->wsi && w->state == OPEN)
            lib.callback_on_writable(w->wsi);
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        closed_by_peer(w, in, len);
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        closed(w);
        break;
    }
    return 0;
}

/* ---- the wire ---- */

/* The thread that serves does not wait for itself. */
static int ws_send(struct cdp_wire *wire, const char *json, size_t len, struct err *err)
{
    struct ws_wire *w = (struct ws_wire *)wire;
    bool wait = !atomic_load(&w->served) || !pthread_equal(w->server, pthread_self());

    if (ws_queue_add(&w->waiting, json, len, wait, err))
        return -1;
    lib.cancel_service(w->context);
    return 0;
}

static int ws_receive(struct cdp_wire *wire, struct buf *buf, struct err *err)
{
    struct ws_wire *w = (struct ws_wire *)wire;

    if (!atomic_load(&w->served)) {
        w->server = pthread_self();
        atomic_store(&w->served, true);
    }
    while (!atomic_load(&w->stopped)) {
        if (!list_empty(&w->came)) {
            struct arrival *m = list_of(w->came.next, struct arrival, link);
            list_remove(&m->link);
            buf_done(buf);
            *buf = m->text;
            free(m);
            return 1;
        }
        if (w->state == CLOSED) {
            *err = w->why;
            return -1;
        }
        if (lib.service(w->context, 0) < 0)
            return err_set(err, ERR_UNAVAILABLE, "the connection to the browser broke");
    }
    return 0;
}

static void ws_stop(struct cdp_wire *wire)
{
    struct ws_wire *w = (struct ws_wire *)wire;

    atomic_store(&w->stopped, true);
    ws_queue_end(&w->waiting);
    lib.cancel_service(w->context);
}

static void ws_free(struct cdp_wire *wire)
{
    struct ws_wire *w = (struct ws_wire *)wire;

    atomic_store(&w->stopped, true);
    if (w->context)
        lib.context_destroy(w->context);
    list_each(link, &w->came)
    {
        struct arrival *m = list_of(link, struct arrival, link);
        list_remove(link);
        buf_done(&m->text);
        free(m);
    }
    ws_queue_done(&w->waiting);
    buf_done(&w->part);
    ws_url_done(&w->url);
    free(w);
}

/* ---- connecting ---- */

static void on_tick(lws_sorted_usec_list_t *tick UNUSED)
{
}

static int begin(struct ws_wire *w, struct err *err)
{
    static const struct lws_protocols protocols[] = {
        { .name = "cdp", .callback = on_ws, .rx_buffer_size = READ_SIZE },
        { .name = NULL },
    };
    static const lws_retry_bo_t idle = {
        .secs_since_valid_ping = 15,
        .secs_since_valid_hangup = 40,
    };
    const char *bundle = getenv("CURL_CA_BUNDLE");
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = w,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .fd_limit_per_thread = 16,
        .pt_serv_buf_size = READ_SIZE,
        .http_proxy_address = "",
        .client_ssl_ca_filepath = bundle && *bundle ? bundle : NULL,
        .options = w->url.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
    };

    w->context = lib.create_context(&info);
    if (!w->context)
        return err_set(err, ERR_INTERNAL, "libwebsockets did not start");
    const struct lws_client_connect_info to = {
        .context = w->context,
        .address = w->url.address,
        .port = w->url.port,
        .path = w->url.path,
        .host = w->url.host,
        .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (w->url.tls ? (int)LCCSCF_USE_SSL : 0),
        .alpn = "http/1.1",
        .local_protocol_name = "cdp",
        .retry_and_idle_policy = &idle,
        .pwsi = &w->wsi,
    };
    if (!lib.client_connect_via_info(&to) && w->state == CONNECTING)
        return err_set(err, ERR_UNAVAILABLE, "cannot connect to the browser at %s", w->url.host);
    return 0;
}

static int await_open(struct ws_wire *w, int64_t timeout_ms, struct call *call, struct err *err)
{
    int64_t deadline_ms = clock_ms() + timeout_ms;

    while (w->state == CONNECTING) {
        if (call && call_check(call, err))
            return -1;
        if (clock_ms() >= deadline_ms)
            return err_set(err, ERR_UNAVAILABLE, "the browser at %s did not answer within %lld ms",
                           w->url.host, (long long)timeout_ms);
        lib.sul_schedule(w->context, 0, &w->tick, on_tick, LOOK_US);
        if (lib.service(w->context, 0) < 0)
            return err_set(err, ERR_UNAVAILABLE, "cannot connect to the browser at %s",
                           w->url.host);
    }
    lib.sul_schedule(w->context, 0, &w->tick, on_tick, LWS_SET_TIMER_USEC_CANCEL);
    w->headers = NULL;
    if (w->state == OPEN)
        return 0;
    *err = w->why;
    return -1;
}

int cdp_ws_new(const struct cdp_ws *to, struct call *call, struct cdp_wire **out, struct err *err)
{
    struct ws_wire *w = calloc(1, sizeof(*w));
    struct err why = { 0 };

    if (!w)
        return err_oom(err);
    w->base = (struct cdp_wire){ ws_send, ws_receive, ws_stop, ws_free };
    w->headers = to->headers;
    w->part = BUF_MAX(CDP_MESSAGE_MAX);
    list_init(&w->came);
    ws_queue_init(&w->waiting, LWS_PRE);
    pthread_once(&loaded, load);
    if (!usable)
        err_set(&why, ERR_UNAVAILABLE, "no " LWS_SONAME " of version %d.%d is installed",
                LWS_LIBRARY_VERSION_MAJOR, LWS_LIBRARY_VERSION_MINOR);
    else if (!ws_url_parse(to->url, &w->url, &why) && !begin(w, &why) &&
             !await_open(w, to->timeout_ms > 0 ? to->timeout_ms : CDP_TIMEOUT_MS, call, &why)) {
        *out = &w->base;
        return 0;
    }
    ws_free(&w->base);
    if (err)
        *err = why;
    return -1;
}
