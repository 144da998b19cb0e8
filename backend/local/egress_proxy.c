#include "backend/local/egress_proxy.h"
#include "base/clock.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define RELAY_BYTES (32 * 1024)

struct link {
    const struct egress_policy *policy;
    int client, stop_fd;
    void (*refused)(void *context, const char *line);
    void *context;
};

/* 1 ready, 0 time is over or everything stops. */
static int ready(const struct link *l, int fd, short events, int64_t deadline)
{
    struct pollfd p[2] = { { .fd = fd, .events = events }, { .fd = l->stop_fd, .events = POLLIN } };
    int n;

    do
        n = poll(p, 2, clock_left(deadline));
    while (n < 0 && errno == EINTR);
    return n > 0 && !p[1].revents;
}

static void answer(const struct link *l, int status, const char *reason, const char *text)
{
    char reply[1400];
    int n = snprintf(reply, sizeof(reply),
                     "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n%s\n",
                     status, reason, strlen(text) + 1, text);

    if (n > 0 && (size_t)n < sizeof(reply))
        (void)send(l->client, reply, (size_t)n, MSG_NOSIGNAL);
}

/* Up to and with the blank line; what came behind it stays in *in after *head_len. */
static bool read_head(const struct link *l, struct buf *in, size_t *head_len)
{
    int64_t deadline = clock_ms() + EGRESS_CONNECT_S * 1000;

    for (;;) {
        const char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
        size_t room = in->max - in->len;
        char *p;
        ssize_t n;
        if (end) {
            *head_len = (size_t)(end - in->data) + 4;
            return true;
        }
        if (!room) {
            answer(l, 431, "Request Header Fields Too Large", "the request head is too large");
            return false;
        }
        if (!ready(l, l->client, POLLIN, deadline))
            return false;
        p = buf_reserve(in, room < 4096 ? room : 4096, NULL);
        n = p ? io_read(l->client, p, room < 4096 ? room : 4096) : -1;
        if (n <= 0)
            return false;
        buf_commit(in, (size_t)n);
    }
}

static void deny(const struct link *l, const struct egress_head *h, const char *why)
{
    char line[640];

    snprintf(line, sizeof(line), "connect %s:%u refused by egress policy (%s)", h->host, h->port,
             why);
    l->refused(l->context, line);
    answer(l, 403, "Forbidden", line);
}

static int connect_one(const struct link *l, const struct addrinfo *a, int64_t deadline)
{
    AUTO_FD int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof(int);
    int failed = 0, on = 1;

    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) &&
        (errno != EINPROGRESS || !ready(l, fd, POLLOUT, deadline)))
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) || failed)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return TAKE_FD(&fd);
}

static void cleanup_addresses(struct addrinfo **a)
{
    if (*a)
        freeaddrinfo(*a);
}

/* The address that was checked is the one connected to: nothing is resolved twice. */
static int reach(const struct link *l, const struct egress_head *h)
{
    __attribute__((cleanup(cleanup_addresses))) struct addrinfo *all = NULL;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    int64_t deadline = clock_ms() + EGRESS_CONNECT_S * 1000;
    char port[8], text[INET6_ADDRSTRLEN + 64] = "";
    bool any = false;
    int r;

    snprintf(port, sizeof(port), "%u", h->port);
    r = getaddrinfo(h->host, port, &hints, &all);
    if (r) {
        snprintf(text, sizeof(text), "cannot resolve: %s", gai_strerror(r));
        answer(l, 502, "Bad Gateway", text);
        return -1;
    }
    for (struct addrinfo *a = all; a; a = a->ai_next) {
        int fd;
        if (!egress_address_allowed(l->policy, h->host, h->port, a->ai_addr)) {
            char ip[INET6_ADDRSTRLEN] = "?";
            (void)getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof(ip), NULL, 0, NI_NUMERICHOST);
            snprintf(text, sizeof(text), "resolves to the non-public address %s", ip);
            continue;
        }
        any = true;
        fd = connect_one(l, a, deadline);
        if (fd >= 0)
            return fd;
    }
    if (!any)
        deny(l, h, text);
    else
        answer(l, 502, "Bad Gateway", "the host does not answer");
    return -1;
}

/* One direction of a relay: what was read and not yet written. */
struct pump {
    int from, to;
    size_t have, sent;
    bool eof, done;
    char bytes[RELAY_BYTES];
};

static bool pump_step(struct pump *p)
{
    if (p->sent == p->have && !p->eof) {
        ssize_t n = recv(p->from, p->bytes, sizeof(p->bytes), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n < 0)
            return false;
        p->eof = !n;
        p->have = (size_t)n;
        p->sent = 0;
    }
    if (p->sent < p->have) {
        ssize_t n = send(p->to, p->bytes + p->sent, p->have - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        p->sent += n > 0 ? (size_t)n : 0;
    }
    if (p->eof && p->sent == p->have && !p->done) {
        (void)shutdown(p->to, SHUT_WR);
        p->done = true;
    }
    return true;
}

static void want(const struct pump *p, struct pollfd *from, struct pollfd *to)
{
    if (p->sent < p->have)
        to->events |= POLLOUT;
    else if (!p->eof)
        from->events |= POLLIN;
}

static void relay(const struct link *l, int server)
{
    AUTO_FREE struct pump *up = calloc(1, sizeof(*up)), *down = calloc(1, sizeof(*down));

    if (!up || !down)
        return;
    up->from = down->to = l->client;
    up->to = down->from = server;
    while (!(up->done && down->done)) {
        struct pollfd p[3] = { { .fd = l->client },
                               { .fd = server },
                               { .fd = l->stop_fd, .events = POLLIN } };
        int n;
        want(up, &p[0], &p[1]);
        want(down, &p[1], &p[0]);
        n = poll(p, 3, EGRESS_IDLE_S * 1000);
        if ((n < 0 && errno != EINTR) || !n || p[2].revents)
            return;
        if (!pump_step(up) || !pump_step(down) || ((p[0].revents | p[1].revents) & POLLERR))
            return;
    }
}

static bool send_first(int server, const struct egress_head *h, const struct buf *in,
                       size_t head_len)
{
    AUTO(buf) struct buf out = BUF_MAX(2 * EGRESS_HEAD_MAX);

    if (!h->connect && egress_head_rewrite(h, &out, NULL))
        return false;
    if (buf_add(&out, in->data + head_len, in->len - head_len, NULL))
        return false;
    for (size_t at = 0; at < out.len;) {
        struct pollfd p = { .fd = server, .events = POLLOUT };
        ssize_t n = send(server, out.data + at, out.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN && poll(&p, 1, EGRESS_CONNECT_S * 1000) > 0)
            continue;
        if (n < 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

void egress_serve(const struct egress_policy *policy, int client, int stop_fd,
                  void (*refused)(void *context, const char *line), void *context)
{
    static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
    struct link l = { policy, client, stop_fd, refused, context };
    AUTO(buf) struct buf in = BUF_MAX(EGRESS_HEAD_MAX);
    AUTO_FD int server = -1;
    struct egress_head h;
    size_t head_len;
    int status;

    if (!read_head(&l, &in, &head_len))
        return;
    status = egress_head_parse(in.data, head_len, &h);
    if (status) {
        answer(&l, status, "Bad Request", "this proxy takes CONNECT host:port and http:// URLs");
        return;
    }
    if (!egress_policy_allows(policy, h.host, h.port)) {
        deny(&l, &h, "not in the allow list");
        return;
    }
    server = reach(&l, &h);
    if (server < 0)
        return;
    if (h.connect && send(client, established, sizeof(established) - 1, MSG_NOSIGNAL) < 0)
        return;
    if (send_first(server, &h, &in, head_len))
        relay(&l, server);
}
