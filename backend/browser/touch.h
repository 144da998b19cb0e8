/*
 * Fingers: while a page emulates touch, clicks are taps.
 */
#ifndef BACKEND_BROWSER_TOUCH_H
#define BACKEND_BROWSER_TOUCH_H

#include "backend/browser/input.h"

bool page_touches(struct page *page);

/* At a point of the main frame's viewport, so many times. */
int touch_tap(struct page *page, double x, double y, unsigned modifiers, int count,
              struct call *call, struct err *err) MUST_CHECK;

#endif
