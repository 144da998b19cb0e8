/*
 * Single events of the mouse, in the main frame's viewport.
 */
#ifndef BACKEND_BROWSER_MOUSE_H
#define BACKEND_BROWSER_MOUSE_H

#include "backend/browser/input.h"

struct mouse {
    const char *type, *button; /* of Input.dispatchMouseEvent */
    int bits, count;
    unsigned modifiers;
    double x, y, dx, dy;
};

/* wait: until the page has handled it. */
int mouse_event(struct page *page, const struct mouse *m, bool wait, struct call *call,
                struct err *err) MUST_CHECK;

/* "left", "right", "middle": its bit of MouseEvent.buttons. ERR_INVALID. */
int mouse_button(const char *name, int *bit, struct err *err) MUST_CHECK;

#endif
