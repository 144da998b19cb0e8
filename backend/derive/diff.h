/*
 * Line differences between two texts, as a unified diff.
 */
#ifndef BACKEND_DERIVE_DIFF_H
#define BACKEND_DERIVE_DIFF_H

#include "base/buf.h"

#define DIFF_CONTEXT 3
#define DIFF_EDITS_MAX 1000 /* more differing lines are shown as one replaced block */

struct diff_text {
    const char *data;
    size_t len;
};

/*
 * Append the unified diff (with --- and +++ lines naming `path`, quoted where it must be), nothing
 * when the texts are equal. Myers' O(ND) over the lines between the common head and tail: time is
 * bounded by DIFF_EDITS_MAX times the lines, memory by DIFF_EDITS_MAX squared. Text that would pass
 * out->max is cut with a line that says so.
 */
int diff_unified(struct buf *out, const char *path, struct diff_text a, struct diff_text b,
                 struct err *err) MUST_CHECK;

#endif
