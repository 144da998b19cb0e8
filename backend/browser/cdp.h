/*
 * One connection to one Chromium, over the Chrome DevTools Protocol: commands with a deadline on
 * every round trip, events, and flat sessions (Target.setAutoAttach with flatten).
 *
 * Threads: one thread of its own reads; it answers waiting commands and hands events to
 * `on_event`, one after the other. cdp_call() and cdp_send() may be called from any thread but
 * that one. When the browser dies or breaks the protocol, every waiting and later command fails
 * with ERR_UNAVAILABLE that says so, and on_event is called once with a NULL method.
 */
#ifndef BACKEND_BROWSER_CDP_H
#define BACKEND_BROWSER_CDP_H

#include "base/call.h"
#include "base/json.h"

#define CDP_MESSAGE_MAX (64 * 1024 * 1024) /* one message from the browser */
#define CDP_CALLS_MAX 256                  /* commands waiting at once */
#define CDP_TIMEOUT_MS 15000               /* of a command, when nothing shorter is asked for */

struct cdp;

/* How bytes get to the browser. Implementations: a pipe (cdp_pipe.c), a WebSocket (cdp_ws.c). */
struct cdp_wire {
    /* One whole message; blocks until it is written, or safely queued. One at a time. -1: the wire
     * is broken. */
    int (*send)(struct cdp_wire *wire, const char *json, size_t len, struct err *err);
    /* The next whole message into buf (cleared first); 1 message, 0 the browser is gone, -1.
     * Of a message longer than CDP_MESSAGE_MAX only the beginning comes. */
    int (*receive)(struct cdp_wire *wire, struct buf *buf, struct err *err);
    /* Any thread: makes a blocked receive() return 0. */
    void (*stop)(struct cdp_wire *wire);
    void (*free)(struct cdp_wire *wire);
};

/* --remote-debugging-pipe: messages end with a NUL. Takes both descriptors. */
int cdp_pipe_new(int from_browser, int to_browser, struct cdp_wire **out,
                 struct err *err) MUST_CHECK;

/*
 * A WebSocket: ws://, wss:// (the certificate is verified, CURL_CA_BUNDLE or SSL_CERT_FILE name
 * other authorities than the system's) or ws+unix:/socket[:/path]. Pings keep it alive; a peer
 * that answers none ends it. No redirects, no proxies. Neither the URL's path nor the headers are
 * ever in an error or a log.
 */
struct cdp_ws {
    const char *url;
    const char *headers; /* "Name: value" lines, each with its newline; NULL none */
    int64_t timeout_ms;  /* to connect; 0: CDP_TIMEOUT_MS */
};
int cdp_ws_new(const struct cdp_ws *to, struct call *call, struct cdp_wire **out,
               struct err *err) MUST_CHECK;

struct cdp_event {
    const char *method;  /* "Page.frameNavigated"; NULL: the connection is over */
    const char *session; /* "" the browser itself */
    yyjson_val *params;  /* valid during the callback */
};

/* Takes the wire, also on failure. The thread runs when it returns. */
int cdp_new(struct cdp_wire *wire, void (*on_event)(void *context, const struct cdp_event *event),
            void *context, struct cdp **out, struct err *err) MUST_CHECK;

/* Ends the connection, waits for its thread, frees. Not from on_event. NULL is fine. */
void cdp_free(struct cdp *cdp);

struct cdp_reply {
    yyjson_doc *doc; /* owned */
    yyjson_val *result;
};
void cdp_reply_done(struct cdp_reply *r);

/*
 * One command and its result. session: "" or NULL is the browser. params: one JSON object, NULL
 * is {}. Waits until timeout_ms (0: CDP_TIMEOUT_MS), call's deadline or end, whichever is first;
 * call may be NULL. An error of the browser is ERR_INVALID with its words ("Browser: ...").
 * reply may be NULL.
 */
int cdp_call(struct cdp *cdp, const char *session, const char *method, const char *params,
             int64_t timeout_ms, struct call *call, struct cdp_reply *reply,
             struct err *err) MUST_CHECK;

/* The same; also ends, with ERR_BUSY, when stop_fd (-1 none) is readable. It is not read. */
int cdp_call_until(struct cdp *cdp, const char *session, const char *method, const char *params,
                   int64_t timeout_ms, struct call *call, int stop_fd, struct cdp_reply *reply,
                   struct err *err) MUST_CHECK;

/* Without waiting for the answer, which is dropped. May be called from on_event. */
int cdp_send(struct cdp *cdp, const char *session, const char *method, const char *params,
             struct err *err) MUST_CHECK;

/* cdp_send() where nobody cares whether it could be sent. */
void cdp_tell(struct cdp *cdp, const char *session, const char *method, const char *params);

/*
 * Somebody else on the same connection, with sessions of his own: sees every message before all
 * others do, on the connection's thread, and must not block. True: it was for him alone. over: the
 * connection has ended; nothing follows.
 */
#define CDP_TAPS 8
struct cdp_tap {
    bool (*take)(struct cdp_tap *tap, int64_t id, const char *session, yyjson_val *message);
    void (*over)(struct cdp_tap *tap);
    unsigned index; /* among the taps of a connection, from 0 */
};
int cdp_tap_add(struct cdp *cdp, struct cdp_tap *tap, struct err *err) MUST_CHECK;
void cdp_tap_remove(struct cdp *cdp, struct cdp_tap *tap); /* it runs no more; not from take() */

/* A fresh id, and cdp_send() under it: take() gets the answer. */
int64_t cdp_tap_id(struct cdp *cdp, const struct cdp_tap *tap);
int cdp_tap_send(struct cdp *cdp, int64_t id, const char *session, const char *method,
                 const char *params, struct err *err) MUST_CHECK;

bool cdp_alive(const struct cdp *cdp);

/* A command had no answer in time, and nothing at all has come since. */
bool cdp_silent(const struct cdp *cdp);

#endif
