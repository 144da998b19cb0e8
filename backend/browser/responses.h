/*
 * The latest answers of a page's requests, and who waits for one. With browser.lock held.
 */
#ifndef BACKEND_BROWSER_RESPONSES_H
#define BACKEND_BROWSER_RESPONSES_H

#include "backend/browser/state.h"

struct response_waiter {
    struct response_waiter *next;
    const char *pattern;
    bool matched;
    char *url; /* owned by whoever waits */
    int status;
};

/* What came since the last action began counts too. pattern NULL: nothing is waited for. */
int response_wait(struct page *page, struct response_waiter *w, const char *pattern,
                  struct err *err) MUST_CHECK;
void response_wait_end(struct page *page, struct response_waiter *w);

#endif
