/*
 * HAR 1.2: what pages ask of the network, recorded from a start until a stop. Any thread but the
 * connection's.
 *
 * Recording costs a reference per request; bodies are fetched as requests end, by a thread of the
 * browser. Bounds: HAR_ENTRIES_MAX requests, HAR_BODY_MAX bytes of one body and HAR_BODIES_MAX of
 * all; what is beyond is counted and said in the file's comments.
 *
 * With `redact` no secret that is known by its name is in the text: values of authorization,
 * cookie and token headers, of cookies, of parameters and JSON members such as "access_token" or
 * "password" are "REDACTED".
 */
#ifndef BACKEND_BROWSER_HAR_H
#define BACKEND_BROWSER_HAR_H

#include "backend/browser/page.h"

#define HAR_ENTRIES_MAX 10000
#define HAR_PAGES_MAX 256                 /* documents of pages */
#define HAR_BODY_MAX (256 * 1024)         /* bytes of one body */
#define HAR_BODIES_MAX (32 * 1024 * 1024) /* of all recordings of a browser */
#define HAR_TEXT_MAX (96 * 1024 * 1024)   /* of a HAR file */
#define HAR_RECORDINGS_MAX 8              /* of a browser at once */
#define HAR_REDACTED "REDACTED"

enum har_bodies { HAR_BODIES_NONE, HAR_BODIES_TEXT, HAR_BODIES_ALL };

struct har_options {
    struct page *page; /* NULL: all pages of the browser, later ones too */
    enum har_bodies bodies;
    bool redact;
    const char *filter; /* URL glob (route.h); NULL all */
};

struct har;

/* Ended and freed by har_free(), before or after the browser's end. ERR_QUOTA. */
int har_start(struct browser *browser, const struct har_options *options, struct har **out,
              struct err *err) MUST_CHECK;
void har_free(struct har *har); /* NULL is fine */

/* The one of the whole browser that a caller left running: counted, har_free() it; NULL none. */
struct har *har_shared(struct browser *browser);
/* Takes it (not on failure); NULL: none any more. ERR_CONFLICT: there is one. */
int har_share(struct browser *browser, struct har *har, struct err *err) MUST_CHECK;

struct har_facts {
    size_t entries, bodies, lost; /* lost: beyond HAR_ENTRIES_MAX */
    uint64_t body_bytes;
};
void har_facts(struct har *har, struct har_facts *out);

/*
 * Appends what was recorded so far as a HAR file; recording goes on. Waits a moment for bodies
 * that are being fetched; call may be NULL. redact: on top of options.redact.
 */
int har_write(struct har *har, bool redact, struct call *call, struct buf *out,
              struct har_facts *facts, struct err *err) MUST_CHECK;

/* ---- replay ---- */

#define HAR_REPLAY_MAX (32 * 1024 * 1024) /* bytes of a file */

/*
 * From now on requests of all pages are answered from a HAR file instead of the network: by method
 * and URL, what was posted when several have these, one after the other when they were recorded
 * so, the last one again from then on. Redacted values match any value. Web sockets are not served.
 */
struct har_replay_options {
    const char *text; /* the file; borrowed */
    size_t len;
    const char *filter; /* URL glob: all others go to the network; NULL none do */
    bool fall_through;  /* what is not in the file goes to the network; else it fails */
};

struct har_replay_facts {
    size_t entries, without_body; /* without_body: cannot be served, their content is missing */
    uint64_t served, missed;
};

/* An earlier one ends. ERR_INVALID: no HAR. */
int har_replay(struct browser *browser, const struct har_replay_options *options, struct call *call,
               struct har_replay_facts *facts, struct err *err) MUST_CHECK;
/* False: none runs. */
bool har_replay_facts(struct browser *browser, struct har_replay_facts *facts);
int har_replay_stop(struct browser *browser, struct call *call, struct err *err) MUST_CHECK;

#endif
