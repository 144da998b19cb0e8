/*
 * What is done with one HTTP request, apart from the library that parses it: it is judged
 * by its headers, its body is collected within bounds, the router gets it, and the outcome is
 * a refusal, an empty answer or an exchange.
 *
 * Threads: a request and its peer belong to the library's thread of that connection.
 */
#ifndef TRANSPORT_HTTP_REQUEST_H
#define TRANSPORT_HTTP_REQUEST_H

#include "transport/auth.h"
#include "transport/http_exchange.h"
#include "transport/http_guard.h"
#include "transport/http_ops.h"
#include "transport/http_session.h"
#include "transport/metadata.h"

#define REQUEST_SWALLOW_MAX \
    (256 * 1024) /* of a refused body, so that the connection stays usable */

struct audit;
struct limit;
struct metrics;
struct upgraded;
struct upload;
struct uploads;
struct upgrades;

/* What all requests share. */
struct http_core {
    struct server *server;
    struct sessions *sessions;
    struct auth *auth; /* NULL: everyone is "local" */
    struct guard guard;
    struct metadata metadata;
    const struct exchange_ops *ops;
    struct limit *limit;      /* NULL: none */
    struct metrics *metrics;  /* NULL: nothing is counted */
    bool metrics_open;        /* without a token */
    struct audit *access_log; /* NULL: none */
    const struct http_probe *probe;
    struct upgrades *upgrades; /* NULL: no WebSockets */
    struct tickets *downloads; /* NULL: none */
    struct uploads *uploads;   /* NULL: none */
    _Atomic unsigned downloading;
    _Atomic bool stopping;
    _Atomic size_t bodies; /* bytes held by bodies, at most HTTP_BODIES_MAX */
};

/* One TCP connection. Zero it, peer_done() at its end. */
struct peer {
    uint64_t watch_id;        /* of the connection; 0 not watched */
    struct server_conn *conn; /* of the modern requests on it; NULL until the first */
    struct identity who;      /* and on whose behalf it is */
    const struct tool_view *view;
    char sandbox[GUARD_SANDBOX_MAX + 1];
    char address[ADDRESS_SIZE]; /* of the client */
};
void peer_done(struct peer *p);

enum request_answer {
    ANSWER_REFUSAL,  /* `verdict` says which */
    ANSWER_EMPTY,    /* a status without a body: `status` */
    ANSWER_EXCHANGE, /* look at the exchange's state */
    ANSWER_OPS,      /* the page `ops` */
    ANSWER_PREFLIGHT,
    ANSWER_UPGRADE,
    ANSWER_DOWNLOAD,
};

struct http_request {
    enum http_method method;
    enum verdict verdict;
    struct http_headers headers;
    struct identity who;                /* principal "" until it is known */
    const struct tool_view *view;       /* by the path; the server's */
    bool token_in_query;                /* set by the caller: the URL carries an access_token */
    const char *path;                   /* as long as the request */
    const char *ticket, *websocket_key; /* set by the caller; NULL none */
    bool upgrade;                       /* it is to become a WebSocket */
    struct upgraded *upgraded;          /* it is about to; see upgrade_abandon() */
    const char *download;               /* the ticket of one; NULL: it is none */
    struct handout *file;               /* of it, a reference */
    bool downloads;                     /* counted as one that runs */
    struct upload *upload;              /* a file that is being left, owned; NULL: it is none */
    enum ops_page ops;
    const char *origin;           /* an allowed one that is told so; NULL none */
    bool preflight, streams;      /* streams: counted as an open one */
    int64_t wait_ms;              /* for Retry-After; 0: not told */
    uint64_t received, sent;      /* bytes of the bodies */
    uint64_t length;              /* of the body, or GUARD_LENGTH_UNKNOWN */
    int64_t started_us, asked_us; /* asked_us: when its answer was first looked for */
    struct buf body;
    size_t swallowed;
    int status;                /* for ANSWER_EMPTY, and of the answer for the log */
    struct exchange *exchange; /* owned reference */
    bool watched;              /* the exchange is */
    struct session *stream_of; /* whose standalone stream this is, with a reference */
    char session_id[ID_SIZE];  /* made by this request, else "" */
};

/* Judge by headers (already filled). Sets verdict; the rest of *r was zeroed by the caller. */
void request_begin(struct http_core *core, struct http_request *r, const char *method,
                   const char *path);

/* True when a refusal is to be sent before (and instead of) reading the body. */
bool request_refuse_now(const struct http_request *r);

/* More of the body; false: give the connection up. */
bool request_body(struct http_core *core, struct http_request *r, const char *data, size_t len);

/* The body is complete. `connection` is what exchange_ops work on. */
enum request_answer request_handle(struct http_core *core, struct peer *peer,
                                   struct http_request *r, void *connection);

void request_done(struct http_core *core, const struct peer *peer, struct http_request *r);

#endif
