/*
 * Shell sessions: one bash that reads its commands from a FIFO, and for each command three
 * FIFOs, so that the end of a command is bytes on a descriptor of its own and never a marker in
 * its output (MECHANISMS.md section 4).
 *
 * The FIFOs lie in a private directory in /tmp, the shell's own one is called "bash": that name is
 * $0 and stands before its messages. What is written to any of them is untrusted. The supervisor
 * forwards output and never blocks on anything but poll(2).
 *
 * Output of jobs that outlive their command goes on to the pipes of that command while the server
 * has them open, and is thrown away afterwards. Of the last SESSION_HOLDERS streams, that is; the
 * writers of older ones get EPIPE.
 */
#ifndef BACKEND_AGENT_SESSION_H
#define BACKEND_AGENT_SESSION_H

#include "backend/agent/agent.h"

#define SESSION_DIR 32
#define SESSION_PATH 64
#define SESSION_HOLDERS 64
#define SESSION_OLD 1024                /* processes of earlier commands that are told apart */
#define SESSION_LINE_MAX (4 * 1024)     /* longer commands go to the shell through a file */
#define SESSION_STATUS (AGENT_PATH + 8) /* bytes of a status line */
#define SCRIPT_MAX (256 * 1024)         /* WIRE_MAX bytes of request, each quoted at its worst */

/* ---- streams (session_tap.c) ---- */

/* A stream on its way from a FIFO to a pipe of the server. Descriptors: -1 none. */
struct tap {
    int from;  /* our reading end, non-blocking */
    int keep;  /* a writing end, so that `from` does not end before the command has opened it */
    int to;    /* -1: what comes is thrown away */
    bool full; /* `to` takes no more for now */
    long owed; /* bytes that were there when the command ended and are still to be moved */
};

#define TAP_NONE ((struct tap){ .from = -1, .keep = -1, .to = -1 })

/* Makes the FIFO; takes `to` in any case. */
bool tap_open(struct tap *t, const char *path, int to);
void tap_close(struct tap *t);

/* Which descriptor and event this stream waits for. */
struct pollfd;
void tap_poll(const struct tap *t, struct pollfd *p);

/* Move what can be moved now. Closes itself at the end: when no writer is left, `keep` included. */
void tap_pump(struct tap *t);

/* The command is over: what is there now is owed, and only other writers keep it open. */
void tap_settle(struct tap *t);

/* ---- what goes to the shell, and what comes back (session_script.c) ---- */

struct script {
    char text[SCRIPT_MAX];
    size_t len, sent;
    bool overflow;
};

struct script_command {
    const char *dir; /* of the FIFOs */
    unsigned number;
    const char *command; /* NULL: it lies in the file <number>.c */
    const char *cwd;     /* NULL: stay */
    const uint8_t *env;  /* valid, with names that script_env_valid() accepts */
    size_t env_len;
};

/* Names that a shell can assign to. */
bool script_env_valid(const uint8_t *env, size_t len);

/* Where the shell starts. */
void script_begin(struct script *s, const char *cwd);

/* The command with its descriptors, and the line that tells that it is over; false when it does
 * not fit. */
bool script_add(struct script *s, const struct script_command *c);

/*
 * "0 /workspace", without the NUL that ended it, of any bytes. False when it is no exit code and
 * a space. cwd is written when an absolute path below AGENT_PATH bytes follows.
 */
bool script_status(const char *text, size_t len, int *code, char cwd[AGENT_PATH]);

#endif
