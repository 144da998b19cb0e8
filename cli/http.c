#include "transport/http.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/auth.h"
#include "cli/cdp.h"
#include "cli/cli.h"
#include "cli/downloads.h"
#include "cli/ops.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#define DRAIN_LOOK_MS 20

/* "8080", "0.0.0.0:8080", "[::1]:8080" */
static int parse_listen(const char *text, char address[64], uint16_t *port, struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : text;
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;
    long n = strtol(digits, &end, 10);

    if (!*digits || *end || n < 0 || n > 65535 || len >= 64) {
        err_set(err, ERR_INVALID, "--http: \"%s\" is not [ADDR:]PORT", text);
        return err_next(err, "use e.g. 8080, 127.0.0.1:8080 or [::1]:8080");
    }
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    snprintf(address, 64, "%.*s", (int)len, text);
    if (!len)
        snprintf(address, 64, "127.0.0.1");
    *port = (uint16_t)n;
    return 0;
}

static void announce(const char *address, uint16_t port, bool tls, const struct auth *auth)
{
    const char *token = auth ? auth_generated(auth) : NULL;
    const char *scheme = tls ? "https" : "http";
    bool v6 = strchr(address, ':');

    fprintf(stderr, "listening on %s://%s%s%s:%u/mcp\n", scheme, v6 ? "[" : "", address,
            v6 ? "]" : "", port);
    if (!auth)
        fprintf(stderr, "no authentication: everyone on this machine is the principal \"local\"\n");
    if (!token)
        return;
    fprintf(stderr,
            "token: %s\n"
            "{ \"mcpServers\": { \"sandbox\": { \"type\": \"http\",\n"
            "    \"url\": \"%s://%s%s%s:%u/mcp\",\n"
            "    \"headers\": { \"Authorization\": \"Bearer %s\" } } } }\n",
            token, scheme, v6 ? "[" : "", address, v6 ? "]" : "", port, token);
}

/* The signal that came, 0 when none does in time. */
static int next_signal(int stop_fd, int timeout_ms)
{
    struct pollfd p = { .fd = stop_fd, .events = POLLIN };
    struct signalfd_siginfo info;

    if (poll(&p, 1, timeout_ms) <= 0 || read(stop_fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    return (int)info.ssi_signo;
}

static void await_end(int stop_fd, struct ops *ops, const struct options *o,
                      struct http_server *http)
{
    int signal;

    while ((signal = next_signal(stop_fd, -1)) != SIGTERM && signal != SIGINT)
        if (signal == SIGHUP)
            ops_reopen(ops, o, http);
}

/* Until nothing waits any more, time is over, or somebody is in a hurry. */
static void drain(struct http_server *http, int stop_fd, unsigned seconds)
{
    int64_t deadline = clock_ms() + (int64_t)seconds * 1000;
    int signal;

    http_drain(http);
    if (!seconds)
        return;
    do /* what has just been taken waits after the first look */
        signal = next_signal(stop_fd, DRAIN_LOOK_MS);
    while (http_waiting(http) && clock_ms() < deadline && signal != SIGTERM && signal != SIGINT);
}

int cli_http(const struct options *o, struct server *server, struct ops *ops, struct cli_cdp *cdp,
             struct cli_downloads *downloads, int stop_fd, struct err *err)
{
    const char *hosts[OPTIONS_LIST_MAX + 1] = { 0 }, *origins[OPTIONS_LIST_MAX + 1] = { 0 };
    AUTO(cli_auth) struct cli_auth auth = { 0 };
    struct http_config config = { .allowed_hosts = hosts, .allowed_origins = origins };
    struct http_server *http = NULL;
    char address[64];

    memcpy(hosts, o->allow_host.items, sizeof(o->allow_host.items));
    memcpy(origins, o->allow_origin.items, sizeof(o->allow_origin.items));
    if (parse_listen(o->http, address, &config.port, err) ||
        cli_auth_open(o, address, config.port, &auth, err))
        return -1;
    config.address = address;
    config.auth = auth.auth;
    config.metadata = cli_auth_metadata(&auth);
    if (ops)
        ops_serve(ops, &config);
    cli_cdp_serve(cdp, &config);
    cli_downloads_serve(downloads, &config);
    if (config.port) { /* the first request may come before it has returned */
        cli_cdp_listens(cdp, address, config.port);
        cli_downloads_listens(downloads, address, config.port);
    }
    if (http_start(&config, server, &http, err))
        return -1;
    cli_cdp_listens(cdp, address, http_port(http));
    cli_downloads_listens(downloads, address, http_port(http));
    announce(address, http_port(http), o->tls_cert, auth.auth);
    await_end(stop_fd, ops, o, http);
    drain(http, stop_fd, o->drain_s);
    http_stop(http);
    return 0;
}
