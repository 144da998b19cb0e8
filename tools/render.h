/*
 * How results look to a model (TOOLS.md 0.4): one header line of facts joined by " · ", then
 * `--- stdout`-like sections, then what was left out with the exact call that reads on.
 * Everything a later call needs is in the text.
 */
#ifndef TOOLS_RENDER_H
#define TOOLS_RENDER_H

#include "backend/backend.h"
#include "mcp/tool.h"

#define RENDER_MAX (256 * 1024) /* of one rendered result; escapes and markers included */

/* "12 B", "3.1 kB", "4.0 MB" */
int render_bytes(struct buf *out, uint64_t n, struct err *err) MUST_CHECK;

/* "80 ms", "1.2 s", "3 min 20 s", "2 h 5 min" */
int render_duration(struct buf *out, int64_t ms, struct err *err) MUST_CHECK;

/* Bytes as plain text, ended by a newline when not empty. */
int render_plain(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/*
 * A stream as a section `--- name`, nothing when it is empty. The hole is a line that names
 * the terminal_output call which gives the missing bytes (process_id and cursor may be "").
 */
int render_stream(struct buf *out, const char *name, const struct stream_text *s,
                  const char *process_id, const char *hole_cursor, struct err *err) MUST_CHECK;

/* "denied: ..." lines. */
int render_denied(struct buf *out, const struct strings *denied, struct err *err) MUST_CHECK;

/* The whole text of a command's result. */
int render_exec(struct buf *out, const struct exec_result *r, struct err *err) MUST_CHECK;

/* structuredContent of sandbox_info (info.c). */
int render_info_json(struct buf *json, const struct sandbox_info *info, const char *backend,
                     struct err *err) MUST_CHECK;

const char *render_exec_status(enum exec_status status); /* "exited", "running", ... */

/* A name for people: what is not seen (controls, bidi, joiners) is escaped, the rest as it is. */
int render_name(struct buf *out, const char *name, struct err *err) MUST_CHECK;

/* "-rw-r--r--" needs 11 bytes. */
void render_mode(char type, unsigned mode, char out[11]);

#endif
