/*
 * What the browser-network tools share.
 */
#ifndef TOOLS_BROWSER_NETWORK_H
#define TOOLS_BROWSER_NETWORK_H

#include "tools/browsing.h"

/* "r12" or "12"; -1: it is none. */
int network_number(const char *id, unsigned *out) MUST_CHECK;

/* All of data into a file of the sandbox, replaced; the path as it resolves, free() it. */
int network_save(struct tool_call *call, struct sandbox *sb, const char *path, const char *data,
                 size_t len, char **resolved, struct err *err) MUST_CHECK;

/* A whole file of the sandbox, at most `max` bytes (out->max): ERR_TOO_LARGE. */
int network_load(struct tool_call *call, struct sandbox *sb, const char *path, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
