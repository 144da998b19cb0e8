/*
 * Pictures of a page as it changes (Page.startScreencast), through navigations, until it is
 * stopped, or the page closes, its tab crashes or the browser ends. One at a time of a page.
 */
#ifndef BACKEND_BROWSER_SCREENCAST_H
#define BACKEND_BROWSER_SCREENCAST_H

#include "backend/browser/page.h"

#define SCREENCAST_FRAME_MAX (8 * 1024 * 1024) /* bytes of base64; larger pictures are dropped */

/* Both are called on the connection's thread with a lock held: they must not wait, nor call
 * anything of a browser. */
struct screencast_sink {
    void (*frame)(void *context, const char *base64, size_t len);
    void (*over)(void *context, const char *why); /* once, when it ended by itself */
    void *context;
};

/* Pictures are no larger than that, and keep their proportions. quality: of JPEG, 1..100.
 * ERR_BUSY: one runs already. */
int screencast_start(struct page *page, int width, int height, int quality,
                     const struct screencast_sink *sink, struct call *call,
                     struct err *err) MUST_CHECK;

/* The sink is not called any more once it returns. Harmless when none runs. */
void screencast_stop(struct page *page);

#endif
