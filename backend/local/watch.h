/*
 * Watches of a sandbox: files by its agent (one WIRE_WATCH operation for all, while
 * there are any and the sandbox runs), output and state by a look once a second (while there
 * are any). Nothing of it is held while callbacks are called.
 */
#ifndef BACKEND_LOCAL_WATCH_H
#define BACKEND_LOCAL_WATCH_H

#include "backend/local/reactor.h"
#include "backend/wire.h"

struct local_backend;
struct local_sandbox;
struct agent;

/* The operation of one running agent; the reactor owns it. */
struct watch_line {
    struct pump pump;
    struct local_sandbox *sandbox; /* outlives it */
    struct agent *agent;           /* referenced */
    int channel;                   /* closed by the reactor, after sandbox->line was taken back */
    unsigned awaited;              /* sandbox lock: replies to come */
    /* the reactor's */
    uint8_t bits[WIRE_WATCHES / 8]; /* changed, not yet told */
    bool pending;
    unsigned frames; /* since counted_ms */
    int64_t counted_ms, told_ms;
};

/* In every sandbox and backend. */
struct watch_list {
    struct list all;         /* sandbox lock */
    unsigned count, polled;  /* sandbox lock */
    struct watch_line *line; /* sandbox lock; NULL none */
    unsigned lines;          /* sandbox lock: with those that end */
};

void local_watches_open(struct local_backend *be);
void local_watches_init(struct watch_list *w);

/* Sandbox lock held: nobody watches anything of it. */
bool local_watches_none(const struct watch_list *w);

/* Sandbox lock held: files are to be watched, and no agent does (something inside killed it). */
bool local_watches_blind(const struct watch_list *w);

/* An agent runs: files are watched by it from now on. Blocks for a short time. */
void local_watches_resume(struct local_sandbox *sb, struct agent *a);

/* The sandbox is freed: what is still watched is let go. */
void local_watches_free(struct local_sandbox *sb);

#endif
