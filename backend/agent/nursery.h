/*
 * The browser's parent: a small process of the agent, forked from pid 1 before that confines
 * itself, and therefore under no filter but bubblewrap's, and outside of the Landlock domain that
 * all commands are in. Browsers need that for a sandbox of their own. It is not dumpable, nothing
 * but a socket of pid 1 leads to it, and it serves nothing but WIRE_BROWSER.
 */
#ifndef BACKEND_AGENT_NURSERY_H
#define BACKEND_AGENT_NURSERY_H

#include <stdbool.h>
#include <sys/types.h>

/* Fork it. False: it could not be. */
bool nursery_start(void);

/* 0 when there is none (any more). In children of pid 1 too. */
pid_t nursery_pid(void);

/* It has died: there will be no other. */
void nursery_forget(void);

/* Hand an OPEN frame on. False: there is none, or it takes no more. */
bool nursery_pass(const int *fds, int nfds);

/* In a child of pid 1: let go of the way to it. */
void nursery_close(void);

#endif
