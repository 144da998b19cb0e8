/*
 * The operations that pid 1 has forked, and the server's end of each: one that is still there
 * CHILDREN_GRACE_MS after its channel was closed is killed. Supervisors end what is theirs
 * earlier; this is for those that something in the sandbox keeps from it.
 */
#ifndef BACKEND_AGENT_CHILDREN_H
#define BACKEND_AGENT_CHILDREN_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILDREN_MAX 2048
#define CHILDREN_FD 32 /* descriptors from here on are of this table: close them in children */
#define CHILDREN_GRACE_MS 3000

bool children_init(void);

/* Before the fork: keep the channel. A descriptor for children_add(), or to be closed; -1: there
 * is no room. */
int children_watch(int channel);
void children_add(pid_t pid, int watch);

bool children_have(pid_t pid);
bool children_forget(pid_t pid); /* false: it was none */

/* Readable when channels have been closed: then children_closed(). */
int children_fd(void);
void children_closed(void);

/* Kill what is overdue; how long to wait for the next, as poll(2) has it. */
int children_expire(void);

#endif
