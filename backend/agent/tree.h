/*
 * Process trees, as /proc shows them. One list at a time: each call replaces the last one's.
 */
#ifndef BACKEND_AGENT_TREE_H
#define BACKEND_AGENT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_MAX 32768 /* processes looked at in one pass */

struct process {
    pid_t pid, parent;
    char state;
    uint64_t start;            /* with pid it names a process for good */
    uint64_t rss_pages, ticks; /* ticks: of the processor */
    unsigned threads;
    uint8_t place; /* tree.c */
};

/* Says of a process that it and all below it are to be left out. */
typedef bool tree_skip_fn(const struct process *p);

/* All descendants of root, ascending by pid; skip may be NULL. */
const struct process *tree_below(pid_t root, tree_skip_fn *skip, size_t *count);

/*
 * The pids are not only ours (--runtime host): each is looked at again before it is signalled, so
 * that none which was used anew meanwhile is hit. In a sandbox that could be its own processes
 * only.
 */
void tree_shared(void);

/* Signals one of the list. */
void tree_kill(const struct process *p, int signal);

/* Signals them all, parents (mostly) first; how many there were. */
size_t tree_signal(pid_t root, int signal, tree_skip_fn *skip);

size_t tree_count(pid_t root);

/* Threads of all processes that are seen. */
size_t tree_threads(void);

/* True when pid is a descendant of root. */
bool tree_has(pid_t root, pid_t pid);

/*
 * For a subreaper, SIGCHLD blocked: stop, kill and reap all its descendants until none is left.
 * Never forks. False when some are left after that time.
 */
bool tree_end(int ms);

/* A line of /proc/PID/stat, which anybody may have had a say in, into all but place. */
bool tree_parse(const char *text, struct process *out);

#endif
