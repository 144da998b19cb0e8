/*
 * A stream that the browser keeps for us, read to its end (CDP's IO domain). Any thread but the
 * connection's.
 */
#ifndef BACKEND_BROWSER_PAGE_STREAM_H
#define BACKEND_BROWSER_PAGE_STREAM_H

#include "backend/browser/page.h"

#define STREAM_HANDLE_MAX 128 /* bytes of a handle */

/*
 * `take` gets it in parts, in order; its error ends the reading. *total: bytes. ERR_TOO_LARGE:
 * there are more than max. The stream is closed, also after a failure.
 */
int page_stream_read(struct page *page, const char *handle, size_t max, struct call *call,
                     int (*take)(void *context, const char *data, size_t len, struct err *err),
                     void *context, size_t *total, struct err *err) MUST_CHECK;

#endif
