/*
 * Where a WebSocket is: ws://host[:port][/path][?query], wss://..., or a socket of this machine,
 * ws+unix:/socket[:/path] (unix:/socket too).
 */
#ifndef BACKEND_BROWSER_WS_URL_H
#define BACKEND_BROWSER_WS_URL_H

#include "base/err.h"

#define WS_URL_MAX 8192 /* bytes of a whole URL */

struct ws_url {
    bool tls;
    char *address; /* name or number to connect to; "+/socket" of this machine */
    int port;      /* 0: a socket of this machine */
    char *host;    /* for the Host header and for people: host[:port], brackets included */
    char *path;    /* begins with '/', query included; may hold secrets */
};

/* ERR_INVALID says what is wrong, and nothing of path and query. Filled on success. */
int ws_url_parse(const char *text, struct ws_url *out, struct err *err) MUST_CHECK;
void ws_url_done(struct ws_url *u);

#endif
