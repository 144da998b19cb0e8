/*
 * The router: a function of one message. It knows both eras of the protocol, the tools'
 * table and the calls in flight; it knows no socket and no sandbox.
 *
 * A transport makes one struct server_conn per connection or session (stdio: one per
 * process; legacy HTTP: one per Mcp-Session-Id; modern HTTP: one per request is fine),
 * and hands every message to server_handle() with a reply sink.
 *
 * Threads: server_handle() may be called from any thread, concurrently. Cheap
 * methods (discover, initialize, lists, ping, small errors) are answered before it returns.
 * tools/call runs on a worker and answers later from there.
 */
#ifndef MCP_SERVER_H
#define MCP_SERVER_H

#include "base/buf.h"
#include "base/call.h"
#include "base/sealed.h"
#include "mcp/prompt.h"
#include "mcp/resource.h"
#include "mcp/tool.h"
#include "mcp/view.h"

#define SERVER_MESSAGE_MAX (16 * 1024 * 1024) /* one incoming message */
#define SERVER_REPLY_MAX \
    (9 * 1024 * 1024) /* one outgoing message: official clients stop at 10 MiB */

struct server;
struct server_conn;
struct server_call; /* one request in flight, for cancelling */
struct server_sub;  /* one subscriptions/listen that is open */
struct caller;

struct task_config;

struct server_config {
    const char *name, *title, *version;
    const char *instructions; /* with the notes <= 2 kB; NULL none */
    /* What is said after them; ended by a NULL text. May be NULL. */
    const struct tool_note *notes;
    unsigned max_calls;       /* in flight at once: 512 */
    unsigned can;             /* set of backend ops: tools that need more are not listed */
    bool open_world;          /* launch policy: commands can reach the network */
    struct view_options view; /* which tools; ERR_INVALID names the option */
    void *tools_context;
    unsigned list_changed; /* set of 1u << enum server_list (mcp/subs.h): lists that change */
    /*
     * A URI begins or ends to be watched on behalf of who; from then on the provider calls
     * server_resource_updated(). On a worker, may block; once for each (principal, sandbox, uri),
     * however many want it. Fails when the caller may not read it. What is watched when the server
     * stops is not turned off. NULL: nothing can be watched.
     */
    int (*watch)(void *tools_context, const struct caller *who, const char *uri, bool on,
                 struct err *err);
    const struct task_config *tasks;           /* mcp/task.h; NULL: no tasks/ methods */
    const struct resource_provider *resources; /* NULL: no resources/ methods */
    const struct prompt_def *prompts;          /* ended by a NULL name; NULL: no prompts/ methods */
    unsigned page_size;                        /* of resources/list; 0: RESOURCE_PAGE */
    /* Called once after each tool call, on its worker; may be NULL. For audit lines and metrics. */
    void (*finished)(void *context, const struct tool_call *call, const struct err *err,
                     int64_t duration_ms);
    /*
     * 0: the principal may go on; else the milliseconds to wait. Asked for each further request of
     * an array over HTTP: for the first one the transport has asked. May be NULL.
     */
    int64_t (*admit)(void *context, const char *principal);
    void *hooks_context;              /* of the two above */
    unsigned max_calls_per_principal; /* in flight at once over HTTP; 0: max_calls */
    bool traces;                      /* calls without a trace begin one */
    bool digests;                     /* origin.digest is made */
    bool logging;                     /* handlers use tool_log(): declare the capability */
    const struct sealed_key *key;     /* of what is handed out and comes back; NULL: random */
    const struct tool_tap *tap;       /* NULL: nobody is told */
    /* Before each tool, on its worker: -1 and it does not run. May ask(); may be NULL. */
    int (*before)(struct tool_call *call, const void *args, struct err *err);
};

/*
 * Where the answer to one message goes. The transport embeds it in its own struct. finish() is
 * called exactly once for each request, from any thread, possibly before server_handle()
 * returns; nothing is called on the sink afterwards, and `json` (no trailing newline) is only
 * borrowed for the call. For a notification or response, and for a request that was cancelled on a
 * transport where cancelled means unanswered, json is NULL (HTTP: 202, status says).
 */
struct reply_sink {
    void (*notify)(struct reply_sink *sink, const char *json, size_t len);
    void (*finish)(struct reply_sink *sink, int http_status, const char *json, size_t len);

    /* These three may be NULL. notify() for what may be said again later, or was said already when
     * the same still waits to be sent: false when there is no room. */
    bool (*offer)(struct reply_sink *sink, const char *json, size_t len);
    /* Close the connection's stream before the answer, if the client can come back for it. */
    void (*detach)(struct reply_sink *sink);
    /* Within server_handle(): the request is a listen, with a reference for the transport. */
    void (*listens)(struct reply_sink *sink, struct server_sub *sub);

    unsigned needs; /* set before finish() with status 403: the SCOPE_* that are needed */
};

/* What HTTP knows beside the body. All NULL/false on stdio. Values are trimmed. */
struct http_facts {
    bool is_http;
    const char *protocol_version, *method, *name; /* MCP-Protocol-Version, Mcp-Method, Mcp-Name */
    bool repeated;                                /* one of those headers was sent more than once */
    bool has_session;                     /* the message belongs to an existing legacy session */
    bool no_events;                       /* the client takes no text/event-stream */
    const char *traceparent, *tracestate; /* unchecked */
    const struct param_given *params;     /* Mcp-Param-*, mcp/param_header.h */
    size_t param_count;
    const char *address; /* of the client */
    unsigned scopes;     /* SCOPE_* of this message's token: a session may see several */
    int64_t until_ms;    /* monotonic: when that token ends; 0 never */
};

int server_new(const struct server_config *config, struct server **out, struct err *err) MUST_CHECK;

/*
 * Refuses new calls, ends those in flight (CALL_SHUTDOWN), waits for them, frees. Connections and
 * calls that a transport still holds may be closed and released afterwards.
 */
void server_free(struct server *srv);

/* On whose behalf the messages of a connection come. Strings are copied. */
struct caller {
    const char *principal; /* "local" on stdio, else who the token belongs to */
    const char *sandbox;   /* name of the default sandbox; NULL the unnamed one */
    unsigned scopes;       /* SCOPE_* of mcp/view.h, with all they imply; SCOPE_ALL on stdio */
    const struct tool_view *view; /* mcp/view.h; NULL: all that the launch allows */
};

int server_conn_new(struct server *srv, const struct caller *caller, struct server_conn **out,
                    struct err *err) MUST_CHECK;

/*
 * Ends the calls still in flight with `why` (CALL_CANCELLED at stdio EOF, CALL_GONE when a
 * legacy session is deleted), and drops the transport's reference.
 */
void server_conn_close(struct server_conn *conn, enum call_state why);

/* End the tasks that its calls became, as interrupted ones: the client has gone for good. */
void server_conn_end_tasks(struct server_conn *conn);

/*
 * Where messages of a legacy session that answer nothing go; finish() is never called on it. At
 * most once, before the first message; it is not used any more when server_conn_close() returns.
 */
int server_conn_outlet(struct server_conn *conn, struct reply_sink *outlet,
                       struct err *err) MUST_CHECK;

/* What it was made with, or got for NULL. */
const struct tool_view *server_conn_view(const struct server_conn *conn);

/* The name it was made with; NULL the unnamed one. */
const char *server_conn_sandbox(const struct server_conn *conn);

/* The revision negotiated by initialize, e.g. "2025-11-25"; NULL before. */
const char *server_conn_version(const struct server_conn *conn);

/*
 * Handle one message. *out_call (may be NULL) gets a reference to the request in flight,
 * or NULL when it was answered at once; release it with server_call_unref(). `modern` says in
 * which era it was read: a transport uses it for the disconnect rule.
 */
void server_handle(struct server *srv, struct server_conn *conn, const char *text, size_t len,
                   const struct http_facts *facts, struct reply_sink *sink,
                   struct server_call **out_call);

/*
 * Answer, in the router's words, a message that the transport did not even read whole: one
 * error without a readable id. code is -32700 or -32600; conn may be NULL.
 */
void server_reject(struct server *srv, struct server_conn *conn, const struct http_facts *facts,
                   int http_status, int code, const char *message, struct reply_sink *sink);

/* True when the request wants notifications on the way (progress token, log level): the transport
 * then opens SSE at once, and not only when the first one comes. */
bool server_call_streams(const struct server_call *call);
bool server_call_modern(const struct server_call *call);
void server_call_end(struct server_call *call, enum call_state why);
void server_call_unref(struct server_call *call); /* NULL is fine */

/* CALL_SHUTDOWN: with a result to the client, else without a word. Harmless when it is over. */
void server_sub_end(struct server_sub *sub, enum call_state why);
void server_sub_unref(struct server_sub *sub); /* NULL is fine */

/* True when the body is an initialize request: the transport mints a session for it. */
bool server_is_initialize(const char *text, size_t len);

/* Calls in flight now. */
unsigned server_load(struct server *srv);

/* Requests that the router refused, by reason. */
enum server_refusal {
    REFUSED_UNKNOWN_TOOL,
    REFUSED_BUSY,      /* max_calls, or no thread for it */
    REFUSED_PRINCIPAL, /* max_calls_per_principal */
    REFUSED_RATE,      /* admit() */
    REFUSED_SCOPE,     /* the token allows less */
    REFUSED_COUNT
};

struct server_stats {
    unsigned in_flight, queued; /* queued: in flight and waiting for a thread */
    uint64_t refused[REFUSED_COUNT];
};
void server_stats(struct server *srv, struct server_stats *out);

#endif
