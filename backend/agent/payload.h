/*
 * Starting a program of the sandbox's user: what exec, runners and sessions have in common.
 */
#ifndef BACKEND_AGENT_PAYLOAD_H
#define BACKEND_AGENT_PAYLOAD_H

#include "backend/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PAYLOAD_FDS 8

struct payload {
    const char *program; /* absolute */
    char *const *argv;
    const char *cwd;
    int fds[PAYLOAD_FDS]; /* become 0, 1, 2, ... of the program */
    int count;
    bool bound;    /* ends with the process that started it */
    bool terminal; /* 0 becomes its controlling terminal */
};

/* The environment of what is started from now on: CONFIG's with these additions, which are
 * borrowed. False: they are malformed, or too many. */
bool payload_env(const uint8_t *block, size_t len);

/* The same without CONFIG's. */
bool payload_env_only(const uint8_t *block, size_t len);

/*
 * vfork, new session, only the listed descriptors, exec. Called with the dispositions of
 * setup_run(). 0 or an errno; *at_chdir says that it was the directory.
 */
int payload_start(const struct payload *p, pid_t *pid, bool *at_chdir);

/* The ERROR frame of a start that failed. */
void payload_complain(int channel, const struct payload *p, bool at_chdir, int error);

#endif
