/*
 * Work that waits on descriptors. A pump is driven by the worker of a call first
 * (pump_drive) and handed to the one reactor thread when the call answers before
 * the work is over (reactor_give). It has one driver at a time.
 *
 * The reactor also owns every timer of the backend: a pump without descriptors is one.
 */
#ifndef BACKEND_LOCAL_REACTOR_H
#define BACKEND_LOCAL_REACTOR_H

#include "base/call.h"
#include "base/list.h"
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define PUMP_FDS 4

struct pump;
struct reactor;

struct pump_ops {
    /* The descriptors to wait for now; at most PUMP_FDS. A closed one just does not show up again:
     * descriptors are opened before the pump is driven and only closed later, never reused. */
    size_t (*fds)(struct pump *p, struct pollfd fds[PUMP_FDS]);
    /* Do what can be done without blocking, and set due_ms; true when all is over. Reads a
     * bounded amount per step, so that nobody starves. */
    bool (*step)(struct pump *p, int64_t now_ms);
    /* The reactor lets go of it (over, or the reactor stops); it may free the pump. */
    void (*drop)(struct pump *p);
};

struct pump {
    const struct pump_ops *ops;
    int64_t due_ms; /* monotonic: step then even if no descriptor is ready; 0 none */
    /* the reactor's own */
    struct reactor *reactor; /* NULL while a worker drives it */
    struct list link;
    uint32_t slot;
    uint64_t round;
};

enum pump_end {
    PUMP_OVER,  /* step said so */
    PUMP_UNTIL, /* until_ms has come; 0 = never, 1 = at once */
    PUMP_CALL,  /* the call was ended: see call_state() */
};

/* Drive by this thread. `each`, may be NULL, is called after every step, and now and then while
 * the call wants progress. */
enum pump_end pump_drive(struct pump *p, struct call *call, int64_t until_ms,
                         void (*each)(struct pump *p, struct call *call));

/*
 * In step(): the pump gives up this descriptor, which stays open and will not be among its fds()
 * any more. Descriptors that are closed, and those listed in the end, need no word.
 */
void reactor_leave(struct pump *p, int fd);

int reactor_new(struct reactor **out, struct err *err) MUST_CHECK;

/* Drops every pump, ends the thread. NULL is fine. */
void reactor_free(struct reactor *r);

/* Takes the pump: steps it soon and from then on; drop() is called in the end. Never fails. */
void reactor_give(struct reactor *r, struct pump *p);

#endif
