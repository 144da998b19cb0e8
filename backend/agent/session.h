/*
 * Shell sessions: one bash that reads its commands from a FIFO, and for each command three
 * FIFOs, so that the end of a command is bytes on a descriptor of its own and never a marker in
 * its output (MECHANISMS.md section 4).
 *
 * The FIFOs lie in a private directory in /tmp, the shell's own one is called "bash": that name is
 * $0 and stands before its messages. What is written to any of them is untrusted. The supervisor
 * forwards output and never blocks on anything but poll(2). When a command removes the directory,
 * it is made again within SESSION_CHECK_MS; the exit code of that command may be lost (1).
 *
 * Output of jobs that outlive their command goes on to the pipes of that command while the server
 * has them open, and is thrown away afterwards. Of the last SESSION_HOLDERS streams, that is; the
 * writers of older ones get EPIPE.
 */
#ifndef BACKEND_AGENT_SESSION_H
#define BACKEND_AGENT_SESSION_H

#include "backend/agent/agent.h"
#include "backend/agent/session_script.h"
#include "backend/agent/session_tap.h"

#define SESSION_DIR 40 /* /tmp/.session-<pid of pid 1>-XXXXXX */
#define SESSION_PATH 64
#define SESSION_HOLDERS 64
#define SESSION_OLD 1024     /* processes of earlier commands that are told apart */
#define SESSION_LINE_MAX 512 /* bash reads FIFOs by the byte: longer commands lie in a file */
#define SESSION_INLINE_MAX WIRE_INLINE_MAX /* unless /tmp is full, and up to this */
#define SESSION_STATUS (AGENT_PATH + 8)    /* bytes of a status line */
#define SESSION_CHECK_MS 500

/* ENDING, DYING: `last` goes out once all output is in the server's pipes. */
enum session_phase { SESSION_IDLE, SESSION_RUNNING, SESSION_ENDING, SESSION_DYING };

struct session {
    int channel, signals, shell_fifo;
    pid_t shell; /* 0: gone */
    char dir[SESSION_DIR], cwd[AGENT_PATH];
    unsigned number; /* of the running or last command */
    enum session_phase phase;
    struct tap out, errs, status;
    struct tap holders[SESSION_HOLDERS]; /* the first one is the oldest */
    char status_text[SESSION_STATUS];
    size_t status_len;
    struct session_old {
        pid_t pid;
        uint64_t start;
    } olds[SESSION_OLD]; /* what ran before the command, ascending by pid */
    size_t old_count;
    struct script script;
    struct wire_out last; /* EXIT or LOST */
};

/* ---- the shell (session_shell.c) ---- */

/* Makes the directory and starts bash; false when that was answered with an ERROR. */
bool session_open(struct session *s);

/* Give the shell what is left of the script; false when it cannot be given any more. */
bool session_feed(struct session *s);

/* Removes the directory with all that is in it. */
void session_tidy(const struct session *s);

/* Before a command starts: whose signals are not meant. */
void session_remember(struct session *s);

/* To what the running command has started; to the shell when that is nothing. */
void session_signal(struct session *s, int signal);

/* ---- a command (session_command.c) ---- */

/* False: it has fields that are none of a command, and was answered with an ERROR. */
bool session_shape(const struct session *s, const struct wire_in *in);

/* A START or RUN frame; takes the descriptors (extra: -1 none). */
void session_run(struct session *s, const struct wire_in *in, int out, int errs, int extra);

/* The status FIFO has something. */
void session_read_status(struct session *s);

/* While a command runs, every SESSION_CHECK_MS: that the status FIFO is still there. */
void session_check(struct session *s);

/* The shell has ended. */
void session_lost(struct session *s, int status);

/* Send `last` when it is due. False: the session is over. */
bool session_tell(struct session *s);

#endif
