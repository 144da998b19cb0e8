/*
 * .gitignore files, and .ignore files behind them, as git reads the former: nested, later rules and
 * deeper files win, ! brings back, a '/' in front or within ties a rule to its folder, one behind
 * makes it for folders only. A file below an ignored folder is not asked about: whoever walks does
 * not enter.
 *
 * Bounds: a file up to IGNORE_FILE_MAX (the rest of it is not read), IGNORE_RULES_MAX rules in
 * force at once (further ones have no effect).
 */
#ifndef BACKEND_AGENT_IGNORE_H
#define BACKEND_AGENT_IGNORE_H

#include "backend/agent/glob.h"

#define IGNORE_FILE_MAX (256 * 1024)
#define IGNORE_RULES_MAX 16384

struct ignore_rule;

/* The files in force, outermost first. Zeroed is empty. */
struct ignore {
    struct ignore_rule *rules;
    size_t count, cap;
};

/*
 * Add the rules of the .gitignore and the .ignore in dirfd, if there are any; `base` is where paths
 * of its folder start within the paths that ignore_match() will be asked about. What ignore_pop()
 * takes.
 */
size_t ignore_push(struct ignore *ig, int dirfd, size_t base);
size_t ignore_file(struct ignore *ig, int dirfd, const char *name, size_t base); /* another name */
void ignore_add(struct ignore *ig, const char *text, size_t len, size_t base);
void ignore_pop(struct ignore *ig, size_t mark);
void ignore_done(struct ignore *ig);

/* path[name..len) is the last part. */
bool ignore_match(const struct ignore *ig, const char *path, size_t len, size_t name, bool folder);

#endif
