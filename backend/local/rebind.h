/*
 * Keeps single files of a live workspace read-only in a running sandbox.
 *
 * A file that is bound read-only is so by its name's place in the directory: when somebody outside
 * renames another file over it (`git config`, `git push -u`, many editors), the kernel detaches the
 * mount, and the sandbox could write to it. So the directories are watched (inotify(7)), and what
 * was replaced is bound again within milliseconds; when that fails the sandbox is stopped. Between
 * the two a sandbox that waits for just that moment can get a write in: docs/security.md says so.
 */
#ifndef BACKEND_LOCAL_REBIND_H
#define BACKEND_LOCAL_REBIND_H

#include "backend/results.h"

#define REBIND_FILES 256
#define REBIND_TIMEOUT_MS 5000

struct agent;
struct rebind;

/*
 * For the plain files among `readonly`, relative to the host's directory, which is bound at
 * `targets` (absolute, at most 2, NULL ends). *out is NULL when there is nothing to watch.
 */
int rebind_new(const char *directory, const struct strings *readonly, const char *const targets[],
               struct rebind **out, struct err *err) MUST_CHECK;

/* Watch from now on, until the agent is dead; takes it. NULL is fine. */
void rebind_start(struct rebind *r, struct agent *a);

/* One that was not started. NULL is fine. */
void rebind_free(struct rebind *r);

#endif
