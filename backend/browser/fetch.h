/*
 * What the network rules of a browser have in common: which requests Chromium holds up for us,
 * who decides about each, and how it is told. Inside this folder.
 *
 * Every request that is held up is answered: at once by the connection's thread, or after its
 * rule's delay by a thread of our own. Called with browser.lock held, except where it is said.
 */
#ifndef BACKEND_BROWSER_FETCH_H
#define BACKEND_BROWSER_FETCH_H

#include "backend/browser/fetch_worker.h"
#include "backend/browser/har.h"
#include "backend/browser/headers.h"
#include "backend/browser/route.h"

#define FETCH_ID 64
#define FETCH_TRIED 64 /* requests whose credentials were tried are remembered */

struct route;
struct header_rule {        /* guarded by browser.lock */
    struct strings origins; /* lower case */
    struct strings names, values;
    char *username, *password; /* NULL none */
};

struct har_replay;

/* Made when the first rule or recording is; one per browser. */
struct network {
    struct worker *worker;    /* answers requests; NULL: not needed yet */
    struct worker *reader;    /* reads bodies for recordings; NULL: not needed yet */
    pthread_mutex_t applying; /* held without browser.lock while the pages are told of rules */

    struct route *routes[ROUTES_MAX]; /* oldest first */
    size_t route_count, route_bytes;
    unsigned route_number;
    struct header_rule *rules[HEADER_RULES_MAX];
    size_t rule_count;
    bool offline;
    struct har_replay *replay; /* NULL none */

    struct list recordings; /* struct har */
    size_t recording_count;
    struct har *shared;       /* of browser_har; NULL none */
    atomic_size_t body_bytes; /* kept by recordings */

    struct buf enable;           /* params of Fetch.enable; empty: it is off */
    struct buf extra;            /* params of Network.setExtraHTTPHeaders; empty: none */
    bool uncached;               /* answers of ours are not to be missed */
    uint64_t tried[FETCH_TRIED]; /* hashes of ids of requests */
    unsigned tried_next;
};

struct network *network_of(struct browser *b); /* NULL: no memory */
void network_stop(struct browser *b);          /* without the lock: before the connection ends */
void network_free(struct network *n);

/* A session is there and does not run yet. */
void fetch_session(struct browser *b, const struct session *s);

/* Without the lock: the rules changed, tell all pages; returns when they know. */
int fetch_apply(struct browser *b, struct call *call, struct err *err) MUST_CHECK;

/* A request that is held up; what it points to is the event's. */
struct fetch_request {
    struct session *session;
    const char *id, *network_id, *url, *method, *post, *origin;
    size_t post_len;
    yyjson_val *headers;
    bool redirected, preflight;
};

/* Each answers it and says so, or leaves it: false. */
bool route_decide(struct browser *b, const struct fetch_request *q);
bool replay_decide(struct browser *b, const struct fetch_request *q);
bool headers_decide(struct browser *b, const struct fetch_request *q);

/* "username", "password" members for that challenge; false: none are known. */
bool headers_credentials(struct browser *b, const char *origin, struct jw *w);

/* What the parts want: patterns for Fetch.enable; all: whatever is asked for. */
void route_patterns(struct network *n, struct jw *w, bool *any);
bool headers_need_all(const struct network *n);
void headers_extra(struct network *n);

void route_unref(struct route *r);
void replay_unref(struct har_replay *r);
void header_rule_free(struct header_rule *r);

/* ---- how a request is answered ---- */

enum fetch_how { FETCH_CONTINUE, FETCH_FULFIL, FETCH_FAIL };

/*
 * tail: JSON members behind "requestId", "" or begun by a comma; copied. The body of a route or of
 * a replay's content is added when it is sent. A route that is removed before lets the request go
 * on instead.
 */
struct fetch_answer {
    enum fetch_how how;
    const char *tail;
    int64_t delay_ms;
    struct route *route;
    struct har_replay *replay;
    yyjson_val *content;
};
void fetch_answer(struct browser *b, const struct fetch_request *q, const struct fetch_answer *a);

/* A held up request whose rule was removed: of the worker's jobs. */
bool fetch_is_free(const struct worker_job *job);

/* Answers a preflight of what will be answered by us. */
void fetch_allow(struct browser *b, const struct fetch_request *q);

/* Elements of an array of {name, value}. */
void fetch_header(struct jw *w, const char *name, const char *value);
/* What a page of another origin needs to read our answer, unless has(name) says it is there. */
void fetch_cors(struct jw *w, const struct fetch_request *q, bool has_allow_origin);

/* A request's header, case of the name ignored; NULL none. */
const char *fetch_value(const struct fetch_request *q, const char *name);

/* ---- of a route ---- */

const char *route_body64(const struct route *r); /* "" none */
bool route_removed(const struct route *r);
struct route *route_ref(struct route *r);
struct har_replay *replay_ref(struct har_replay *r);
int replay_body64(yyjson_val *content, struct buf *out, struct err *err) MUST_CHECK;

extern const struct page_event_row fetch_events[];

#endif
