/*
 * A function of ours in our isolated world of one frame: it sees the document and storage of the
 * page and none of what the page's scripts changed.
 */
#ifndef BACKEND_BROWSER_WORLD_H
#define BACKEND_BROWSER_WORLD_H

#include "backend/browser/page.h"

#define WORLD_ARGS_MAX (16 * 1024 * 1024) /* bytes of function and arguments */

/*
 * frame: its id, NULL the main one. args: JSON array of plain values, NULL none. A promise is
 * awaited; *value is of `reply`. ERR_INVALID with the message when it throws, ERR_STALE when the
 * frame went away.
 */
int world_call(struct page *page, const char *frame, const char *function, const char *args,
               int64_t timeout_ms, struct call *call, struct cdp_reply *reply, yyjson_val **value,
               struct err *err) MUST_CHECK;

#endif
