/*
 * Text of a sandbox that has to be one line.
 */
#ifndef TOOLS_PLAIN_H
#define TOOLS_PLAIN_H

#include "base/buf.h"

/*
 * At most max bytes of it, with "..." behind what was cut: escape sequences, controls and what
 * misleads gone or escaped, white space as blanks.
 */
int plain_line(struct buf *out, const char *text, size_t max, struct err *err) MUST_CHECK;

/* The same of its first line that is not empty; "..." stands for the others. */
int plain_first_line(struct buf *out, const char *text, size_t max, struct err *err) MUST_CHECK;

#endif
