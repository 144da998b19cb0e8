/*
 * From what a service tells of its browser to a connection with it.
 */
#ifndef BACKEND_REMOTE_CDP_URL_H
#define BACKEND_REMOTE_CDP_URL_H

#include "backend/browser/cdp.h"
#include "backend/remote/http.h"

/*
 * Ask `path` below the client's URL for Chromium's /json/version; *out gets the
 * webSocketDebuggerUrl as it is reached from here, see cdp_url_from_here().
 */
int cdp_url_ask(struct http_client *c, struct call *call, const char *path, struct buf *out,
                struct err *err) MUST_CHECK;

/*
 * `said`, a ws:// or wss:// URL as the service sees itself, at the scheme, host and port of the
 * client's URL; path and query are kept. A query of the client's URL (a token) goes with it, unless
 * said has one. prefix: put before a path that lacks it; "" none.
 */
int cdp_url_from_here(struct http_client *c, const char *said, const char *prefix, struct buf *out,
                      struct err *err) MUST_CHECK;

/* Connect, with the key and the headers that the client's requests carry. */
int cdp_url_connect(struct http_client *c, struct call *call, const char *ws_url,
                    struct cdp_wire **out, struct err *err) MUST_CHECK;

#endif
