/*
 * --confirm: a tool annotated destructive asks the user before it acts, while a directory
 * of the user is live. Nothing is remembered: every call asks.
 */
#ifndef TOOLS_CONFIRM_H
#define TOOLS_CONFIRM_H

#include "tools/tools.h"

#define CONFIRM_SHOWN_MAX 200          /* bytes of a command or path that the user is shown */
#define CONFIRM_LISTED 8               /* of several paths */
#define CONFIRM_PLACES 3               /* that are named; of more only the number is */
#define CONFIRM_PLACES_MAX (16 * 1024) /* bytes of their names */

/*
 * Append what of the host is live and writable, as the user would say it: "/home/me/work,
 * /data". Nothing when there is none, and then nobody needs to be asked.
 */
int confirm_places(const struct backend_config *config, struct buf *out,
                   struct err *err) MUST_CHECK;

/*
 * server_config.before: 0 when the tool may run. -1: the user refused (ERR_DENIED), the client
 * cannot ask (ERR_UNSUPPORTED), or has not answered yet. args: bound by call->def->args.
 */
int confirm_call(struct tool_call *call, const void *args, struct err *err) MUST_CHECK;

#endif
