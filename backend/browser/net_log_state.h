/*
 * The network log inside this folder. Everything here is called with browser.lock held.
 */
#ifndef BACKEND_BROWSER_NET_LOG_STATE_H
#define BACKEND_BROWSER_NET_LOG_STATE_H

#include "backend/browser/net_log.h"
#include "backend/browser/state.h"

#define NET_ID 64 /* bytes of a request's id with its NUL */
#define NET_BUCKETS 512
#define NET_EARLY 64 /* what came before its request and is kept until it comes */

/* Counted: the log has one reference, each recording that saw it another. */
struct net_entry {
    struct net_request r;
    atomic_uint refs;
    struct net_entry *next; /* older one of the same bucket */
    uint64_t hash;          /* of id */
    char id[NET_ID];
    char session[PAGE_FRAME_ID];        /* that knows its body */
    double sent;                        /* seconds of the browser's clock */
    int64_t head_bytes;                 /* of the answer, on the wire */
    size_t bytes;                       /* of the strings, as counted in the log */
    bool extra_request, extra_response; /* came, or will not come */
    struct har_body *body;              /* what recordings keep of it; NULL nothing */
};

enum net_early_kind { NET_EARLY_REQUEST, NET_EARLY_RESPONSE, NET_EARLY_MOCKED };

struct net_early {
    uint64_t hash; /* 0: free */
    enum net_early_kind kind;
    int status;
    struct net_headers headers;
};

struct net_log {
    struct net_entry *ring[NET_REQUESTS_MAX]; /* of number n at n % NET_REQUESTS_MAX */
    unsigned first, next;                     /* kept: [first, next) */
    unsigned detailed;                        /* those below it are stripped */
    size_t bytes;
    struct net_entry *buckets[NET_BUCKETS];
    struct net_early early[NET_EARLY];
    unsigned early_next;
};

struct net_log *net_log_of(struct page *page); /* made at first use; NULL without memory */
void net_log_free(struct net_log *log);

uint64_t net_hash(const char *id);

/* The newest one with that id; NULL none. Older ones of it are what was redirected. */
struct net_entry *net_find(struct net_log *log, const char *id);
struct net_entry *net_find_older(const struct net_entry *e);
struct net_entry *net_by_number(struct net_log *log, unsigned number);

/* In the log from now on; borrowed. NULL without memory. */
struct net_entry *net_add(struct net_log *log, const char *id, const char *session,
                          const char *url);
/* After its strings changed: counts them, and lets old ones go. */
void net_count(struct net_log *log, struct net_entry *e);

void har_body_free(struct har_body *body); /* NULL is fine */

struct net_entry *net_entry_ref(struct net_entry *e);
void net_entry_unref(struct net_entry *e); /* also without the lock */

/* Headers of a JSON object; on failure they are empty. */
void net_headers_read(struct net_headers *h, yyjson_val *object);
void net_headers_done(struct net_headers *h);
int net_headers_copy(struct net_headers *out, const struct net_headers *h,
                     struct err *err) MUST_CHECK;

int net_request_copy(struct net_request *out, const struct net_request *r,
                     struct err *err) MUST_CHECK;

/* What came before its request. keep takes the headers. take: false, there is none. */
void net_early_keep(struct net_log *log, const char *id, struct net_early *what);
bool net_early_take(struct net_log *log, const char *id, enum net_early_kind kind,
                    struct net_early *out);

/* The page in whose log requests of that session are; NULL none. */
struct page *net_page(struct browser *b, struct session *s, const char *document);

/* Parts of events: Network.requestWillBeSent, and a Response in the log at `now` seconds. */
void net_read_request(struct net_entry *e, yyjson_val *params);
void net_read_response(struct net_log *log, struct net_entry *e, yyjson_val *response, double now);
double net_number(yyjson_val *object, const char *key, double otherwise);

/* The request was answered by us. */
void net_mocked(struct browser *b, struct session *s, const char *id, const char *url);

/* Of an address: scheme, host and port, "https://example.com:8080"; 0: it has no host. */
size_t net_origin(const char *url, char *out, size_t size);

extern const struct page_event_row network_events[], websocket_events[];

#endif
