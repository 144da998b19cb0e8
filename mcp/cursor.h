/*
 * Cursors of lists: opaque, authenticated, good for one list of one principal, an hour
 * long. What they hold is readable by whoever has them.
 */
#ifndef MCP_CURSOR_H
#define MCP_CURSOR_H

#include "base/json.h"
#include "base/sealed.h"

#define CURSOR_TTL_MS (60 * 60 * 1000)
#define CURSOR_MAX 16384 /* bytes of one */

/* Where the next page begins: behind `last`, which was the count-th entry (from 1). */
struct cursor {
    uint64_t count;
    struct buf last;
};
static inline void cursor_done(struct cursor *c)
{
    buf_done(&c->last);
}

/* Append the text of a cursor (no quotes needed in JSON). */
int cursor_make(const struct sealed_key *key, const char *method, const char *principal,
                uint64_t count, const char *last, struct buf *out, struct err *err) MUST_CHECK;

/*
 * `v`: params.cursor. Absent or null: the beginning. Anything else that is no cursor of this list,
 * "" too: ERR_INVALID.
 */
int cursor_read(const struct sealed_key *key, const char *method, const char *principal,
                yyjson_val *v, struct cursor *out, struct err *err) MUST_CHECK;

#endif
