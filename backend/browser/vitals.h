/*
 * How fast a page is, by its own clock: web vitals as https://web.dev/articles/vitals defines them,
 * from performance entries that the browser buffered. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_VITALS_H
#define BACKEND_BROWSER_VITALS_H

#include "backend/browser/page.h"

struct vitals { /* milliseconds since the navigation; -1: there was none */
    double lcp, fcp, ttfb, dom, load;
    double inp; /* 98th percentile of interactions seen; -1: nobody did anything */
    double cls; /* worst session window of layout shifts; has no unit */
    double long_tasks_ms;
    int64_t long_tasks, requests, bytes; /* bytes: what resources took on the wire, if they tell */
    char lcp_element[160];               /* "<img#hero>"; untrusted */
};

#define VITALS_ID 64

/* Documents that the page loads until page_vitals_disarm() are watched from their beginning: the
 * browser buffers not all there is. */
int page_vitals_arm(struct page *page, struct call *call, char id[VITALS_ID],
                    struct err *err) MUST_CHECK;
void page_vitals_disarm(struct page *page, const char *id);

/* Looks on for watch_ms. */
int page_vitals(struct page *page, int64_t watch_ms, struct call *call, struct vitals *out,
                struct err *err) MUST_CHECK;

#endif
