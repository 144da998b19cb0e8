/*
 * What watch.c and watch_line.c share.
 */
#ifndef BACKEND_LOCAL_WATCH_PARTS_H
#define BACKEND_LOCAL_WATCH_PARTS_H

#include "backend/local/local.h"

#define WATCH_SLOTS_ALL (WIRE_WATCHES < WATCHES_MAX ? WIRE_WATCHES : WATCHES_MAX)

struct watch {
    struct list link; /* sandbox lock; in the list it is referenced once */
    _Atomic unsigned refs;
    struct local_sandbox *sandbox;
    struct watch_request request;                       /* what: owned */
    uint32_t slot;                                      /* of a file */
    enum { WATCH_NEW, WATCH_SENT, WATCH_PLACED } known; /* sandbox lock: to the agent, a file */
    uint64_t seen[2]; /* sandbox lock: of output and state, as it was */
};

void watch_unref(struct watch *w);

/* Call changed() of each and drop a reference to each. No lock is held. */
void watch_tell(struct watch **list, size_t count);

/* Tell the agent of files that it does not know yet, and open a line when there is none. */
void line_update(struct local_sandbox *sb, struct agent *a);

/* Sandbox lock held: a file is not watched any more; the last one ends the line. */
void line_forget(struct local_sandbox *sb, struct watch *w);

#endif
