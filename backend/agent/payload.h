/*
 * Starting a program of the sandbox's user, and watching over it: what exec, runners and sessions
 * have in common.
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
    const uint8_t *env; /* additions: "NAME=value\0..." */
    size_t env_len;
    int fds[PAYLOAD_FDS]; /* become 0, 1, 2, ... of the program */
    int count;
};

/*
 * vfork, new session, default signals, only the listed descriptors, exec. 0 or an errno;
 * *chdir_failed says that it was the directory.
 */
int payload_start(const struct payload *p, pid_t *pid, bool *chdir_failed);

/* Become a supervisor: subreaper, SIGCHLD and the like through the descriptor returned; -1 on
 * error. */
int supervisor_init(void);

/*
 * Reap what has died. True when `pid` was among it, with its status and usage. *none: no
 * child is left.
 */
bool supervisor_reap(int signal_fd, pid_t pid, int *status, struct wire_out *usage, bool *none);

/*
 * Watch `pid` and the channel until nothing is left: EXIT when it ends, SIGNAL frames to the tree
 * (INT only to pid itself when direct), everything is killed when the channel closes.
 */
void supervise(int channel, int signal_fd, pid_t pid, bool direct);

/* TAG_COMMAND, or what `extra` gives when TAG_COMMAND_FD is there; NULL when there is none, it is
 * longer than 1 MiB, or it holds a NUL. NUL-terminated, static: valid until the next call. */
const char *request_command(const struct wire_in *in, int extra);

/* Reads the START frame into bytes (WIRE_MAX); false when the channel is over. */
bool request_start(int channel, struct wire_in *in, uint8_t *bytes);

#endif
