/*
 * What the tools of code share.
 */
#ifndef TOOLS_CODE_SHOW_H
#define TOOLS_CODE_SHOW_H

#include "tools/tools.h"

/* Of a `language` parameter; all of them list the same ones in the same order. NULL: none given. */
const char *code_language_name(int choice);

/* Text as a section `--- name`, cut at max bytes with a line that says so; none when it is empty.
 */
int code_section(struct buf *out, const char *name, const char *text, size_t len, size_t max,
                 struct err *err) MUST_CHECK;

/*
 * What a cell showed besides its value, but pictures, which are sent as such: text forms as
 * sections, bounded in all; a line for what was left out because it says the same, is no text or
 * has no room, which names the file of the sandbox where that is when it is nowhere else; and the
 * files it made.
 */
int code_rich_sections(struct tool_call *call, struct sandbox *sb, struct buf *out,
                       const struct code_result *r, struct err *err) MUST_CHECK;

/* Its pictures as images; too large ones are scaled, and kept as they are in a file of the sandbox,
 * which a line of text names. */
int code_pictures(struct tool_call *call, struct sandbox *sb, const struct code_result *r,
                  struct err *err) MUST_CHECK;

#define CODE_SAVED_MAX 64
/* A result as a file of the sandbox: its path. */
int code_save(struct tool_call *call, struct sandbox *sb, const struct code_output *o,
              char path[CODE_SAVED_MAX], struct err *err) MUST_CHECK;

#endif
