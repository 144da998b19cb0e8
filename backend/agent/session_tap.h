/*
 * A stream of a session's command on its way from a FIFO to a pipe of the server. Never blocks.
 */
#ifndef BACKEND_AGENT_SESSION_TAP_H
#define BACKEND_AGENT_SESSION_TAP_H

#include <stdbool.h>

struct tap {   /* descriptors: -1 none */
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

#endif
