/*
 * Watched resources: what a URI stands for is watched by the backend, and the server hears of
 * changes. One watch for each (principal, sandbox name, URI); the router counts who wants it.
 */
#ifndef TOOLS_RESOURCE_WATCH_H
#define TOOLS_RESOURCE_WATCH_H

#include "mcp/server.h"
#include "tools/tools.h"

struct resource_watches;

int resource_watches_new(struct tools_context *ctx, struct err *err) MUST_CHECK;

/* Who is told; before that changes are lost. */
void resource_watches_tell(struct tools_context *ctx, struct server *srv);

/* Stops all: when it returns the server is not told any more. Before server_free(). */
void resource_watches_stop(struct tools_context *ctx);
void resource_watches_free(struct tools_context *ctx); /* behind the server */

/* server_config.watch. ERR_NOT_FOUND for what is no resource of the caller. */
int resource_watch(void *tools_context, const struct caller *who, const char *uri, bool on,
                   struct err *err);

#endif
