/*
 * Which files of a live workspace become code that the user's own programs run: hooks, editor and
 * agent settings, start-up files. They are bound read-only, and every directory between
 * them and the workspace is bound onto itself, so that it cannot be renamed away.
 */
#ifndef BACKEND_LOCAL_PROTECT_H
#define BACKEND_LOCAL_PROTECT_H

#include "backend/results.h"

/*
 * Paths relative to the directory: `pinned` are the ancestors, outermost first, `readonly`
 * what is protected. Only existing ones, so that no mount point is left behind. What cannot
 * be protected is said in degraded.
 */
int protect_find(const char *directory, struct strings *pinned, struct strings *readonly,
                 struct strings *degraded, struct err *err) MUST_CHECK;

#endif
