/*
 * WebSockets beside /mcp: who shows a good ticket (ticket.h) for a path below the handler's is
 * handed over to it, message by message. What the messages mean is the handler's business.
 *
 * GET only, same checks of Host and Origin as /mcp. The ticket is in the query (?ticket=...), which
 * is never logged. At most UPGRADES_MAX at once, each with a thread.
 */
#ifndef TRANSPORT_UPGRADE_H
#define TRANSPORT_UPGRADE_H

#include "transport/http_guard.h"
#include "transport/ticket.h"
#include "transport/ws_conn.h"

#define UPGRADES_MAX 64

/* On the thread of the connection; see ws_events. */
struct upgrade_handler {
    const char *prefix;  /* "/cdp/" */
    const char *purpose; /* of its tickets */
    /* rest: of the path behind the prefix. *session is for the other two. */
    int (*open)(void *context, struct ws *ws, const struct identity *who, const char *rest,
                void **session, struct err *err);
    void (*message)(void *session, const char *text, size_t len);
    void (*close)(void *session);
    void *context;
};

struct MHD_Connection;
struct http_request;
struct http_server;
struct upgrades;

/* handler and tickets are borrowed until upgrades_free(). */
int upgrades_new(const struct upgrade_handler *handler, struct tickets *tickets,
                 struct upgrades **out, struct err *err) MUST_CHECK;

/* Ends all of them (1001), waits until they are gone, a few seconds at most. NULL is fine, also
 * for the next two. */
void upgrades_stop(struct upgrades *u);
void upgrades_free(struct upgrades *u);

/* Whether this path is its business. */
bool upgrades_path(const struct upgrades *u, const char *path);

/* The verdict about its headers. The ticket is looked at, and used up, when nothing else is wrong.
 */
struct http_core;
enum verdict upgrades_judge(struct http_core *core, struct http_request *r);

/* The ticket is good, and used up now; whom it is from. */
bool upgrades_admit(struct upgrades *u, const char *ticket, const char *path, struct identity *who);

/* The Sec-WebSocket-Key of a request that asks for a WebSocket as it has to; else NULL. */
const char *upgrade_key(struct MHD_Connection *c);

/* Queue the answer to an admitted request. False: give the connection up. */
bool answer_upgrade(struct http_server *h, struct MHD_Connection *c, struct http_request *r);

/* The request ended before the handshake was sent. NULL is fine. */
struct upgraded;
void upgrade_abandon(struct upgraded *one);

#endif
