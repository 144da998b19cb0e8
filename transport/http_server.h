/*
 * What the files that use libmicrohttpd share; nobody else includes this. http.c owns the
 * daemon and its callbacks, http_answer.c makes the responses.
 */
#ifndef TRANSPORT_HTTP_SERVER_H
#define TRANSPORT_HTTP_SERVER_H

#include "transport/http.h"
#include "transport/http_request.h"
#include "transport/http_watch.h"

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

struct http_server {
    struct http_core core;
    struct http_config config;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    struct MHD_Daemon *retired[HTTP_CERTIFICATES]; /* lock; they accept nothing any more */
    struct watch *watch;
    int listen_fd;
    uint16_t port;
    unsigned per_address; /* connections; 0: no cap */
    struct MHD_Response *refusals[VERDICT_COUNT], *empty;
};

/* The responses that are always the same. */
int answers_make(struct http_server *h, struct err *err) MUST_CHECK;
void answers_done(struct http_server *h);

/*
 * Queue an answer on the connection's thread: the refusal of r->verdict, a status without a body,
 * the stream of r's exchange, or the answer that the exchange has. False: give the connection up.
 */
bool answer_refusal(struct http_server *h, struct MHD_Connection *c, struct http_request *r);
bool answer_empty(struct http_server *h, struct MHD_Connection *c, struct http_request *r);
bool answer_stream(struct http_server *h, struct MHD_Connection *c, struct http_request *r);
bool answer_exchange(struct http_server *h, struct MHD_Connection *c, struct http_request *r);

/* The page r->ops, and what a browser asks before it asks across origins. */
bool answer_ops(struct http_server *h, struct MHD_Connection *c, struct http_request *r);
bool answer_preflight(struct http_server *h, struct MHD_Connection *c, struct http_request *r);

#endif
