/*
 * What the whole browser does meanwhile, in Chromium's trace format (JSON, for Perfetto and
 * DevTools). One at a time in a browser. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_PAGE_TRACE_H
#define BACKEND_BROWSER_PAGE_TRACE_H

#include "backend/browser/page.h"

#define TRACE_MAX (256 * 1024 * 1024) /* bytes; a longer one is ERR_TOO_LARGE */
#define TRACE_END_MS 30000            /* for the browser to put it together */

/* ERR_BUSY: one is going on. */
int page_trace_begin(struct page *page, struct call *call, struct err *err) MUST_CHECK;

/* Ends it; `take` gets it in parts, NULL: nobody wants it. */
int page_trace_end(struct page *page, struct call *call,
                   int (*take)(void *context, const char *data, size_t len, struct err *err),
                   void *context, struct err *err) MUST_CHECK;

#endif
