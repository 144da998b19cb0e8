/*
 * Shell sessions: one bash that reads its commands from a FIFO, and for each command three
 * FIFOs, so that the end of a command is bytes on a descriptor of its own and never a marker in
 * its output (MECHANISMS.md section 4).
 *
 * The FIFOs lie in a private directory in /tmp. What stands on the status FIFO is untrusted.
 */
#ifndef BACKEND_AGENT_SESSION_H
#define BACKEND_AGENT_SESSION_H

#include "backend/agent/agent.h"

#define SESSION_PATH 64
#define SESSION_HOLDERS 16 /* streams of background jobs that are still forwarded */

/* A stream on its way from a FIFO to a pipe of the server. -1: none. */
struct tap {
    int from; /* our reading end, non-blocking */
    int keep; /* a writing end, so that `from` does not end before the command has opened it */
    int to;
};

struct session {
    int channel, signals;
    pid_t shell;
    int commands; /* what the shell reads */
    char dir[SESSION_PATH - 24], cwd[AGENT_PATH];
    unsigned number; /* of the running or last command */
    bool running;
    struct tap out, errs, status;
    struct tap holders[SESSION_HOLDERS];
    char status_text[AGENT_PATH + 16];
    size_t status_len;
};

#endif
