#include "transport/upgrade.h"
#include "base/clock.h"
#include "base/list.h"
#include "transport/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define STOP_MS 3000 /* to say good-bye; then they are cut */

struct upgrades {
    const struct upgrade_handler *handler;
    struct tickets *tickets;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    struct list all;
    unsigned count;
    bool stopping;
};

struct upgraded {
    struct list link;
    struct upgrades *of;
    struct identity who;
    struct ws *ws; /* of.lock; NULL: not begun, or over */
    struct MHD_UpgradeResponseHandle *handle;
    void *session;
    char path[];
};

int upgrades_new(const struct upgrade_handler *handler, struct tickets *tickets,
                 struct upgrades **out, struct err *err)
{
    struct upgrades *u = calloc(1, sizeof(*u));
    pthread_condattr_t attr;

    if (!u)
        return err_oom(err);
    u->handler = handler;
    u->tickets = tickets;
    list_init(&u->all);
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&u->changed, &attr);
    pthread_condattr_destroy(&attr);
    *out = u;
    return 0;
}

static void tell_all(struct upgrades *u, bool now)
{
    list_each(link, &u->all)
    {
        struct upgraded *one = list_of(link, struct upgraded, link);
        if (one->ws && now)
            ws_break(one->ws);
        else if (one->ws)
            ws_end(one->ws, WS_GOING, "the server stops");
    }
}

void upgrades_stop(struct upgrades *u)
{
    int64_t until_ms = clock_ms() + STOP_MS;
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
    int r = 0;

    if (!u)
        return;
    pthread_mutex_lock(&u->lock);
    u->stopping = true;
    tell_all(u, false);
    while (u->count && !r)
        r = pthread_cond_timedwait(&u->changed, &u->lock, &until);
    tell_all(u, true);
    while (u->count)
        pthread_cond_wait(&u->changed, &u->lock);
    pthread_mutex_unlock(&u->lock);
}

void upgrades_free(struct upgrades *u)
{
    if (!u)
        return;
    pthread_cond_destroy(&u->changed);
    pthread_mutex_destroy(&u->lock);
    free(u);
}

bool upgrades_path(const struct upgrades *u, const char *path)
{
    return u && !strncmp(path, u->handler->prefix, strlen(u->handler->prefix));
}

bool upgrades_admit(struct upgrades *u, const char *ticket, const char *path, struct identity *who)
{
    return ticket && ticket_redeem(u->tickets, ticket, u->handler->purpose, path, who);
}

/* ---- on the thread of the connection ---- */

static int on_open(void *context, struct ws *ws, struct err *err)
{
    struct upgraded *one = context;
    const struct upgrade_handler *handler = one->of->handler;

    return handler->open(handler->context, ws, &one->who, one->path + strlen(handler->prefix),
                         &one->session, err);
}

static void on_message(void *context, const char *text, size_t len)
{
    struct upgraded *one = context;

    one->of->handler->message(one->session, text, len);
}

static void on_close(void *context)
{
    struct upgraded *one = context;

    one->of->handler->close(one->session);
}

/* The library closes the socket. */
static void on_gone(void *context)
{
    struct upgraded *one = context;
    struct upgrades *u = one->of;

    MHD_upgrade_action(one->handle, MHD_UPGRADE_ACTION_CLOSE);
    pthread_mutex_lock(&u->lock);
    list_remove(&one->link);
    u->count--;
    pthread_cond_broadcast(&u->changed);
    pthread_mutex_unlock(&u->lock);
    free(one);
}

/* ---- the library ---- */

static bool has_token(const char *value, const char *token)
{
    size_t len = strlen(token);

    while (value && *value) {
        value += strspn(value, " \t,");
        size_t n = strcspn(value, " \t,");
        if (n == len && !strncasecmp(value, token, n))
            return true;
        value += n;
    }
    return false;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

const char *upgrade_key(struct MHD_Connection *c)
{
    const char *version = header(c, "Sec-WebSocket-Version");
    const char *key = header(c, "Sec-WebSocket-Key");
    char accept[WS_ACCEPT_SIZE];

    if (!has_token(header(c, "Upgrade"), "websocket") ||
        !has_token(header(c, "Connection"), "upgrade") || !version || strcmp(version, "13"))
        return NULL;
    return ws_accept(key, accept) ? key : NULL;
}

/* The handshake is sent. On the library's thread. */
static void on_upgraded(void *cls, struct MHD_Connection *c UNUSED, void *request,
                        const char *extra, size_t extra_len, MHD_socket fd,
                        struct MHD_UpgradeResponseHandle *handle)
{
    struct upgraded *one = cls;
    const struct ws_events events = { on_open, on_message, on_close, on_gone, one };
    struct upgrades *u = one->of;
    int r;

    ((struct http_request *)request)->upgraded = NULL;
    one->handle = handle;
    pthread_mutex_lock(&u->lock);
    r = u->stopping || ws_serve(fd, extra, extra_len, one->who.until_ms, &events, &one->ws, NULL);
    pthread_mutex_unlock(&u->lock);
    if (r)
        on_gone(one);
}

static struct upgraded *take_place(struct upgrades *u, const struct http_request *r)
{
    struct upgraded *one = calloc(1, sizeof(*one) + strlen(r->path) + 1);

    if (!one)
        return NULL;
    one->of = u;
    one->who = r->who;
    strcpy(one->path, r->path);
    pthread_mutex_lock(&u->lock);
    bool room = u->count < UPGRADES_MAX && !u->stopping;
    if (room) {
        list_append(&u->all, &one->link);
        u->count++;
    }
    pthread_mutex_unlock(&u->lock);
    if (room)
        return one;
    free(one);
    return NULL;
}

void upgrade_abandon(struct upgraded *one)
{
    if (!one)
        return;
    pthread_mutex_lock(&one->of->lock);
    list_remove(&one->link);
    one->of->count--;
    pthread_cond_broadcast(&one->of->changed);
    pthread_mutex_unlock(&one->of->lock);
    free(one);
}

bool answer_upgrade(struct http_server *h, struct MHD_Connection *c, struct http_request *r)
{
    struct upgraded *one = take_place(h->core.upgrades, r);
    struct MHD_Response *response;
    char accept[WS_ACCEPT_SIZE];
    bool queued;

    if (!one) {
        r->verdict = VERDICT_BUSY;
        return answer_refusal(h, c, r);
    }
    response = ws_accept(r->websocket_key, accept)
                   ? MHD_create_response_for_upgrade(on_upgraded, one)
                   : NULL;
    r->status = 101;
    queued = response && MHD_add_response_header(response, "Upgrade", "websocket") == MHD_YES &&
             MHD_add_response_header(response, "Sec-WebSocket-Accept", accept) == MHD_YES &&
             MHD_queue_response(c, MHD_HTTP_SWITCHING_PROTOCOLS, response) == MHD_YES;
    if (response)
        MHD_destroy_response(response);
    r->upgraded = one;
    return queued;
}
