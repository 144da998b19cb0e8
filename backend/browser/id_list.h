/*
 * Ids of targets, sessions and contexts in an array of their owner's. Not thread-safe.
 */
#ifndef BACKEND_BROWSER_ID_LIST_H
#define BACKEND_BROWSER_ID_LIST_H

#include "backend/browser/page.h"

typedef char browser_id[PAGE_FRAME_ID];

/* NULL: it is not there; text may be NULL. */
browser_id *ids_find(browser_id *all, size_t count, const char *text);

void ids_drop(browser_id *all, size_t *count, const char *text);

/* False: there are max already, or it is none. */
bool ids_add(browser_id *all, size_t *count, size_t max, const char *text);

#endif
