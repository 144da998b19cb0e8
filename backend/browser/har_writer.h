/*
 * How a HAR file is written. Without the lock.
 */
#ifndef BACKEND_BROWSER_HAR_WRITER_H
#define BACKEND_BROWSER_HAR_WRITER_H

#include "backend/browser/har_state.h"

struct har_writer {
    struct jw w;
    bool redact;
    struct err *err;
};

/* One entry, as it was at one moment. */
struct har_moment {
    struct net_request r;
    bool has_body, base64;
    char *data;
    size_t len;
    int64_t size;
    char why[120];
    int page;
};

void har_moment_done(struct har_moment *m);
void har_put_entry(struct har_writer *h, const struct har_moment *m);

/* An address, without its secrets when they are redacted. */
void har_put_redacted(struct har_writer *h, const char *key, const char *url);

#endif
