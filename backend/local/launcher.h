/*
 * Starting an agent: the launch stage of the agent's binary, bubblewrap, pid 1, CONFIG, READY.
 * Fails closed: without READY in time everything that was started is gone again.
 */
#ifndef BACKEND_LOCAL_LAUNCHER_H
#define BACKEND_LOCAL_LAUNCHER_H

#include "backend/local/local.h"

#define LAUNCH_TIMEOUT_MS 15000

/*
 * The one thread that starts processes: they die with the thread that started them
 * (PR_SET_PDEATHSIG is per thread), so that has to be one that stays.
 */
struct spawn {
    char *const *argv;
    const int *fds; /* inherited under the same number, all >= SPAWN_FD_MIN */
    size_t fd_count;
    int control, errors; /* become WIRE_CONTROL_FD and 2 */
};
#define SPAWN_FD_MIN 16

struct spawner;
int spawner_new(struct spawner **out, struct err *err) MUST_CHECK;
void spawner_free(struct spawner *s); /* what it started has been stopped before */
int spawner_run(struct spawner *s, const struct spawn *what, pid_t *out,
                struct err *err) MUST_CHECK;

/* The same descriptor at SPAWN_FD_MIN or above, O_CLOEXEC; *fd is closed when it moves. */
int spawner_lift(int *fd, struct err *err) MUST_CHECK;

/*
 * Start one for this sandbox; the caller's reference. Its pump is not yet given to the
 * reactor. What is missing is added to degraded, the control groups that were made to cgroups,
 * also on failure.
 */
int launcher_start(struct local_sandbox *sb, struct call *call, struct strings *cgroups,
                   struct strings *degraded, struct agent **out, struct err *err) MUST_CHECK;

/* CONFIG out, READY in, within LAUNCH_TIMEOUT_MS; `errors` is what the processes write to stderr.
 */
int launcher_handshake(struct agent *a, int errors, struct call *call, struct err *err) MUST_CHECK;

/* Kill and reap what was started, at most a second or two; for failed starts. */
void launcher_reap(struct agent *a);

#endif
