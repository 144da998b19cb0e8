/*
 * What of a page is seen, and what it takes.
 */
#ifndef BACKEND_BROWSER_VIEW_H
#define BACKEND_BROWSER_VIEW_H

#include "backend/browser/page.h"

struct page_view {        /* CSS pixels */
    double x, y;          /* of the page, in the upper left corner */
    double width, height; /* of what is seen */
    double page_width, page_height;
};

int page_view(struct page *page, struct call *call, struct page_view *out,
              struct err *err) MUST_CHECK;

/* Device pixels per CSS pixel; 1 when the page does not say. */
double page_ratio(struct page *page, struct call *call);

/* Bytes that its scripts use; -1 unknown. */
int64_t page_heap(struct page *page, struct call *call);

#endif
