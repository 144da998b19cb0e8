/*
 * What an operator sees of a running server, put together from the options: metrics, access and
 * audit log, spans, and the rate limit. The logs and the exporter have threads of their own;
 * nothing here holds up a call.
 */
#ifndef CLI_OPS_H
#define CLI_OPS_H

#include "cli/options.h"
#include "mcp/server.h"
#include "transport/http.h"

struct ops;

/* The backend is borrowed. ERR_INVALID names the option. */
int ops_open(const struct options *o, struct backend *be, struct ops **out,
             struct err *err) MUST_CHECK;

/* Writes what waits, at most a few seconds. NULL is fine; no call may be running any more. */
void ops_free(struct ops *ops);

/* Fill in what the router, and the HTTP server, have to call. */
void ops_hook(struct ops *ops, struct server_config *config);
void ops_serve(struct ops *ops, struct http_config *config);

/* Open the log files again (log rotation), and read a renewed certificate. NULL is fine. */
void ops_reopen(struct ops *ops, const struct options *o, struct http_server *http);

#endif
