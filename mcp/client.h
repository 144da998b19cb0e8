/*
 * What a client says it can do: in `capabilities` of initialize for a whole legacy
 * session, in `_meta` of every modern request for that request alone.
 */
#ifndef MCP_CLIENT_H
#define MCP_CLIENT_H

#include "base/json.h"
#include "mcp/version.h"

#define CLIENT_FORM (1u << 0)     /* elicitation by form: elicitation {} or {form:{}} */
#define CLIENT_URL (1u << 1)      /* elicitation by URL: elicitation.url, from 2025-11-25 on */
#define CLIENT_SAMPLING (1u << 2) /* sampling */
#define CLIENT_ROOTS (1u << 3)    /* roots */
#define CLIENT_TASKS (1u << 4)    /* extensions["io.modelcontextprotocol/tasks"], modern only */
#define CLIENT_APPS (1u << 5)     /* extensions["io.modelcontextprotocol/ui"] with our MIME type */

/* The set of CLIENT_*. Anything but an object is an empty set. */
unsigned client_read(yyjson_val *capabilities, const struct revision *rev);

/*
 * A ClientCapabilities object that declares `set`, e.g. {"sampling":{}}: requiredCapabilities of
 * the error -32021.
 */
int client_add(struct buf *out, unsigned set, struct err *err) MUST_CHECK;

#endif
