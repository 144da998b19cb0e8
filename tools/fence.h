/*
 * Text that somebody else wrote, a page above all, on its way to a model: between two marker lines
 * with a random tag that it cannot know, and with where it comes from.
 */
#ifndef TOOLS_FENCE_H
#define TOOLS_FENCE_H

#include "base/buf.h"

/* origin: a URL, of which only scheme, host and port are said; "" unknown. Controls of terminals
 * are left out of the text, as text_add_plain() does. */
int fence(struct buf *out, const char *what, const char *origin, const char *text, size_t len,
          struct err *err) MUST_CHECK;

#endif
