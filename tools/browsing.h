/*
 * A tool call at a page of the sandbox's browser: what every browser_* handler begins with, and
 * how its action is told.
 */
#ifndef TOOLS_BROWSING_H
#define TOOLS_BROWSING_H

#include "backend/browser/input.h"
#include "tools/tools.h"

struct browsing {
    struct sandbox *sandbox;
    struct browser *browser;
    struct page *page;
};

/*
 * Starts the browser when none runs. page_id: NULL is the page used last, a new one when there is
 * none. Also after a failure to be ended by browsing_done().
 */
int browsing_begin(struct tool_call *call, const char *page_id, struct browsing *out,
                   struct err *err) MUST_CHECK;
/* The same without a page: for tools of the whole browser. */
int browsing_open(struct tool_call *call, struct browsing *out, struct err *err) MUST_CHECK;
void browsing_done(struct browsing *b);

/* From now on the page is `page` (taken), and the one that calls without page_id mean. */
void browsing_turn(struct browsing *b, struct page *page);

/* A ref of the page's last snapshot, or a selector; *out borrows from `target`. NULL: none. */
int browsing_target(struct tool_call *call, struct browsing *b, const char *target,
                    struct input_target *out, struct err *err) MUST_CHECK;

/* Page id of the one that calls without page_id mean; "" none. */
void browsing_active(struct browsing *b, char out[ID_SIZE]);

/*
 * Goes to what was typed as an address (address.h), or as `how` says when that is NULL; how->url
 * is not used. base: what relative ones are relative to. note: what was guessed, as a sentence, or
 * empty.
 */
int browsing_go(struct tool_call *call, struct browsing *b, const char *typed, const char *base,
                const struct page_goto *how, struct page_went *went, struct page_report *report,
                struct buf *note, struct err *err) MUST_CHECK;

/*
 * The result of an action, class T: what was done, where the page is now, and what it caused.
 * did: "clicked", "typed into", ...; the element comes behind it. snapshot: a fresh one follows.
 */
int browsing_report(struct tool_call *call, struct browsing *b, const char *did,
                    const struct page_report *report, bool snapshot, struct err *err) MUST_CHECK;

struct snapshot_how;

/* A snapshot's text: a line about the page, and its fenced lines. how: NULL is all of the page. */
int browsing_snapshot(struct tool_call *call, struct browsing *b, const struct snapshot_how *how,
                      struct buf *out, struct err *err) MUST_CHECK;

/* "page page_... · URL · title" and a line for each thing that a report tells. */
int browsing_place(struct buf *out, const char *page_id, const char *url, const char *title,
                   struct err *err) MUST_CHECK;
int browsing_events(struct buf *out, const struct page_report *report, struct err *err) MUST_CHECK;

/* The same as a member "events" of {type, text}. */
void browsing_events_json(struct jw *w, const struct page_report *report);

#endif
