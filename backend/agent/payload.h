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
#define COMMAND_MAX (1024 * 1024) /* bytes of a command */

struct payload {
    const char *program; /* absolute */
    char *const *argv;
    const char *cwd;
    int fds[PAYLOAD_FDS]; /* become 0, 1, 2, ... of the program */
    int count;
};

/* "NAME=value\0NAME=value\0", at most AGENT_ENV_VARS of them. */
bool payload_env_valid(const uint8_t *block, size_t len);

/* The environment of what is started from now on: CONFIG's with these additions, which are
 * borrowed. False: they are malformed, or too many. */
bool payload_env(const uint8_t *block, size_t len);

/*
 * vfork, new session, only the listed descriptors, exec. Called with the dispositions of
 * setup_run(). 0 or an errno; *at_chdir says that it was the directory.
 */
int payload_start(const struct payload *p, pid_t *pid, bool *at_chdir);

/* The START frame, into bytes (WIRE_MAX). False when the channel has been closed; another frame
 * ends the sandbox. */
bool request_start(int channel, struct wire_in *in, uint8_t *bytes);

/* TAG_COMMAND, or what `extra` gives when TAG_COMMAND_FD is there; NULL when there is none, it is
 * longer than COMMAND_MAX, or holds a NUL. Static: valid until the next call. */
const char *request_command(const struct wire_in *in, int extra);

/* TAG_CWD, the workspace without one; false when it is no path. */
bool request_cwd(const struct wire_in *in, char *out, size_t size);

/* The server broke the protocol: this process ends, and pid 1 with it everything. */
_Noreturn void request_violation(void);

#endif
