#include "transport/http.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/download.h"
#include "transport/http_listen.h"
#include "transport/http_server.h"
#include "transport/http_tls.h"
#include "transport/upgrade.h"
#include "transport/upload.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define CONNECTION_MEMORY (12 * 1024) /* request line, headers, and read and write buffers */
#define STOP_GRACE_MS 1000
#define LOOK_AGAIN_US 100     /* a call that takes longer costs a suspended connection */
#define SPARE_DESCRIPTORS 256 /* of the process, for everything that is not a connection */

static void suspend(void *connection)
{
    MHD_suspend_connection(connection);
}

static void resume(void *connection)
{
    MHD_resume_connection(connection);
}

static const struct exchange_ops ops = { .suspend = suspend, .resume = resume };

static int fd_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct peer *peer_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind UNUSED, const char *name,
                                  const char *value)
{
    return http_headers_add(cls, name, value) ? MHD_YES : MHD_NO;
}

static enum MHD_Result result(bool queued)
{
    return queued ? MHD_YES : MHD_NO;
}

static bool streams(const struct http_request *r)
{
    struct exchange *x = r->exchange;

    return r->stream_of || exchange_streams(x) ||
           (x->wants_events && x->call && server_call_streams(x->call));
}

/*
 * A quick call is answered before its connection had to be suspended: without a response the
 * library comes back after it has looked at the other connections.
 */
static bool comes_soon(struct http_request *r)
{
    int64_t now_us = clock_us();

    if (!r->asked_us)
        r->asked_us = now_us;
    return now_us - r->asked_us < LOOK_AGAIN_US;
}

/* Also called again after each resume. */
static enum MHD_Result proceed(struct http_server *h, struct MHD_Connection *c,
                               struct http_request *r)
{
    struct exchange *x = r->exchange;

    if (exchange_state(x) == EXCHANGE_ANSWERED)
        return result(r->stream_of ? answer_stream(h, c, r) : answer_exchange(h, c, r));
    if (exchange_state(x) == EXCHANGE_GONE)
        return MHD_NO;
    if (!streams(r) && comes_soon(r))
        return MHD_YES;
    if (!r->watched) {
        r->watched = watch_set(h->watch, peer_of(c)->watch_id, x);
        if (!r->watched) {
            exchange_gone(x);
            return MHD_NO;
        }
    }
    if (streams(r))
        return result(answer_stream(h, c, r));
    exchange_park(x);
    return MHD_YES;
}

static enum MHD_Result begin(struct http_server *h, struct MHD_Connection *c, const char *method,
                             const char *path, void **context)
{
    struct http_request *r = peer_of(c) ? calloc(1, sizeof(*r)) : NULL;

    if (!r)
        return MHD_NO;
    *context = r;
    r->token_in_query = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "access_token");
    r->ticket = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "ticket");
    r->websocket_key = h->core.upgrades ? upgrade_key(c) : NULL;
    if (MHD_get_connection_values(c, MHD_HEADER_KIND, add_header, &r->headers) < 0)
        return MHD_NO;
    request_begin(&h->core, r, method, path);
    return request_refuse_now(r) ? result(answer_refusal(h, c, r)) : MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version UNUSED, const char *data,
                                  size_t *len, void **context)
{
    struct http_server *h = cls;
    struct http_request *r = *context;

    if (!r)
        return begin(h, c, method, path, context);
    if (*len) {
        bool go_on = request_body(&h->core, r, data, *len);
        *len = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    if (r->exchange)
        return proceed(h, c, r);
    switch (request_handle(&h->core, peer_of(c), r, c)) {
    case ANSWER_EXCHANGE:
        return proceed(h, c, r);
    case ANSWER_EMPTY:
        return result(answer_empty(h, c, r));
    case ANSWER_OPS:
        return result(answer_ops(h, c, r));
    case ANSWER_PREFLIGHT:
        return result(answer_preflight(h, c, r));
    case ANSWER_UPGRADE:
        return result(answer_upgrade(h, c, r));
    case ANSWER_DOWNLOAD:
        return result(answer_download(h, c, r));
    case ANSWER_REFUSAL:
        break;
    }
    return result(answer_refusal(h, c, r));
}

static void on_completed(void *cls, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode why UNUSED)
{
    struct http_server *h = cls;
    struct http_request *r = *context;

    if (!r)
        return;
    *context = NULL;
    upgrade_abandon(r->upgraded);
    if (r->exchange)
        exchange_over(r->exchange);
    if (r->watched)
        watch_clear(h->watch, peer_of(c)->watch_id);
    request_done(&h->core, peer_of(c), r);
    free(r);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *h = cls;
    struct peer *peer = *context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = peer = calloc(1, sizeof(*peer));
        if (!peer)
            return;
        http_address(MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                     peer->address);
        peer->watch_id = watch_open(h->watch, fd_of(c));
        metrics_connection(h->core.metrics, true);
    } else if (peer) {
        metrics_connection(h->core.metrics, false);
        watch_close(h->watch, peer->watch_id, fd_of(c));
        peer_done(peer);
        free(peer);
        *context = NULL;
    }
}

/* Daemons of earlier certificates whose last connection is gone; or all. */
static void stop_retired(struct http_server *h, bool all)
{
    pthread_mutex_lock(&h->lock);
    for (int i = 0; i < HTTP_CERTIFICATES; i++) {
        struct MHD_Daemon *d = h->retired[i];
        if (!d ||
            (!all && MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections))
            continue;
        MHD_stop_daemon(d);
        h->retired[i] = NULL;
    }
    pthread_mutex_unlock(&h->lock);
}

static void on_tick(void *context, int64_t now_ms)
{
    struct http_server *h = context;

    sessions_expire(h->core.sessions, now_ms);
    stop_retired(h, false);
}

PRINTF(2, 0) static void on_log(void *cls UNUSED, const char *fmt, va_list ap)
{
    char line[512];

    vsnprintf(line, sizeof(line), fmt, ap);
    log_debug("microhttpd %s", line);
}

static unsigned connections(unsigned wanted)
{
    struct rlimit limit;
    rlim_t spare = SPARE_DESCRIPTORS;

    if (!wanted)
        wanted = HTTP_CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    if (spare > limit.rlim_cur / 2)
        spare = limit.rlim_cur / 2;
    return wanted < limit.rlim_cur - spare ? wanted : (unsigned)(limit.rlim_cur - spare);
}

static struct MHD_Daemon *make_daemon(struct http_server *h)
{
    const struct http_config *config = &h->config;
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)config->tls_cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)config->tls_key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES },
        { MHD_OPTION_END, 0, NULL },
    };

    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            (config->tls_cert ? MHD_USE_TLS : 0) | (h->core.upgrades ? MHD_ALLOW_UPGRADE : 0),
        0, NULL, NULL, on_request, h, MHD_OPTION_ARRAY, config->tls_cert ? tls : tls + 3,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, h->per_address, MHD_OPTION_EXTERNAL_LOGGER, on_log,
        NULL, MHD_OPTION_LISTEN_SOCKET, h->listen_fd, MHD_OPTION_THREAD_POOL_SIZE,
        config->threads ? config->threads : 2u, MHD_OPTION_CONNECTION_LIMIT,
        connections(config->connections_max), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_SECONDS,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_END);
}

static int start_daemon(struct http_server *h, struct err *err)
{
    h->daemon = make_daemon(h);
    return h->daemon ? 0 : err_set(err, ERR_INTERNAL, "the HTTP library did not start");
}

static int start(struct http_server *h, const struct http_config *config, struct err *err)
{
    struct guard *guard = &h->core.guard;

    h->port = config->port;
    h->listen_fd = http_listen(config->address, &h->port, &guard->loopback, err);
    if (h->listen_fd < 0)
        return -1;
    if (!config->auth && !guard->loopback) {
        err_set(err, ERR_DENIED, "refused to listen on %s without a token", config->address);
        return err_next(err, "listen on 127.0.0.1, or configure a token");
    }
    if (!config->connections_per_address && !guard->loopback)
        h->per_address = HTTP_CONNECTIONS_PER_ADDRESS;
    else
        h->per_address = config->connections_per_address;
    if (metadata_make(&config->metadata, &h->core.metadata, err) ||
        sessions_new(&h->core.sessions, err) || answers_make(h, err) ||
        watch_start(on_tick, h, &h->watch, err) ||
        (config->downloads && uploads_new(&h->core.uploads, err)) ||
        (config->upgrade && !config->tls_cert &&
         upgrades_new(config->upgrade, config->tickets, &h->core.upgrades, err)))
        return -1;
    return start_daemon(h, err);
}

int http_start(const struct http_config *config, struct server *server, struct http_server **out,
               struct err *err)
{
    struct http_server *h = calloc(1, sizeof(*h));

    if (!h)
        return err_oom(err);
    h->config = *config;
    pthread_mutex_init(&h->lock, NULL);
    h->core.server = server;
    h->core.auth = config->auth;
    h->core.ops = &ops;
    h->core.limit = config->limit;
    h->core.metrics = config->metrics;
    h->core.metrics_open = config->metrics_open;
    h->core.access_log = config->access_log;
    h->core.probe = config->probe;
    h->core.downloads = config->downloads;
    h->core.guard = (struct guard){
        .address = config->address,
        .hosts = config->allowed_hosts,
        .origins = config->allowed_origins,
        .body_max = config->body_max ? config->body_max : HTTP_BODY_MAX,
    };
    if (start(h, config, err)) {
        http_stop(h);
        return -1;
    }
    *out = h;
    return 0;
}

uint16_t http_port(const struct http_server *h)
{
    return h->port;
}

void http_drain(struct http_server *h)
{
    atomic_store(&h->core.stopping, true);
    watch_drain(h->watch);
}

unsigned http_waiting(const struct http_server *h)
{
    return watch_waiting(h->watch) + atomic_load(&h->core.downloading);
}

int http_renew(struct http_server *h, const char *tls_cert, const char *tls_key, struct err *err)
{
    struct http_config before = h->config;
    struct MHD_Daemon *old = h->daemon;
    int place = 0;

    stop_retired(h, false);
    while (place < HTTP_CERTIFICATES && h->retired[place])
        place++;
    if (place == HTTP_CERTIFICATES)
        return err_set(err, ERR_BUSY, "connections of %d earlier certificates are still open",
                       HTTP_CERTIFICATES);
    h->config.tls_cert = tls_cert;
    h->config.tls_key = tls_key;
    MHD_quiesce_daemon(old);
    if (start_daemon(h, err)) {
        h->config = before;
        if (start_daemon(h, NULL))
            log_error("no connection is accepted any more");
    }
    pthread_mutex_lock(&h->lock);
    h->retired[place] = old;
    pthread_mutex_unlock(&h->lock);
    return h->config.tls_cert == tls_cert ? 0 : -1;
}

/* The library panics when it is stopped with a suspended connection. */
void http_stop(struct http_server *h)
{
    if (!h)
        return;
    atomic_store(&h->core.stopping, true);
    if (h->daemon) {
        MHD_quiesce_daemon(h->daemon);
        upgrades_stop(h->core.upgrades);
        uploads_stop(h->core.uploads);
        watch_stop(h->watch, STOP_GRACE_MS);
        MHD_stop_daemon(h->daemon);
        stop_retired(h, true);
    }
    upgrades_free(h->core.upgrades);
    uploads_free(h->core.uploads);
    watch_free(h->watch);
    sessions_free(h->core.sessions);
    answers_done(h);
    metadata_done(&h->core.metadata);
    fd_close(&h->listen_fd);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
