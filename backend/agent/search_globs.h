/*
 * Which files a search looks at: include and exclude globs, and hidden names that a glob asks
 * for by their dot.
 */
#ifndef BACKEND_AGENT_SEARCH_GLOBS_H
#define BACKEND_AGENT_SEARCH_GLOBS_H

#include "backend/agent/walk.h"

#define SEARCH_GLOBS_MAX 64 /* of each kind; at most 32 are asked for by tools */

struct glob_list {
    struct glob list[SEARCH_GLOBS_MAX];
    unsigned count;
};

struct search_globs {
    struct glob_list include, exclude;
    struct glob_list dots;           /* includes, and their folders, that begin with a dot */
    bool inside[WALK_DEPTH_MAX + 2]; /* a folder above entries of that depth was included */
};

/*
 * From globs that each end in a NUL. A glob that starts with the searched folder's absolute path
 * is taken relative to it; one that ends in '/' means all that is in that folder. False when one
 * is too long or there are too many.
 */
bool search_globs_add(struct search_globs *g, bool include, const uint8_t *text, size_t len,
                      const char *root);

/* The pattern of a search for names shows hidden files as an include does. */
bool search_globs_show(struct search_globs *g, const char *pattern, size_t len);
void search_globs_done(struct search_globs *g);

/* To be asked about each entry of a walk in turn: it is one to look at. *skip: do not enter it. */
bool search_globs_take(struct search_globs *g, const struct walk_entry *e, bool *skip);

/* walk_options.show, with the struct search_globs. */
bool search_globs_shows(void *globs, const char *path, size_t len, size_t name);

#endif
