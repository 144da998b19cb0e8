/*
 * One open WebSocket: a thread of its own reads, writes, answers pings and closes. Knows no HTTP.
 *
 * Bounds: WS_MESSAGE_MAX of a message that comes; WS_OUT_MAX that waits to be sent, then it is
 * closed (1013); while more than WS_OUT_HIGH waits, nothing is read. A peer that says nothing is
 * pinged, and left when it does not answer.
 */
#ifndef TRANSPORT_WS_CONN_H
#define TRANSPORT_WS_CONN_H

#include "transport/ws_frame.h"

#define WS_MESSAGE_MAX (32 * 1024 * 1024)
#define WS_OUT_MAX (96 * 1024 * 1024)
#define WS_OUT_HIGH (8 * 1024 * 1024)
#define WS_PING_MS 20000
#define WS_SILENT_MS 60000
#define WS_CLOSE_MS 2000 /* for the peer to close, too */

struct ws;

struct ws_events {
    /* All on the connection's thread, one after the other; may block. open first: -1 and err
     * closes it with that reason, and nothing follows. close last, once. */
    int (*open)(void *context, struct ws *ws, struct err *err);
    void (*message)(void *context, const char *text, size_t len);
    void (*close)(void *context);
    /* From now on neither the descriptor nor ws are used. */
    void (*gone)(void *context);
    void *context;
};

/*
 * Serves fd, which is borrowed until gone(). early: what was read from it already. until_ms:
 * monotonic, when it is ended; 0 never.
 */
int ws_serve(int fd, const void *early, size_t len, int64_t until_ms,
             const struct ws_events *events, struct ws **out, struct err *err) MUST_CHECK;

/* Any thread, until gone(). Never blocks. Text that is no UTF-8 must not be sent. */
void ws_send(struct ws *ws, const char *text, size_t len);

/* Close once what waits is sent; the first status and reason count. */
void ws_end(struct ws *ws, enum ws_status status, const char *reason);

/* At once, without a word. */
void ws_break(struct ws *ws);

#endif
