/*
 * Watching over what was started: supervisors are subreapers, all signals blocked, and live until
 * the last descendant of their program has gone.
 */
#ifndef BACKEND_AGENT_SUPERVISE_H
#define BACKEND_AGENT_SUPERVISE_H

#include "backend/wire.h"

#include <stdbool.h>
#include <sys/types.h>

/* Become one; what tells of dead children, -1 on error. */
int supervisor_init(void);

/*
 * Reap what has died. True when `pid` was among it: *status, and `exit`, an EXIT frame with status
 * and usage so far. *none: no child is left.
 */
bool supervisor_reap(int signals, pid_t pid, int *status, struct wire_out *exit, bool *none);

/* Kill all that is left; does not return when some cannot be killed in time: pid 1 goes on. */
void supervisor_end(void);

/*
 * Watch `pid` and the channel until nothing is left: EXIT when pid ends, SIGNAL frames to the tree
 * (INT only to pid itself when direct), and supervisor_end() when the channel closes.
 */
void supervise(int channel, int signals, pid_t pid, bool direct);

/* The number of a SIGNAL frame; 0 when it is none. Anything else on the channel ends the sandbox.
 */
int supervisor_signal(const struct wire_in *in, int nfds);

#endif
