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
 * has no room.
 */
int code_rich_sections(struct buf *out, const struct code_result *r, struct err *err) MUST_CHECK;

#endif
