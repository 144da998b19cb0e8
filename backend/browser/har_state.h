/*
 * Recordings inside this folder. Called with browser.lock held, except where it is said.
 */
#ifndef BACKEND_BROWSER_HAR_STATE_H
#define BACKEND_BROWSER_HAR_STATE_H

#include "backend/browser/har.h"
#include "backend/browser/net_log_state.h"

#define HAR_DETAIL_MAX (32 * 1024 * 1024) /* bytes of URLs, headers and posts of one recording */

struct url_glob;

/* What is kept of a body; of an entry, for all recordings. */
struct har_body {
    enum har_bodies wanted; /* of the recordings that saw the request */
    unsigned users;         /* recordings */
    atomic_size_t *total;   /* of the browser, that data is counted in */
    bool asked;             /* it is being fetched, or was */
    bool read;              /* that is over */
    bool base64;
    char *data; /* as the browser gave it; NULL none */
    size_t len;
    int64_t size;  /* of the bytes */
    char why[120]; /* there is none; "" nothing to say */
};

struct har_page {
    char page_id[ID_SIZE];
    char *url, *title;
    int64_t wall_ms;
    double sent;            /* seconds of the browser's clock */
    double dom_ms, load_ms; /* -1 not yet */
};

struct har_item {
    struct net_entry *entry;
    int page; /* of pages; -1 none */
};

struct har {
    unsigned refs;
    struct list link;
    struct browser *browser; /* counted */
    struct page *page;       /* counted; NULL: all */
    enum har_bodies bodies;
    bool redact;
    struct url_glob *filter; /* NULL: all */
    struct har_item *items;
    size_t count, cap, lost, detail;
    struct har_page pages[HAR_PAGES_MAX];
    size_t page_count;
};

/* From the log's events. */
void har_began(struct browser *b, struct page *page, struct net_entry *e);
void har_ended(struct browser *b, struct net_entry *e);
void har_milestone(struct browser *b, struct page *page, bool load, double now);

/* Pages that are open have the titles of now. */
void har_titles(struct har *h);

/* Asks for the body of a request that is over, if it is worth it. */
void har_fetch_body(struct browser *b, struct net_entry *e);

/* Text, as far as its type says. */
bool har_is_text(const char *mime);

#endif
