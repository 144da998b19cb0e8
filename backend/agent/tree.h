/*
 * Process trees, as /proc shows them.
 */
#ifndef BACKEND_AGENT_TREE_H
#define BACKEND_AGENT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TREE_MAX 8192 /* processes looked at in one pass */

/* Signals every descendant of root (not root itself) once; how many there were. */
size_t tree_signal(pid_t root, int signal);

/* Descendants of root now. */
size_t tree_count(pid_t root);

/*
 * For a subreaper without other children it wants to keep: stop, kill and reap all its descendants
 * until none is left. Never forks; ends also with active spawners, whose pids are limited.
 */
void tree_kill_all(void);

/* True when pid is a descendant of root. */
bool tree_has(pid_t root, pid_t pid);

#endif
