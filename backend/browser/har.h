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
    const char *filter; /* URL glob (route.h), NULL all */
};

struct har;

/* Ended and freed by har_free(), before or after the browser's end. ERR_QUOTA. */
int har_start(struct browser *browser, const struct har_options *options, struct har **out,
              struct err *err) MUST_CHECK;
void har_free(struct har *har); /* NULL is fine */

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

#endif
