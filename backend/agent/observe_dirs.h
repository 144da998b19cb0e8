/*
 * The folders that an observation watches, by number: the first is OBSERVE_ROOT.
 */
#ifndef BACKEND_AGENT_OBSERVE_DIRS_H
#define BACKEND_AGENT_OBSERVE_DIRS_H

#include "backend/agent/observe.h"

#define OBSERVE_ROOT 0

/* root: absolute, without links. 0, or EACCES, ENOTSUP, ENOSPC. */
int dirs_open(int inotify, const char *root, bool recursive);

int dirs_of(int wd);                          /* -1: unknown */
int dirs_child(int parent, const char *name); /* -1: unknown */

/* The path of a name in a folder, below the root; false: too long. */
bool dirs_path(int parent, const char *name, char out[AGENT_PATH]);

/* A folder to be entered by the next dirs_settle(); fresh: what is in it is told. */
void dirs_enter(int parent, const char *name, bool fresh);
void dirs_settle(void);

void dirs_rename(int dir, int parent, const char *name);
void dirs_gone(int dir);  /* the kernel does not watch it any more */
void dirs_leave(int dir); /* with all below it; -1 is fine */

/* For folders that were missed. Where events lag behind the names, a folder may have been taken
 * for another: then it is unsure until all is looked at once more, best when no event waits. */
void dirs_look_again(void);
bool dirs_unsure(void);

unsigned dirs_count(bool *cut);

/* observe_tree.c: a new folder has this name in it */
void observe_found(int parent, const char *name);

#endif
