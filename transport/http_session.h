/*
 * Legacy sessions: Mcp-Session-Id -> the router's connection, bound to the principal that
 * made it. At most SESSIONS_PER_PRINCIPAL each; the one idle for longest makes room, and a
 * session without a request or an open stream for SESSION_IDLE_MS ends. A reference is held for as
 * long as a request runs or a stream of its own is open, and counts as use.
 *
 * Any thread.
 */
#ifndef TRANSPORT_HTTP_SESSION_H
#define TRANSPORT_HTTP_SESSION_H

#include "base/err.h"
#include "base/id.h"
#include "transport/sse_stream.h"

#define SESSIONS_PER_PRINCIPAL 1000
#define SESSION_IDLE_MS (60 * 60 * 1000)

struct sessions;
struct session;

int sessions_new(struct sessions **out, struct err *err) MUST_CHECK;

/* Ends all of them with CALL_SHUTDOWN. No reference may be held any more. NULL is fine. */
void sessions_free(struct sessions *s);

/*
 * Takes conn on success. id gets what the client will name it by. ERR_BUSY when the principal has
 * all its sessions in use. Principals are compared as strings and copied.
 */
int sessions_add(struct sessions *s, const char *principal, struct server_conn *conn,
                 char id[ID_SIZE], struct err *err) MUST_CHECK;

/* A reference, or NULL when there is none or it belongs to somebody else; counts as use. */
struct session *sessions_find(struct sessions *s, const char *id, const char *principal);
void session_unref(struct sessions *s, struct session *session); /* NULL is fine */

/* Valid while the reference is held. */
struct server_conn *session_conn(struct session *session);

struct streams *session_streams(struct session *session);

/* It began with this view, and for this sandbox; NULL: whichever it was. */
bool session_began_with(const struct session *session, const struct tool_view *view,
                        const char *sandbox);

/* Ends it: its calls stop being waited for, its streams close, its id is unknown from now on. */
void session_end(struct sessions *s, struct session *session);

unsigned sessions_count(struct sessions *s);

/* End those that are idle for too long, and forget what was kept for too long in the others. */
void sessions_expire(struct sessions *s, int64_t now_ms);

#endif
