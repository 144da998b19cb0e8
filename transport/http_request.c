#include "transport/http_request.h"
#include "base/clock.h"
#include "mcp/version.h"
#include "transport/cors.h"
#include "transport/download.h"
#include "transport/http.h"
#include "transport/limit.h"
#include "transport/upgrade.h"
#include "transport/upload.h"

#include <string.h>

#define ANONYMOUS "local"

void peer_done(struct peer *p)
{
    if (p->conn)
        server_conn_close(p->conn, CALL_CANCELLED);
    p->conn = NULL;
}

/* That of the last request, when caller and sandbox are the same. NULL: no memory. */
static struct server_conn *peer_conn(struct http_core *core, struct peer *p,
                                     const struct http_request *r)
{
    const char *sandbox = r->headers.value[HEADER_SANDBOX];
    struct caller caller = {
        .principal = r->who.principal,
        .sandbox = sandbox,
        .view = r->view,
        .scopes = r->who.scopes,
    };

    if (p->conn && p->view == r->view && !strcmp(p->who.principal, r->who.principal) &&
        p->who.scopes == r->who.scopes && !strcmp(p->sandbox, sandbox ?: ""))
        return p->conn;
    peer_done(p);
    if (server_conn_new(core->server, &caller, &p->conn, NULL))
        return NULL;
    p->who = r->who;
    p->view = r->view;
    strcpy(p->sandbox, sandbox ?: "");
    return p->conn;
}

static enum verdict authorize(const struct http_core *core, struct http_request *r)
{
    static const enum verdict verdicts[] = {
        [AUTH_YES] = VERDICT_PASS,
        [AUTH_NONE] = VERDICT_NO_TOKEN,
        [AUTH_NO] = VERDICT_BAD_TOKEN,
        [AUTH_LATER] = VERDICT_TOKEN_LATER,
    };

    if (!core->auth) {
        r->who = (struct identity){ .principal = ANONYMOUS, .scopes = SCOPE_ALL };
        return VERDICT_PASS;
    }
    if (r->token_in_query || http_headers_repeated(&r->headers, HEADER_AUTHORIZATION))
        return VERDICT_BAD_AUTHORIZATION;
    return verdicts[auth_check(core->auth, r->headers.value[HEADER_AUTHORIZATION], &r->who)];
}

static enum verdict choose_view(const struct http_core *core, struct http_request *r,
                                const char *selection)
{
    struct err err = { 0 };

    if (!view_get_for(core->server, r->who.principal, selection, &r->view, &err))
        return VERDICT_PASS;
    if (err.code == ERR_NOT_FOUND)
        return VERDICT_SELECTION;
    if (err.code == ERR_INVALID)
        return VERDICT_SELECTION_FORM;
    return err.code == ERR_QUOTA ? VERDICT_SELECTIONS : VERDICT_BUSY;
}

static enum verdict judge_ops(const struct http_core *core, struct http_request *r)
{
    enum verdict v = VERDICT_PASS;

    if (r->method != HTTP_GET && r->method != HTTP_HEAD)
        v = VERDICT_OPS_METHOD;
    if (!v && r->ops == OPS_METRICS)
        v = guard_source(&core->guard, &r->headers);
    if (!v && r->ops == OPS_METRICS && !core->metrics_open)
        v = authorize(core, r);
    return !v && r->length ? VERDICT_TOO_LARGE : v;
}

static enum verdict take_turn(struct http_core *core, struct http_request *r)
{
    r->wait_ms = limit_take(core->limit, r->who.principal, r->started_us);
    return r->wait_ms ? VERDICT_RATE : VERDICT_PASS;
}

static enum verdict judge(struct http_core *core, struct http_request *r, const char *method,
                          const char *path)
{
    enum verdict v = guard_target(method, path, &r->method);

    r->origin = cors_origin(core->guard.origins, &r->headers);
    r->preflight = v == VERDICT_NO_METHOD && r->origin && r->method == HTTP_OPTIONS;
    if (r->preflight)
        return guard_source(&core->guard, &r->headers);
    if (!v)
        v = guard_source(&core->guard, &r->headers);
    if (!v)
        v = authorize(core, r);
    if (!v && r->method == HTTP_GET && !(r->who.scopes & SCOPE_READ))
        v = VERDICT_SCOPE;
    if (!v)
        v = guard_message(&core->guard, r->method, &r->headers);
    if (!v)
        v = choose_view(core, r, guard_selection(path));
    if (!v && atomic_load(&core->stopping))
        v = VERDICT_STOPPING;
    if (!v)
        v = take_turn(core, r);
    return v;
}

void request_begin(struct http_core *core, struct http_request *r, const char *method,
                   const char *path)
{
    r->started_us = clock_us();
    buf_init(&r->body, core->guard.body_max);
    if (!guard_length(&r->headers, &r->length))
        r->length = GUARD_LENGTH_UNKNOWN;
    r->method = guard_method(method);
    r->path = path;
    r->ops = ops_page(path);
    if (r->ops == OPS_METRICS && !core->metrics)
        r->ops = OPS_NONE;
    if (r->ops)
        r->verdict = judge_ops(core, r);
    else if (upgrades_path(core->upgrades, path))
        r->verdict = upgrades_judge(core, r);
    else if (download_path(core, path))
        r->verdict = download_judge(core, r);
    else if (upload_path(core, path))
        r->verdict = upload_judge(core, r);
    else if (metadata_path(&core->metadata, path))
        r->verdict = ops_metadata(core, r, method);
    else
        r->verdict = judge(core, r, method, path);
}

bool request_refuse_now(const struct http_request *r)
{
    return r->verdict && (r->length > REQUEST_SWALLOW_MAX || r->headers.value[HEADER_EXPECT]);
}

static void drop_body(struct http_core *core, struct http_request *r)
{
    atomic_fetch_sub(&core->bodies, r->body.len);
    buf_done(&r->body);
}

/* A body that was only refused for lack of room may be of any length that is allowed. */
static bool swallow(const struct http_core *core, struct http_request *r, size_t len)
{
    size_t max = r->verdict == VERDICT_BUSY ? core->guard.body_max : REQUEST_SWALLOW_MAX;

    r->swallowed += len;
    return r->swallowed <= max;
}

static enum verdict collect(struct http_core *core, struct http_request *r, const char *data,
                            size_t len)
{
    if (len > core->guard.body_max - r->body.len)
        return VERDICT_TOO_LARGE;
    if (!r->body.data && r->length != GUARD_LENGTH_UNKNOWN &&
        !buf_reserve(&r->body, r->length, NULL))
        return VERDICT_BUSY;
    if (atomic_fetch_add(&core->bodies, len) + len > HTTP_BODIES_MAX ||
        buf_add(&r->body, data, len, NULL)) {
        atomic_fetch_sub(&core->bodies, len);
        return VERDICT_BUSY;
    }
    return VERDICT_PASS;
}

bool request_body(struct http_core *core, struct http_request *r, const char *data, size_t len)
{
    int64_t seconds = r->upload ? UPLOAD_SECONDS : HTTP_REQUEST_SECONDS;

    if (clock_us() - r->started_us > seconds * INT64_C(1000000))
        return false;
    r->received += len;
    if (r->verdict)
        return swallow(core, r, len);
    r->verdict = r->upload ? upload_body(core, r, data, len) : collect(core, r, data, len);
    if (!r->verdict)
        return true;
    drop_body(core, r);
    return swallow(core, r, len);
}

static bool is_modern(const struct http_request *r)
{
    const char *version = r->headers.value[HEADER_VERSION];

    return version && revision_claims_modern(version);
}

/* Of GET and DELETE; the router judges what was posted. */
static enum verdict judge_version(const struct http_request *r)
{
    const char *version = r->headers.value[HEADER_VERSION];

    if (!version || r->method == HTTP_POST)
        return VERDICT_PASS;
    if (is_modern(r))
        return VERDICT_MODERN_METHOD;
    return revision_find(version) ? VERDICT_PASS : VERDICT_VERSION;
}

static struct session *find_session(struct http_core *core, struct http_request *r)
{
    const char *id = r->headers.value[HEADER_SESSION];
    struct session *session = NULL;

    if (!id)
        r->verdict = VERDICT_NO_SESSION;
    else if (!(session = sessions_find(core->sessions, id, r->who.principal)))
        r->verdict = VERDICT_UNKNOWN_SESSION;
    else if (!session_began_with(session, r->view, r->headers.value[HEADER_SANDBOX])) {
        session_unref(core->sessions, TAKE(session));
        r->verdict = VERDICT_UNKNOWN_SESSION;
    }
    return session;
}

static const char *once(const struct http_request *r, enum http_header which)
{
    return http_headers_repeated(&r->headers, which) ? NULL : r->headers.value[which];
}

/* Hand the body to the router over conn; false without memory. */
static bool route(struct http_core *core, const struct peer *peer, struct http_request *r,
                  struct server_conn *conn, struct session *session, void *connection)
{
    const char *const *value = r->headers.value;
    struct http_facts facts = {
        .is_http = true,
        .params = r->headers.params,
        .param_count = r->headers.param_count,
        .scopes = r->who.scopes,
        .until_ms = r->who.until_ms,
        .protocol_version = value[HEADER_VERSION],
        .method = value[HEADER_METHOD],
        .name = value[HEADER_NAME],
        .repeated =
            r->headers.repeated & (1u << HEADER_VERSION | 1u << HEADER_METHOD | 1u << HEADER_NAME),
        .has_session = session,
        .no_events = !(http_headers_accepts(&r->headers) & ACCEPT_SSE),
        .traceparent = once(r, HEADER_TRACEPARENT),
        .tracestate = once(r, HEADER_TRACESTATE),
        .address = peer->address,
    };
    struct exchange *x = exchange_new(core->ops, connection);

    if (!x)
        return false;
    r->exchange = x;
    x->wants_events = !facts.no_events;
    x->until_ms = r->who.until_ms;
    if (session && x->wants_events)
        x->streams = streams_ref(session_streams(session));
    exchange_expect(x);
    server_handle(core->server, conn, buf_str(&r->body), r->body.len, &facts, &x->sink, &x->call);
    drop_body(core, r);
    return true;
}

/* A session begins with an initialize that was answered well. */
static void initialize(struct http_core *core, const struct peer *peer, struct http_request *r,
                       void *connection)
{
    struct caller caller = {
        .principal = r->who.principal,
        .sandbox = r->headers.value[HEADER_SANDBOX],
        .view = r->view,
        .scopes = r->who.scopes,
    };
    struct server_conn *conn;
    struct exchange *x;

    if (server_conn_new(core->server, &caller, &conn, NULL)) {
        r->verdict = VERDICT_BUSY;
        return;
    }
    if (!route(core, peer, r, conn, NULL, connection))
        r->verdict = VERDICT_BUSY;
    x = r->exchange;
    if (x && exchange_state(x) == EXCHANGE_ANSWERED && x->status == 200 &&
        server_conn_version(conn)) {
        if (!sessions_add(core->sessions, r->who.principal, conn, r->session_id, NULL))
            return;
        r->verdict = VERDICT_TOO_MANY_SESSIONS;
    }
    server_conn_close(conn, CALL_CANCELLED);
}

static void handle_post(struct http_core *core, struct peer *peer, struct http_request *r,
                        void *connection)
{
    struct session *session = NULL;
    struct server_conn *conn;

    if (!is_modern(r) && r->headers.value[HEADER_SESSION]) {
        session = find_session(core, r);
        if (!session)
            return;
    } else if (!is_modern(r) && server_is_initialize(buf_str(&r->body), r->body.len)) {
        initialize(core, peer, r, connection);
        return;
    }
    conn = session ? session_conn(session) : peer_conn(core, peer, r);
    if (!conn || !route(core, peer, r, conn, session, connection))
        r->verdict = VERDICT_BUSY;
    session_unref(core->sessions, session);
}

static void handle_get(struct http_core *core, struct http_request *r, void *connection)
{
    static const enum verdict verdicts[] = {
        [STREAM_OPENED] = VERDICT_PASS,
        [STREAM_TAKEN] = VERDICT_SECOND_STREAM,
        [STREAM_UNKNOWN] = VERDICT_EVENT_ID,
    };
    struct session *session = find_session(core, r);
    struct exchange *x;

    if (!session)
        return;
    x = r->exchange = exchange_new(core->ops, connection);
    if (x) {
        x->wants_events = true;
        x->until_ms = r->who.until_ms;
        r->verdict = verdicts[streams_open(
            session_streams(session), r->headers.value[HEADER_EVENT_ID], x, &x->stream, &x->at)];
    } else {
        r->verdict = VERDICT_BUSY;
    }
    if (!r->verdict)
        r->stream_of = TAKE(session);
    session_unref(core->sessions, session);
}

static void handle_delete(struct http_core *core, struct http_request *r)
{
    struct session *session = find_session(core, r);

    if (!session)
        return;
    session_end(core->sessions, session);
    session_unref(core->sessions, session);
    r->status = 200;
}

enum request_answer request_handle(struct http_core *core, struct peer *peer,
                                   struct http_request *r, void *connection)
{
    if (!r->verdict && (r->ops || r->preflight))
        return r->ops ? ANSWER_OPS : ANSWER_PREFLIGHT;
    if (!r->verdict && (r->upgrade || r->download))
        return r->upgrade ? ANSWER_UPGRADE : ANSWER_DOWNLOAD;
    if (!r->verdict && r->upload) {
        r->verdict = upload_start(core, r, connection);
        return r->verdict ? ANSWER_REFUSAL : ANSWER_EXCHANGE;
    }
    if (!r->verdict)
        r->verdict = judge_version(r);
    if (!r->verdict && r->method == HTTP_POST)
        handle_post(core, peer, r, connection);
    else if (!r->verdict && r->method == HTTP_GET)
        handle_get(core, r, connection);
    else if (!r->verdict)
        handle_delete(core, r);
    if (r->verdict)
        return ANSWER_REFUSAL;
    return r->exchange ? ANSWER_EXCHANGE : ANSWER_EMPTY;
}

void request_done(struct http_core *core, const struct peer *peer, struct http_request *r)
{
    ops_record(core, peer, r);
    upload_over(core, r);
    download_over(core, r);
    session_unref(core->sessions, r->stream_of);
    exchange_unref(r->exchange);
    drop_body(core, r);
    http_headers_done(&r->headers);
}
