/*
 * What the files of the router share; nobody else includes this. The contract is
 * mcp/server.h.
 *
 * One message is one struct inbound on the stack of server_handle(). Whoever answers it
 * calls one of the reply functions, or takes it over into a struct server_call (tools/call)
 * or a batch. Exactly one sink->finish() follows for each.
 */
#ifndef MCP_ROUTER_H
#define MCP_ROUTER_H

#include "base/list.h"
#include "base/pool.h"
#include "base/sealed.h"
#include "mcp/client.h"
#include "mcp/rpc.h"
#include "mcp/server.h"
#include "mcp/version.h"

#include <pthread.h>

#define BATCH_MAX 64 /* messages in one array */
#define SHARE_BUCKETS 256
#define SPARE_CALLS 32           /* finished calls kept for reuse, */
#define SPARE_BYTES 16384        /* each with buffers of at most so much */
#define CALL_MAX_MS 90000        /* no call lasts longer: tools yield after 50 s at most */
#define LIST_MAX (256 * 1024)    /* one form of tools/list */
#define LIST_TTL_MS 300000       /* caching hint for what depends on the launch only, */
#define LIST_OWN_TTL_MS 60000    /* and on the token, whose scopes may change */
#define ERROR_TEXT_MAX 4096      /* of a tool's error, for the model */
#define PROGRESS_SPACE_MS 1000   /* between two of one call that no handler made */
#define PROGRESS_MESSAGE_MAX 256 /* bytes */

/* A method whose requests are done by a worker, where they may block. */
struct work {
    /* Reads c->params, which lives until it returns or sets c->doc to NULL. */
    int (*run)(struct server_call *c, struct err *err);
    /* Fill c->out with the answer; failed: NULL, or why run failed. */
    int (*write)(struct server_call *c, const struct err *failed, struct err *err);
    /* After the answer was given; may be NULL. */
    void (*finished)(struct server_call *c, const struct err *failed, int64_t duration_ms);
};

struct tasks;

struct server {
    atomic_uint refs; /* the owner, and each connection */
    struct pool *pool;
    unsigned max_calls, can;
    void *tools_context;
    void (*finished)(void *context, const struct tool_call *call, const struct err *err,
                     int64_t duration_ms);
    int64_t (*admit)(void *context, const char *principal);
    void *hooks_context;
    unsigned max_calls_per_principal;
    bool traces, digests;
    _Atomic uint64_t refused[REFUSED_COUNT];
    _Atomic uint64_t last_call;
    const struct resource_provider *resources;
    const struct prompt_def *prompts;
    unsigned page_size;
    struct subs *subs;
    unsigned list_changed;
    int (*watch)(void *tools_context, const struct caller *who, const char *uri, bool on,
                 struct err *err);
    struct sealed_key key; /* of what is handed out and comes back */
    struct tasks *tasks;   /* mcp/tasks.h; NULL: there are none */
    struct once *once;     /* mcp/once.h */
    bool logging;
    int (*before)(struct tool_call *call, const void *args, struct err *err);
    const struct tool_tap *tap;

    /* Results made once, from `,"result":` to the last brace. */
    struct buf discover;
    struct views *views;  /* mcp/view_parts.h */
    yyjson_doc **schemas; /* of tools that get their arguments as they are, by index; else NULL */
    struct buf templates[2], prompt_list[2]; /* legacy, modern; empty: not offered */
    struct buf capabilities[2];              /* legacy, modern; one JSON object each */
    struct buf info;                         /* serverInfo, one JSON object */
    struct buf instructions;                 /* one JSON string, or empty */

    pthread_cond_t idle;  /* load fell to 0 */
    pthread_mutex_t lock; /* all below, and the lists of calls of the connections */
    struct list conns;
    struct list spare;
    unsigned spares, load;
    struct share *shares[SHARE_BUCKETS];
    bool closing;
};

/* What the connections of one principal share. */
struct share {
    struct share *next;  /* srv->lock, as everything here */
    unsigned refs, load; /* connections; calls in flight */
    char principal[];
};

struct server_conn {
    struct list link; /* srv->conns */
    struct server *srv;
    atomic_uint refs;  /* the transport, and each call */
    struct list calls; /* srv->lock */
    struct list asked; /* srv->lock; rounds of questions that wait for responses */
    uint64_t last_ask; /* srv->lock */
    bool closed;       /* srv->lock */
    char *principal, *sandbox;
    const struct tool_view *view;
    struct share *share;
    unsigned scopes;
    _Atomic(const struct revision *) revision; /* negotiated by initialize */
    atomic_uint client;                        /* CLIENT_*, declared in initialize */
    struct server_sub *session;                /* what it hears of, NULL without an outlet */
    atomic_uint listens;                       /* open ones */
    atomic_uint log_from;                      /* see struct server_call; by logging/setLevel */
};

struct asking;
struct ask_round;
struct task;

struct server_call {
    struct call call;
    struct tool_call tool;
    atomic_uint refs; /* the worker, and who got out_call */
    struct list link; /* conn->calls, or srv->spare */
    struct server_conn *conn;
    struct reply_sink *sink;
    const struct revision *revision;
    const struct work *work;
    const char *method;    /* static */
    struct task *task;     /* mcp/tasks.h: what it became, a reference; NULL: a plain call */
    struct asking *asking; /* mcp/asking.h; NULL: neither asked nor told anything */
    int (*ask_way)(struct server_call *c, struct ask_round *round, struct err *err); /* or NULL */
    unsigned log_from;    /* 1 + the lowest level of messages that the client wants; 0 none */
    unsigned logged;      /* messages in the second that began */
    int64_t logged_ms;    /* then */
    yyjson_doc *doc;      /* owned, until the arguments are bound; NULL when a batch owns it */
    yyjson_val *params;   /* in the document */
    struct buf id, token; /* JSON text; token empty when no progress is wanted */
    struct buf out;
    void *args;
    size_t args_size;
    int64_t progress_ms; /* when the last notification went */
    double progress;     /* what it said; -1: nothing */
};

struct inbound {
    struct server *srv;
    struct server_conn *conn;
    const struct http_facts *facts; /* never NULL */
    struct reply_sink *sink;
    struct server_call **out_call; /* may be NULL */
    yyjson_doc *doc;               /* whoever needs it longer takes it; NULL in a batch */
    struct rpc_message msg;
    const struct revision *revision; /* of this message */
    unsigned client;                 /* CLIENT_* that hold for it */
    unsigned scopes;                 /* SCOPE_* that hold for it */
    const struct tool_view *view;    /* of a method of tools */
    bool in_batch;
};

/* ---- route.c: one message ---- */

void route_message(struct inbound *in, yyjson_val *root);

/* The body names its revision, which only modern requests do. */
bool route_claims_modern(const struct rpc_message *msg);

/* The legacy revision this message is in, when nothing in it says otherwise. */
const struct revision *route_legacy_revision(const struct inbound *in);

/* ---- methods.c ---- */

/* in->revision and in->client are known. */
void methods_dispatch(struct inbound *in);

/* Method not found. */
void methods_unknown(struct inbound *in);

/* ---- modern.c ---- */

/* 0, or -1 after a refusal was sent: envelope, headers, version, in the order of the table. */
int modern_check(struct inbound *in);

/* ---- batch.c ---- */

/* Takes in->doc. */
void batch_handle(struct inbound *in, yyjson_val *root);

/* ---- reply.c ---- */

/* Answer nothing. */
void reply_nothing(struct inbound *in, int http_status);

/* id, then `tail`: `,"result":...}` */
void reply_tail(struct inbound *in, const char *tail, size_t len);

void reply_error(struct inbound *in, int http_status, int code, const char *data, const char *fmt,
                 ...) PRINTF(5, 6);

/* ---- lists.c: results made once ---- */

int lists_make(struct server *srv, const struct server_config *config, struct err *err) MUST_CHECK;
void lists_done(struct server *srv);

/* The tools of the caller's view. */
void lists_reply_tools(struct inbound *in);

/* in->view of the caller and its scopes; false: a refusal was sent. */
bool lists_view(struct inbound *in);

/* A list that has one page, by era; empty ones are methods that are not offered. */
void lists_reply(struct inbound *in, const struct buf list[2]);

/* ---- raw_args.c: tools whose arguments are judged by their schema ---- */

int raw_args_make(struct server *srv, struct err *err) MUST_CHECK;
void raw_args_done(struct server *srv);

/* *out: the object to hand to the tool; lives as long as the document and the server. */
int raw_args_check(const struct server *srv, const struct tool_def *def, yyjson_val *arguments,
                   yyjson_val **out, struct err *err) MUST_CHECK;

/* ---- capabilities.c ---- */

/* What initialize and server/discover declare; tasks are of the modern era alone. */
int capabilities_make(struct server *srv, const struct server_config *config,
                      struct err *err) MUST_CHECK;

/* ---- inflight.c ---- */

/*
 * A call that is in flight from now on, with two references: the worker's and the
 * caller's. NULL: a refusal was sent.
 */
struct server_call *inflight_start(struct inbound *in, const struct work *work,
                                   const struct tool_def *def, yyjson_val *token);

/* Not in flight any more; its state is final. */
enum call_state inflight_end(struct server_call *c);

/* A call with this id (JSON text) is running. */
bool inflight_has(struct server_conn *conn, const struct buf *id);

/* End the running call of that id; unknown ones, and those outside of the scopes, are ignored. */
void inflight_cancel(struct server_conn *conn, yyjson_val *id, unsigned scopes);

/* End all of a connection's calls. srv->lock is held. */
void inflight_end_all(struct server_conn *conn, enum call_state why);

void inflight_free_spares(struct server *srv);

void conn_unref(struct server_conn *conn);

/* ---- share.c: srv->lock is held ---- */

struct share *share_get(struct server *srv, const char *principal); /* NULL: no memory */
void share_put(struct server *srv, struct share *share);

/* ---- origin.c ---- */

/* Where a request came from; _meta wins over HTTP headers. */
void origin_read(const struct inbound *in, struct tool_origin *out);

/* SHA-256 of the arguments as compact JSON, in the order in which they came. */
void origin_digest(yyjson_val *arguments, struct tool_origin *out);

/* Count a refusal. */
static inline void refused(struct server *srv, enum server_refusal why)
{
    atomic_fetch_add_explicit(&srv->refused[why], 1, memory_order_relaxed);
}

/* ---- result_text.c ---- */

/* The text as structuredContent, or no such content at all, as --structured says. */
int result_text_structured(struct server_call *c, struct err *err) MUST_CHECK;

/* ---- progress.c, result.c ---- */

void progress_send(struct call *call, double elapsed_s, const char *message, size_t len);

/* Fill c->out with the answer; failed is NULL or why the tool failed. */
int result_write(struct server_call *c, const struct err *failed, struct err *err) MUST_CHECK;

/* What a modern result says about keeping it. */
enum result_hint {
    RESULT_PLAIN, /* nothing */
    RESULT_OWN,   /* it is the caller's, and may be another one at once */
};

/* The answer of any other method: begin, members with a comma after each but the last, end. */
int result_begin(struct server_call *c, struct err *err) MUST_CHECK;
int result_end(struct server_call *c, enum result_hint hint, struct err *err) MUST_CHECK;

/*
 * The protocol's error for a failed call: -32602 for ERR_INVALID with its message alone, else
 * -32603 with "code: message. Next: hint.". data: one JSON value or NULL.
 */
int result_write_error(struct server_call *c, const struct err *failed, const char *data,
                       struct err *err) MUST_CHECK;

/* ---- subs.c, subs_session.c: the rest is in mcp/subs_parts.h ---- */

/* The client gave up the listen of that id; unknown ones are ignored. */
void subs_cancel(struct server_conn *conn, yyjson_val *id);

/* A listen with this id (JSON text) is open. */
bool subs_has(struct server_conn *conn, const struct buf *id);

/* It is initialized. */
void subs_session_ready(struct server_conn *conn);

/* ---- worker.c ---- */

/* Do the request on a worker. def: of the tool, NULL for other methods. */
void worker_start(struct inbound *in, const struct work *work, const struct tool_def *def);

/* ---- the methods ---- */

void tools_call(struct inbound *in);
void resources_list(struct inbound *in);
void resources_templates_list(struct inbound *in);
void resources_read(struct inbound *in);
void prompts_list(struct inbound *in);
void prompts_get(struct inbound *in);
void completion_complete(struct inbound *in);
void subscriptions_listen(struct inbound *in);
void resources_subscribe(struct inbound *in);
void resources_unsubscribe(struct inbound *in);

/* ---- resource_methods.c, prompt_methods.c ---- */

/* The member of the result that holds all of them. */
void resources_templates(struct jw *w, const struct server *srv);
void prompts_all(struct jw *w, const struct server *srv);

const struct prompt_def *prompts_find(const struct server *srv, const char *name); /* or NULL */
const struct prompt_arg *prompts_find_arg(const struct prompt_def *def, const char *name);

/* An object of strings; they live as long as the document. */
struct prompt_args {
    struct arg_pair pairs[PROMPT_ARGS_MAX];
    struct arg_map map;
};
int prompts_read_args(yyjson_val *given, const char *what, struct prompt_args *out,
                      struct err *err) MUST_CHECK;

#endif
