/*
 * The file chooser that a page has opened.
 */
#ifndef BACKEND_BROWSER_CHOOSER_H
#define BACKEND_BROWSER_CHOOSER_H

#include "backend/browser/state.h"
#include "backend/browser/upload.h"

struct chooser {
    bool open, multiple;
    char session[PAGE_FRAME_ID], frame[PAGE_FRAME_ID];
    char loader[PAGE_FRAME_ID]; /* of the document that it belongs to */
    int64_t node;               /* backendNodeId of the input */
};

bool chooser_is_open(struct page *page); /* locked */

/* Without the lock. The one that is open is the caller's; it may be given back. */
bool chooser_take(struct page *page, struct chooser *out);
void chooser_give_back(struct page *page, const struct chooser *c);

/* Without the lock. 1: none opened until then. */
int chooser_wait(struct page *page, int64_t deadline_ms, struct call *call,
                 struct err *err) MUST_CHECK;

#endif
