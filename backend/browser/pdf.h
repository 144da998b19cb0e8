/*
 * A page printed to PDF. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_PDF_H
#define BACKEND_BROWSER_PDF_H

#include "backend/browser/page.h"

#define PDF_MAX (64 * 1024 * 1024) /* bytes of a document; a longer one is ERR_TOO_LARGE */
#define PDF_RANGES_MAX 256         /* bytes of `ranges` */

struct pdf_how {
    bool landscape;
    const char *ranges; /* "1-3, 5"; NULL: all pages */
};

/* `take` gets the document in parts, in order; its error ends the printing. ERR_INVALID: ranges. */
int page_pdf(struct page *page, const struct pdf_how *how, struct call *call,
             int (*take)(void *context, const char *data, size_t len, struct err *err),
             void *context, struct err *err) MUST_CHECK;

#endif
