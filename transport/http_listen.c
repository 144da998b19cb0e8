#include "transport/http_listen.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 1024
#define QUIET_S 60 /* then the other side is asked whether it is still there */
#define ASK_S 15   /* and again after */
#define DEAD_MS 120000

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse(const char *text, uint16_t port, union address *out, socklen_t *len,
                  bool *loopback)
{
    memset(out, 0, sizeof(*out));
    if (!strcmp(text, "localhost"))
        text = "127.0.0.1";
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        *len = sizeof(out->v4);
        *loopback = ntohl(out->v4.sin_addr.s_addr) >> 24 == 127;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) != 1)
        return false;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    *len = sizeof(out->v6);
    *loopback = IN6_IS_ADDR_LOOPBACK(&out->v6.sin6_addr);
    return true;
}

/* Accepted sockets inherit these: a client whose machine vanished is noticed within minutes. */
static void set_patience(int fd)
{
    int on = 1, quiet_s = QUIET_S, ask_s = ASK_S, dead_ms = DEAD_MS;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &quiet_s, sizeof(quiet_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &ask_s, sizeof(ask_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

int http_listen(const char *address, uint16_t *port, bool *loopback, struct err *err)
{
    AUTO_FD int fd = -1;
    union address a;
    socklen_t len;
    bool local;
    int on = 1;

    if (!parse(address, *port, &a, &len, &local))
        return err_set(err, ERR_INVALID, "\"%s\" is not an IP address", address);
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(err, errno, "open a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    set_patience(fd);
    if (bind(fd, &a.any, len) || listen(fd, BACKLOG) || getsockname(fd, &a.any, &len))
        return err_sys(err, errno, "listen on %s port %u", address, *port);
    *port = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
    *loopback = local;
    return TAKE_FD(&fd);
}

void http_address(const struct sockaddr *from, char out[46])
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)from)->sin_addr;

    *out = '\0';
    if (from->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, v4, out, 46);
    else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
        (void)inet_ntop(AF_INET, v6->s6_addr + 12, out, 46);
    else if (from->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, v6, out, 46);
}
