/*
 * What the files of subscriptions share; the contract is mcp/subs.h.
 *
 * Lock order: sub->lock, then subs->lock; a sink is called with sub->lock held, so that what
 * is written to it has an order, and sinks call nothing back. The hook is called without locks.
 */
#ifndef MCP_SUBS_PARTS_H
#define MCP_SUBS_PARTS_H

#include "mcp/router.h"
#include "mcp/subs.h"

#define WATCH_BUCKETS 256

enum watched_state { WATCHED_OFF, WATCHED_TURNING, WATCHED_ON };

/* One URI that somebody of (principal, sandbox) wants to hear of. All but refs and state is fixed.
 */
struct watched {
    struct watched *next; /* all below: watches.lock */
    unsigned refs;
    enum watched_state state;
    uint32_t hash;   /* of the URI */
    char *principal; /* these three in one allocation */
    char *sandbox;   /* NULL the unnamed one */
    char uri[];
};

struct watches {
    pthread_mutex_t lock; /* all below */
    pthread_cond_t turned;
    struct watched *buckets[WATCH_BUCKETS];
    unsigned count;
    bool sweeping, closing;
};

/* A listen, or the subscriptions of a legacy session. */
struct server_sub {
    struct list link; /* subs.all; subs.lock */
    uint64_t serial;  /* rises along the list */
    atomic_uint refs; /* the list (until it is over), the transport, who delivers */
    struct server *srv;
    struct server_conn *conn; /* alive while it is in the list; a listen has a reference */
    bool listen, is_http;

    /* subs.lock; empty until it started */
    bool over, hears_tasks;
    unsigned lists; /* 1u << enum server_list */
    struct watched **uris;
    size_t uri_count, bytes;
    size_t task_count;

    char *tasks, *wanted; /* NUL-separated: task ids; URIs that were asked for */
    size_t task_bytes, wanted_bytes, wanted_count;
    unsigned wanted_lists;
    struct buf id; /* of a listen, JSON text */

    pthread_mutex_t lock;
    struct reply_sink *sink; /* lock; NULL: over */
};

struct subs {
    pthread_mutex_t lock; /* all below */
    struct list all;
    uint64_t serial, slow, lost;
    unsigned listens, sessions;
    unsigned starting; /* listens whose URIs are being opened by a worker */
    bool closing;
    struct watches watches;
};

/* How a listen ends: with a result, or without a word. */
enum sub_end { SUB_RESULT, SUB_SILENT };

/* ---- subs.c ---- */

struct subs *subs_new(void); /* NULL without memory */
void subs_free(struct subs *s);

/* Ends all listens with a result; nothing begins from now on. */
void subs_close(struct server *srv);

/* A subscriber with one reference, which subs_enter() takes. */
struct server_sub *sub_new(struct server_conn *conn, struct reply_sink *sink, bool listen);
void sub_unref(struct server_sub *sub);

/* NULL, or why there is no room. */
const char *subs_enter(struct server_sub *sub);
void sub_end(struct server_sub *sub, enum sub_end how);

/* Ends what belongs to a connection. */
void subs_conn_closed(struct server_conn *conn);

/* ---- subs_tell.c ---- */

/* A comma-separated member list for _meta of what is said to that listen. */
int sub_add_meta(const struct server_sub *sub, struct buf *out, struct err *err) MUST_CHECK;

/* ---- subs_watch.c ---- */

void watches_init(struct watches *w);
void watches_close(struct watches *w);
void watches_done(struct watches *w);

/* A reference to a URI that is watched; NULL and err when it cannot be. Blocks. */
struct watched *watch_acquire(struct server *srv, const struct caller *who, const char *uri,
                              struct err *err);

/* What nobody wants any more is turned off by a worker, soon. */
void watch_release(struct server *srv, struct watched *w);

uint32_t watch_hash(const char *uri);

/* Printable, at most RESOURCE_URI_MAX bytes, and nothing that JSON would escape. */
bool watch_uri_valid(const char *uri, size_t len);

#endif
