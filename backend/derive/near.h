/*
 * What came close when nothing matched.
 */
#ifndef BACKEND_DERIVE_NEAR_H
#define BACKEND_DERIVE_NEAR_H

#include "base/buf.h"

#define NEAR_LINES_MAX 20000 /* of the file are looked at */

/*
 * Append one to a few lines for a model: where in `text` the lines most like `wanted`
 * are, and how the first differing line differs ("line 12 has tabs where old has spaces"). Nothing
 * when no line is at all alike. Bounded: NEAR_LINES_MAX lines of 400 bytes each.
 */
int near_miss(struct buf *out, const char *text, size_t len, const char *wanted,
              struct err *err) MUST_CHECK;

#endif
