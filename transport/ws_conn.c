#include "transport/ws_conn.h"
#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define READ_SIZE (64 * 1024)
#define STACK_SIZE (512 * 1024)

struct chunk {
    struct list link;
    size_t at, len;
    unsigned char data[];
};

struct ws {
    int fd, wake_fd;
    struct ws_events events;
    struct ws_reader reader;
    int64_t until_ms, heard_ms, pinged_ms, closed_ms;
    bool peer_closed; /* it said so */
    atomic_bool broken;

    pthread_mutex_t lock; /* all below */
    struct list out;
    size_t waiting;
    bool closing; /* a close frame is the last one that waits, or was sent */

    size_t early;
    unsigned char bytes[READ_SIZE];
};

/* ---- what is to be sent ---- */

static void wake(struct ws *ws)
{
    (void)eventfd_write(ws->wake_fd, 1);
}

/* Locked. Control frames always find room. */
static void add(struct ws *ws, enum ws_opcode opcode, const void *data, size_t len)
{
    struct chunk *c = malloc(sizeof(*c) + WS_HEAD_MAX + len);

    if (!c) {
        atomic_store(&ws->broken, true);
        return;
    }
    c->at = 0;
    c->len = ws_head(c->data, opcode, len);
    memcpy(c->data + c->len, data, len);
    c->len += len;
    list_append(&ws->out, &c->link);
    ws->waiting += c->len;
}

/* Locked. */
static void add_close(struct ws *ws, enum ws_status status, const char *reason)
{
    unsigned char data[WS_CONTROL_MAX];
    size_t len = strlen(reason);

    if (ws->closing)
        return;
    if (len > WS_CONTROL_MAX - 2)
        for (len = WS_CONTROL_MAX - 2; len && (reason[len] & 0xc0) == 0x80; len--)
            ;
    data[0] = (unsigned char)(status >> 8);
    data[1] = (unsigned char)status;
    memcpy(data + 2, reason, len);
    add(ws, WS_CLOSE, data, len + 2);
    ws->closing = true;
}

void ws_send(struct ws *ws, const char *text, size_t len)
{
    pthread_mutex_lock(&ws->lock);
    if (ws->waiting + len > WS_OUT_MAX)
        add_close(ws, WS_LATER, "what is sent is not read");
    else if (!ws->closing)
        add(ws, WS_TEXT, text, len);
    pthread_mutex_unlock(&ws->lock);
    wake(ws);
}

void ws_end(struct ws *ws, enum ws_status status, const char *reason)
{
    pthread_mutex_lock(&ws->lock);
    add_close(ws, status, reason);
    pthread_mutex_unlock(&ws->lock);
    wake(ws);
}

void ws_break(struct ws *ws)
{
    atomic_store(&ws->broken, true);
    wake(ws);
}

static void say(struct ws *ws, enum ws_opcode opcode, const void *data, size_t len)
{
    pthread_mutex_lock(&ws->lock);
    if (!ws->closing && ws->waiting <= WS_OUT_MAX)
        add(ws, opcode, data, len);
    pthread_mutex_unlock(&ws->lock);
}

static void flush(struct ws *ws)
{
    for (;;) {
        pthread_mutex_lock(&ws->lock);
        struct chunk *c = list_empty(&ws->out) ? NULL : list_of(ws->out.next, struct chunk, link);
        pthread_mutex_unlock(&ws->lock);
        if (!c)
            return;
        ssize_t n = send(ws->fd, c->data + c->at, c->len - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0) {
            atomic_store(&ws->broken, true);
            return;
        }
        c->at += (size_t)n;
        pthread_mutex_lock(&ws->lock);
        ws->waiting -= (size_t)n;
        if (c->at == c->len) {
            list_remove(&c->link);
            free(c);
        }
        pthread_mutex_unlock(&ws->lock);
    }
}

/* ---- what comes ---- */

static void take_bytes(struct ws *ws, size_t len)
{
    size_t at = 0, used;
    enum ws_status status = WS_NORMAL;

    ws->heard_ms = clock_ms();
    while (at < len && !ws->peer_closed) {
        enum ws_got got = ws_read(&ws->reader, ws->bytes + at, len - at, &used, &status);
        at += used;
        switch (got) {
        case WS_GOT_MESSAGE:
            ws->events.message(ws->events.context, buf_str(&ws->reader.message),
                               ws->reader.message.len);
            break;
        case WS_GOT_PING:
            say(ws, WS_PONG, ws->reader.control, ws->reader.control_len);
            break;
        case WS_GOT_CLOSE:
            ws->peer_closed = true;
            ws_end(ws, WS_NORMAL, "");
            break;
        case WS_GOT_WRONG:
            ws->peer_closed = true;
            ws_end(ws, status, "");
            break;
        case WS_GOT_PONG:
        case WS_GOT_NOTHING:
            break;
        }
    }
}

static void receive(struct ws *ws)
{
    ssize_t n = recv(ws->fd, ws->bytes, sizeof(ws->bytes), MSG_DONTWAIT);

    if (n > 0)
        take_bytes(ws, (size_t)n);
    else if (!n || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        atomic_store(&ws->broken, true);
}

/* ---- the thread ---- */

static void keep_time(struct ws *ws, int64_t now_ms)
{
    if (ws->until_ms && now_ms >= ws->until_ms)
        ws_end(ws, WS_POLICY, "the token has expired");
    if (now_ms - ws->heard_ms >= WS_SILENT_MS)
        atomic_store(&ws->broken, true);
    if (now_ms - ws->heard_ms >= WS_PING_MS && now_ms - ws->pinged_ms >= WS_PING_MS) {
        ws->pinged_ms = now_ms;
        say(ws, WS_PING, "", 0);
    }
}

/* False: it is over. */
static bool step(struct ws *ws)
{
    struct pollfd fds[2] = { { .fd = ws->fd }, { .fd = ws->wake_fd, .events = POLLIN } };
    int64_t now_ms = clock_ms();
    eventfd_t ignored;
    bool closing;
    size_t waiting;

    keep_time(ws, now_ms);
    pthread_mutex_lock(&ws->lock);
    waiting = ws->waiting;
    closing = ws->closing;
    pthread_mutex_unlock(&ws->lock);
    if (atomic_load(&ws->broken) || (closing && !waiting && ws->peer_closed))
        return false;
    if (closing && !ws->closed_ms)
        ws->closed_ms = now_ms;
    if (closing && now_ms - ws->closed_ms >= WS_CLOSE_MS)
        return false;
    fds[0].events =
        (short)((waiting ? POLLOUT : 0) | (waiting < WS_OUT_HIGH && !ws->peer_closed ? POLLIN : 0));
    if (poll(fds, 2, closing ? WS_CLOSE_MS / 8 : WS_PING_MS / 8) < 0)
        return errno == EINTR;
    if (fds[1].revents)
        (void)eventfd_read(ws->wake_fd, &ignored);
    if (waiting || fds[1].revents)
        flush(ws);
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
        receive(ws);
    return true;
}

static void ws_free(struct ws *ws)
{
    list_each(link, &ws->out)
    {
        list_remove(link);
        free(list_of(link, struct chunk, link));
    }
    ws_reader_done(&ws->reader);
    fd_close(&ws->wake_fd);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}

static void *serve(void *arg)
{
    struct ws *ws = arg;
    struct ws_events events = ws->events;
    struct err err = { 0 };

    bool opened = !events.open(events.context, ws, &err);
    if (!opened)
        ws_end(ws, WS_FAILED, err.msg);
    else
        take_bytes(ws, ws->early);
    ws->heard_ms = clock_ms();
    while (step(ws))
        ;
    if (opened)
        events.close(events.context);
    events.gone(events.context);
    ws_free(ws);
    return NULL;
}

static int start(struct ws *ws, struct err *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    r = pthread_create(&thread, &attr, serve, ws);
    pthread_attr_destroy(&attr);
    return r ? err_sys(err, r, "start a thread") : 0;
}

int ws_serve(int fd, const void *early, size_t len, int64_t until_ms,
             const struct ws_events *events, struct ws **out, struct err *err)
{
    struct ws *ws = calloc(1, sizeof(*ws));
    int on = 1;

    if (!ws)
        return err_oom(err);
    *ws = (struct ws){ .fd = fd, .events = *events, .until_ms = until_ms };
    pthread_mutex_init(&ws->lock, NULL);
    list_init(&ws->out);
    ws_reader_init(&ws->reader, WS_MESSAGE_MAX);
    ws->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ws->early = len < sizeof(ws->bytes) ? len : sizeof(ws->bytes);
    memcpy(ws->bytes, early, ws->early);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *out = ws;
    if (ws->wake_fd < 0 ? err_sys(err, errno, "eventfd") : start(ws, err)) {
        *out = NULL;
        ws_free(ws);
        return -1;
    }
    return 0;
}
