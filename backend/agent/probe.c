/*
 * Until something listens on a port of the loopback: seen in /proc/net, so that a server that takes
 * one connection is not met by ours. Only who is to answer is connected to.
 */
#include "backend/agent/agent.h"
#include "backend/agent/channel.h"
#include "backend/agent/request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVERY_MS 50
#define ANSWER_MS 5000

static uint8_t bytes[WIRE_MAX];

struct probe {
    int channel;
    uint16_t port;
    const uint8_t *request;
    size_t request_len, len;
    char answer[WIRE_PROBE_ANSWER];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1 that happened, 0 it did not in time, -1 the channel is closed. fd may be -1. */
static int wait_for(const struct probe *p, int fd, short events, int64_t until)
{
    for (;;) {
        struct pollfd f[2] = { { .fd = p->channel, .events = POLLIN },
                               { .fd = fd, .events = events } };
        int64_t left = until - now_ms();
        if (poll(f, 2, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
            return -1;
        if (f[0].revents)
            return -1;
        if (f[1].revents)
            return 1;
        if (left <= 0)
            return 0;
    }
}

/* "  0: 0100007F:0CEA 00000000:0000 0A ...": hexadecimal, 0A listens. */
static bool line_listens(const char *line, uint16_t port)
{
    unsigned local, state;

    return sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
           local == port && state == 0x0a;
}

static bool table_listens(const char *path, uint16_t port)
{
    static char text[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    bool found = false;
    ssize_t n;

    while (fd >= 0 && !found && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        char *line = text, *end;
        len += (size_t)n;
        text[len] = '\0';
        while (!found && (end = strchr(line, '\n'))) {
            found = line_listens(line, port);
            line = end + 1;
        }
        len -= (size_t)(line - text);
        memmove(text, line, len);
    }
    if (fd >= 0)
        close(fd);
    return found;
}

static bool listens(uint16_t port)
{
    return table_listens("/proc/self/net/tcp", port) || table_listens("/proc/self/net/tcp6", port);
}

/* A connection, -1: there is none to be had, or the channel is closed. */
static int dial(const struct probe *p, int family, int64_t until)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(p->port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(p->port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failed = 0, r;
    socklen_t len = sizeof(failed);

    if (fd < 0)
        return -1;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
                          : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
    if (!r || (errno == EINPROGRESS && wait_for(p, fd, POLLOUT, until) == 1 &&
               !getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) && !failed))
        return fd;
    close(fd);
    return -1;
}

/* Its first line, or what there is of one: it may say nothing, and anything. */
static void listen_to(struct probe *p, int fd, int64_t until)
{
    p->len = 0;
    if (send(fd, p->request, p->request_len, MSG_NOSIGNAL) != (ssize_t)p->request_len)
        return;
    while (p->len < sizeof(p->answer) && wait_for(p, fd, POLLIN, until) == 1) {
        ssize_t n = recv(fd, p->answer + p->len, sizeof(p->answer) - p->len, 0);
        if (n <= 0)
            return;
        p->len += (size_t)n;
        if (memchr(p->answer, '\n', p->len))
            return;
    }
}

static bool ask(struct probe *p)
{
    int64_t until = now_ms() + ANSWER_MS;
    int fd = dial(p, AF_INET, until);

    if (fd < 0)
        fd = dial(p, AF_INET6, until);
    if (fd < 0)
        return false;
    listen_to(p, fd, until);
    close(fd);
    return true;
}

static bool answer(struct probe *p)
{
    static struct wire_out w;

    while (!listens(p->port) || (p->request_len && !ask(p)))
        if (wait_for(p, -1, 0, now_ms() + EVERY_MS))
            return false;
    wire_begin(&w, WIRE_REPLY, 0);
    if (p->request_len)
        wire_put(&w, TAG_DATA, p->answer, p->len);
    return channel_send(p->channel, &w, NULL, 0);
}

void probe_serve(int channel)
{
    static const struct frame_field fields[] = { { TAG_PORT, FIELD_U32 },
                                                 { TAG_DATA, FIELD_BYTES } };
    static struct probe p;
    struct wire_in in;

    p.channel = channel;
    while (request_start(channel, &in, bytes)) {
        uint32_t port = wire_u32(&in, TAG_PORT, 0);
        if (!channel_shape(&in, fields, 2) || !port || port > UINT16_MAX) {
            channel_error(channel, CODE_INVALID, NULL, "port: must be 1 to %d", UINT16_MAX);
            return;
        }
        p.port = (uint16_t)port;
        p.request = in.tags[TAG_DATA].data;
        p.request_len = in.tags[TAG_DATA].len;
        if (!answer(&p))
            return;
    }
}
