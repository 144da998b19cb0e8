/*
 * MCP over streamable HTTP at /mcp, both eras. The only user of libmicrohttpd.
 *
 * Threads: a pool of libmicrohttpd threads parses requests and answers cheap ones in place; one
 * watcher notices clients that went away while their call runs, sends keep-alives and expires
 * sessions. A call that runs on a worker of the router costs a suspended connection, no thread.
 *
 * The client goes away: a modern call is cancelled, of a legacy one only the waiting ends, and not
 * even that when the client can come back for the rest of its stream (sse_stream.h).
 */
#ifndef TRANSPORT_HTTP_H
#define TRANSPORT_HTTP_H

#include "base/err.h"
#include "transport/metadata.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit;
struct auth;
struct http_probe;
struct limit;
struct metrics;
struct server;
struct http_server;
struct tickets;
struct upgrade_handler;

#define HTTP_BODY_MAX (16u * 1024 * 1024)    /* one request */
#define HTTP_BODIES_MAX (256u * 1024 * 1024) /* all that are being received */
#define HTTP_CONNECTIONS_MAX 4096u           /* lowered when the descriptor limit is lower */
#define HTTP_CONNECTIONS_PER_ADDRESS 512u
#define HTTP_REQUEST_SECONDS 120 /* to receive one whole body */
#define HTTP_IDLE_SECONDS 75     /* a connection with nothing to do, or stuck */

/* All is borrowed until http_stop(). Lists end with NULL; a NULL list is empty. */
struct http_config {
    const char *address;                /* "127.0.0.1", "::1", "0.0.0.0", "localhost" */
    uint16_t port;                      /* 0: one that is free */
    const char *const *allowed_hosts;   /* Host values beside the loopback names; with or without
                                           port. When given they are enforced on any address. */
    const char *const *allowed_origins; /* "https://app.example" beside the loopback ones */
    struct auth *auth;                  /* NULL: everyone is "local"; refused off loopback */
    struct metadata_config metadata;    /* for clients that look for an issuer of tokens */
    size_t body_max;                    /* 0: HTTP_BODY_MAX */
    unsigned connections_max;           /* 0: HTTP_CONNECTIONS_MAX */
    unsigned threads;                   /* 0: 2 */
    unsigned connections_per_address;   /* 0: HTTP_CONNECTIONS_PER_ADDRESS, on loopback none */
    const char *tls_cert, *tls_key;     /* PEM text; NULL: no TLS */
    struct limit *limit;                /* NULL: none */
    struct metrics *metrics;            /* NULL: no /metrics */
    bool metrics_open;                  /* /metrics without a token */
    struct audit *access_log;           /* NULL: none */
    const struct http_probe *probe;     /* http_ops.h; NULL: always ready */

    /* WebSockets of upgrade.h and their tickets; NULL: none. Not with tls_cert: the library is far
     * too slow there. */
    const struct upgrade_handler *upgrade;
    struct tickets *tickets;

    struct tickets *downloads; /* of download.h; NULL: none */
};

/* Listens and serves when it returns. */
int http_start(const struct http_config *config, struct server *server, struct http_server **out,
               struct err *err) MUST_CHECK;

/*
 * Another certificate, PEM, for connections from now on; those that are open keep theirs, until
 * they end. The strings are borrowed until the next one. On failure the old one stays.
 */
#define HTTP_CERTIFICATES 8 /* of which there may be open connections, beside the newest */
int http_renew(struct http_server *http, const char *tls_cert, const char *tls_key,
               struct err *err) MUST_CHECK;

/* The port in use. */
uint16_t http_port(const struct http_server *http);

/*
 * Begin to stop: new requests are answered 503, /readyz too, streams that wait for no answer end;
 * calls in flight go on. http_waiting() is how many requests still wait.
 */
void http_drain(struct http_server *http);
unsigned http_waiting(const struct http_server *http);

/*
 * Accept nothing more, end the calls in flight (CALL_SHUTDOWN), give them a second to answer,
 * drop the rest, close everything, free. To be called before server_free(). NULL is fine.
 */
void http_stop(struct http_server *http);

#endif
