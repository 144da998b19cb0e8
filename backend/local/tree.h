/*
 * Directories by descriptor.
 */
#ifndef BACKEND_LOCAL_TREE_H
#define BACKEND_LOCAL_TREE_H

#include "base/err.h"
#include <sys/types.h>

/* Make it when missing and open it; an existing one keeps its mode. -1 and err otherwise. */
int tree_dir(int parent, const char *name, mode_t mode, struct err *err) MUST_CHECK;

/* Remove everything; symbolic links are not followed, any depth, what cannot be removed stays. */
void tree_remove(int parent, const char *name);

/* True when there is nothing in it (or no such directory). */
bool tree_empty(int parent, const char *name);

#endif
