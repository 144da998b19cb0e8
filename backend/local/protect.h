/*
 * Which files of a live workspace become code that the user's own programs run: hooks, editor and
 * agent settings, start-up files. They are bound read-only, and every directory between
 * them and the workspace is bound onto itself, so that it cannot be renamed away.
 *
 * Of git repositories, those at most PROTECT_DEPTH directories down are looked for.
 */
#ifndef BACKEND_LOCAL_PROTECT_H
#define BACKEND_LOCAL_PROTECT_H

#include "backend/local/placeholder.h"
#include "backend/results.h"

#define PROTECT_DEPTH 4
#define PROTECT_REPOSITORIES 32
#define PROTECT_DIRECTORIES 1000 /* looked into for repositories */

/*
 * Paths relative to the directory: `pinned` are the ancestors, outermost first, `readonly`
 * what is protected: what exists, and what holders stand for. What cannot be protected is said in
 * degraded.
 */
int protect_find(const char *directory, struct placeholders *holders, struct strings *pinned,
                 struct strings *readonly, struct strings *degraded, struct err *err) MUST_CHECK;

/* What is looked for, for people: ".envrc", ".git/hooks" (of any repository); NULL behind the last.
 */
const char *protect_path(size_t i);

#endif
