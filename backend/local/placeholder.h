/*
 * Files that a live workspace lacks and that would make the user's git run code of the
 * sandbox's choosing, if a sandbox made them: what does not exist cannot be bound read-only. While
 * sandboxes run, neutral ones stand in their place; the last sandbox takes them away.
 *
 *   commondir        "." (gitrepository-layout(5): where the rest of the repository is)
 *   config           empty, as if it were absent
 *   config.worktree  empty (git-worktree(1))
 *   hooks            an empty directory (githooks(5))
 *
 * Left behind by a server that was killed they change nothing of what git does, and the next
 * sandbox of that workspace takes them over. Each is held by a shared flock(2), so that of several
 * servers the last one removes it: removing one that is bound elsewhere would unbind it there.
 */
#ifndef BACKEND_LOCAL_PLACEHOLDER_H
#define BACKEND_LOCAL_PLACEHOLDER_H

#include "base/err.h"
#include <stddef.h>

#define PLACEHOLDERS_MAX 128

struct placeholder {
    int dir, fd; /* of the repository; of the file, locked */
    const char *name;
};

struct placeholders {
    struct placeholder items[PLACEHOLDERS_MAX];
    size_t count;
};

/*
 * Make what is missing in the repository at `git` (a directory, not followed when it is a link)
 * below the directory dir, as the repository's owner, and hold it. -1: not all could be made.
 */
int placeholders_make(struct placeholders *p, int dir, const char *git, struct err *err) MUST_CHECK;

/* Remove those that nobody else holds, when they are still as they were made. */
void placeholders_remove(struct placeholders *p);

#endif
