/*
 * Control groups for sandboxes, where this process may make some: v2 when its own group
 * is delegated to it, else v1 memory and pids as root, else none.
 */
#ifndef BACKEND_LOCAL_CGROUP_H
#define BACKEND_LOCAL_CGROUP_H

#include "backend/results.h"

struct cgroups {
    int version;         /* 2, 1, or 0: none */
    char *memory, *pids; /* directories below which groups are made; the same one with v2 */
    char why[160];       /* version 0: what is missing */
};

/* Looks once; moves this process into a child of its group when v2 asks for that. Never fails. */
void cgroups_open(struct cgroups *c);
void cgroups_done(struct cgroups *c);

/* Groups for one sandbox: their directories are added to dirs. Limits of 0 are not set.
 * What could not be had is said in degraded. */
int cgroups_make(const struct cgroups *c, const char *id, int64_t memory_mb, int64_t pids,
                 struct strings *dirs, struct strings *degraded, struct err *err) MUST_CHECK;

/* Remove them once their processes are gone; false when one is still in use. */
bool cgroups_remove(struct strings *dirs);

/* How often the kernel killed one of theirs for memory; 0 unknown. */
int64_t cgroups_oom_kills(const struct strings *dirs);

/* The number in a file of one of them, e.g. "memory.max"; -1 when there is none ("max" too). */
int64_t cgroups_number(const struct strings *dirs, const char *file);

#endif
