/*
 * Boxes with refs over what can be acted on, drawn into the page while a picture of it is taken.
 */
#ifndef BACKEND_BROWSER_MARKS_H
#define BACKEND_BROWSER_MARKS_H

#include "backend/browser/page.h"

struct marks {
    size_t count, left_out;
};

/* whole: also what is not in view. To be followed by marks_remove(), also after a failure. */
int marks_draw(struct page *page, bool whole, struct call *call, struct marks *out,
               struct err *err) MUST_CHECK;

/* Also when the call is over. */
void marks_remove(struct page *page);

#endif
