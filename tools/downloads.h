/*
 * Downloads on their way from the browser into the sandbox's files, and how they are told.
 *
 * A finished one is moved to its name, "name (1).ext" when that is taken, by whichever tool call
 * comes next in that sandbox, also one that has nothing to do with the browser: whoever looks into
 * the directory finds it there.
 */
#ifndef TOOLS_DOWNLOADS_H
#define TOOLS_DOWNLOADS_H

#include "backend/browser/download.h"
#include "tools/browsing.h"

#define DOWNLOADS_DIR "downloads" /* in the workspace */

/* Those that are ready, in the browser of the sandbox that runs; nothing to do is cheap. What goes
 * wrong with one is its reason. */
void downloads_place(struct tool_call *call, struct sandbox *sb);
void downloads_place_of(struct tool_call *call, struct sandbox *sb, struct browser *browser);

/* Places them, then adds to the report as events what is new of the page's. */
int downloads_tell(struct tool_call *call, struct browsing *b, struct page_report *report,
                   struct err *err) MUST_CHECK;

/* download_wait() for one that is over, placed on the way. */
int downloads_wait(struct tool_call *call, struct browsing *b, const char *id, int64_t deadline_ms,
                   struct download *out, struct err *err) MUST_CHECK;

/* One of them as an event of the report. */
void downloads_event(struct page_report *report, const struct download *d);

/* Moves a done one: to a new name, or into a directory. ERR_CONFLICT: the name is taken. *path is
 * the caller's. */
int downloads_move(struct tool_call *call, struct sandbox *sb, const struct download *d,
                   const char *to, char **path, struct err *err) MUST_CHECK;

#endif
