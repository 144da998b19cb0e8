/*
 * Waiting until a page is as somebody needs it: told by the browser's events and by an observer in
 * our isolated world of each frame, looked at no more often than every 40 ms.
 */
#ifndef BACKEND_BROWSER_WAIT_H
#define BACKEND_BROWSER_WAIT_H

#include "backend/browser/input.h"

#define WAIT_TEXT_MAX 4096    /* bytes of a text to wait for */
#define WAIT_PATTERN_MAX 2048 /* bytes of a URL pattern */
#define WAIT_RESPONSES 128    /* latest responses that are looked back at */
#define WAIT_IDLE_MS 500      /* without a request: idle */

enum wait_state { WAIT_NO_STATE, WAIT_LOAD, WAIT_IDLE, WAIT_DIALOG };

/* The first of these ends the wait; NULL: not waited for. */
struct wait_for {
    const char *text, *text_gone;      /* visible in any frame; in none */
    const struct input_target *target; /* visible */
    const char *url;                   /* of the main frame, see wait_url_matches() */
    const char *response;              /* URL of one since the last action began */
    enum wait_state state;
    int64_t timeout_ms;
};

struct waited {
    const char *matched; /* "text", "text_gone", "target", "url", "response", "load", ...;
                            NULL: the time was up */
    int64_t elapsed_ms;
    char url[BROWSER_URL_MAX]; /* of the response */
    int status;                /* ditto */
    unsigned in_flight;        /* requests that still ran */
};

/* ERR_INVALID: nothing or too much to wait for; ERR_MODAL: a dialog is in the way. */
int page_wait_for(struct page *page, const struct wait_for *what, struct call *call,
                  struct waited *out, struct err *err) MUST_CHECK;

/* Until that time has passed, or the page has ended. */
int page_wait_time(struct page *page, int64_t ms, struct call *call, struct waited *out,
                   struct err *err) MUST_CHECK;

/* "*" stands for any text. A pattern without one has to occur in the URL. */
bool wait_url_matches(const char *pattern, const char *url);

#endif
