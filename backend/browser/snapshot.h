/*
 * What a model sees of a page: its accessibility tree as indented text, with refs to act on.
 *
 * A ref ("e12"; "f2e7" in a frame) stands for one element as long as it lives; no number is used
 * twice on a page, so that a ref of an element or document that has gone is known for sure. Any
 * thread but the connection's. Errors as of page_call(); ERR_MODAL while a dialog is open.
 */
#ifndef BACKEND_BROWSER_SNAPSHOT_H
#define BACKEND_BROWSER_SNAPSHOT_H

#include "backend/browser/input.h"

#define SNAPSHOT_BYTES (24 * 1024)
#define SNAPSHOT_MAX (256 * 1024) /* bytes of one, frames included, whatever is asked */

enum snapshot_mode { SNAPSHOT_FULL, SNAPSHOT_INTERACTIVE, SNAPSHOT_CHANGES };

struct snapshot_how {
    enum snapshot_mode mode;
    const struct input_target *target; /* only what is in it; NULL: the page */
    bool rest;                         /* with it, what follows it: "e12+" */
    int depth;                         /* levels; 0: all */
    size_t max_bytes;                  /* 0: SNAPSHOT_BYTES; beyond, sub-trees are only counted */
    const char *caller;                /* whose earlier snapshot changes are told from */
};

struct snapshot {
    struct buf text;     /* owned; lines */
    uint64_t generation; /* of this page's snapshots, ascending */
    size_t elements, changes;
    bool folded;  /* parts are only counted */
    bool cut;     /* the page is larger than what was looked at */
    bool changed; /* the text is what changed; else all of it */
    bool modal;   /* only the modal dialog that is open */
};
void snapshot_done(struct snapshot *s);

int page_snapshot(struct page *page, const struct snapshot_how *how, struct call *call,
                  struct snapshot *out, struct err *err) MUST_CHECK;

/* Whether it is written like a ref; *rest (may be NULL) whether it ends in "+". */
bool snapshot_is_ref(const char *text, bool *rest);

struct snapshot_query {
    const char *text, *regex, *role; /* NULL: any */
    size_t limit;
};

/* Writes the members "matches" and "total" of a JSON object. */
int page_find(struct page *page, const struct snapshot_query *query, struct call *call,
              struct jw *w, size_t *total, struct err *err) MUST_CHECK;

#endif
