/*
 * Log messages to the client (notifications/message): of which level it wants them.
 * Handlers use tool_log() of mcp/tool.h.
 */
#ifndef MCP_LOGGING_H
#define MCP_LOGGING_H

#include "mcp/router.h"

#define LOGGING_PER_S 50 /* messages of one call in a second; more are dropped */

/*
 * What a request asks for: 0 none, else 1 + the lowest level. -1 after it was refused for a level
 * that does not exist.
 */
int logging_wanted(struct inbound *in);

/* logging/setLevel */
void logging_set_level(struct inbound *in);

#endif
