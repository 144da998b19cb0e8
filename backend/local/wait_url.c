#include "backend/local/wait_url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_loopback(const char *host)
{
    size_t n = strlen(host);
    struct in6_addr v6;
    struct in_addr v4;

    if (!strcmp(host, "localhost") || (n > 10 && !strcmp(host + n - 10, ".localhost")))
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127 || !v4.s_addr;
    return inet_pton(AF_INET6, host, &v6) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6));
}

static int bad(const char *url, const char *why, struct err *err)
{
    err_set(err, ERR_INVALID, "url: \"%.200s\" %s", url, why);
    return err_next(err, "pass one such as http://localhost:3000/health");
}

/* HOST or [ADDRESS], lower case; what follows it. NULL: it is none. */
static const char *take_host(const char *at, struct wait_url *out)
{
    bool bracket = *at == '[';
    struct in6_addr v6;
    size_t n;

    at += bracket;
    n = strcspn(at, bracket ? "]" : ":/?#");
    if (!n || n >= sizeof(out->host) || (bracket && at[n] != ']'))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)at[i];
        if (!isalnum(c) && !strchr(bracket ? ":." : "-._", c))
            return NULL;
        out->host[i] = (char)tolower(c);
    }
    out->host[n] = '\0';
    return bracket && inet_pton(AF_INET6, out->host, &v6) != 1 ? NULL : at + n + bracket;
}

static const char *take_port(const char *at, uint16_t *port)
{
    unsigned long n;
    char *end;

    *port = 80;
    if (*at != ':')
        return at;
    if (!isdigit((unsigned char)at[1]))
        return NULL;
    n = strtoul(at + 1, &end, 10);
    *port = (uint16_t)n;
    return n && n <= UINT16_MAX ? end : NULL;
}

static int write_request(const struct wait_url *u, const char *host, size_t host_len,
                         const char *path, struct buf *out, struct err *err)
{
    int len = (int)strcspn(path, "#");

    return buf_addf(out, err, "GET %s%.*s%s%.*s HTTP/1.1\r\nHost: %.*s\r\n",
                    u->loopback ? "" : "http://", u->loopback ? 0 : (int)host_len, host,
                    *path == '/' ? "" : "/", len, path, (int)host_len, host) ||
                   buf_adds(out,
                            "User-Agent: sandbox-mcp\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                            err)
               ? -1
               : 0;
}

int wait_url_parse(const char *url, struct wait_url *out, struct buf *request, struct err *err)
{
    const char *host, *at;

    if (!strncasecmp(url, "https://", 8)) {
        err_set(err, ERR_UNSUPPORTED, "url: https is not spoken here");
        return err_next(err, "wait for its port, or loop over curl in terminal_execute");
    }
    if (strncasecmp(url, "http://", 7))
        return bad(url, "does not begin with http://", err);
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return bad(url, "has a character that has to be percent-encoded", err);
    host = url + 7;
    if (memchr(host, '@', strcspn(host, "/?#"))) {
        err_set(err, ERR_INVALID, "url: names a user, and passwords are not sent here");
        return err_next(err, "leave it out: an answer 401 counts, too");
    }
    at = take_host(host, out);
    if (at)
        at = take_port(at, &out->port);
    if (!at || (*at && !strchr("/?#", *at)))
        return bad(url, "has no host and port that can be connected to", err);
    out->loopback = is_loopback(out->host);
    return write_request(out, host, (size_t)(at - host), at, request, err);
}

int wait_url_status(const uint8_t *answer, size_t len)
{
    const char *a = (const char *)answer;

    if (len < 13 || memcmp(a, "HTTP/1.", 7) || !isdigit((unsigned char)a[7]) || a[8] != ' ')
        return 0;
    for (int i = 9; i < 12; i++)
        if (!isdigit((unsigned char)a[i]))
            return 0;
    return (a[9] - '0') * 100 + (a[10] - '0') * 10 + a[11] - '0';
}
