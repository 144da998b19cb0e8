/*
 * Commands that wait for their answer. Not thread-safe: whoever owns the table locks.
 *
 * The id of a command is generation * SLOTS_STRIDE + index, so late answers find nobody. Commands
 * whose answer nobody waits for have the index SLOTS, those of taps another above it: Chromium
 * loses commands of equal ids.
 */
#ifndef BACKEND_BROWSER_CDP_SLOTS_H
#define BACKEND_BROWSER_CDP_SLOTS_H

#include "backend/browser/cdp.h"

#define SLOTS CDP_CALLS_MAX
#define SLOTS_STRIDE (2 * SLOTS)

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_ANSWERED, SLOT_LOST };

struct slot {
    enum slot_state state;
    int32_t generation;
    int fd;          /* eventfd, made at first use, readable once answered */
    yyjson_doc *doc; /* of SLOT_ANSWERED */
};

struct slots {
    struct slot all[SLOTS];
    int32_t sent; /* generation of the last command that nobody waits for */
};

void slots_init(struct slots *t);
void slots_done(struct slots *t);

/* WAITING; ERR_BUSY when all are. */
struct slot *slot_take(struct slots *t, struct err *err) MUST_CHECK;
void slot_free(struct slot *s);

int64_t slot_id(const struct slots *t, const struct slot *s);
struct slot *slot_of(struct slots *t, int64_t id); /* NULL: nobody waits for that */
/* An id that nobody here waits for, of taps from 1 on. */
int64_t slots_nobody(struct slots *t, unsigned tap);

/* Which tap's an id is; 0: of none. */
static inline unsigned slots_tap(int64_t id)
{
    return id > 0 && id % SLOTS_STRIDE > SLOTS ? (unsigned)(id % SLOTS_STRIDE - SLOTS) : 0;
}

/* All that wait look again. */
void slots_wake(struct slots *t);

#endif
