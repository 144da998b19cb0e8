/*
 * The taps of one connection (cdp.h).
 */
#ifndef BACKEND_BROWSER_CDP_TAPS_H
#define BACKEND_BROWSER_CDP_TAPS_H

#include "backend/browser/cdp.h"

#include <pthread.h>

struct taps {
    pthread_mutex_t lock; /* also held while one of them runs */
    struct cdp_tap *all[CDP_TAPS];
    bool over;
};

void taps_init(struct taps *t);
void taps_done(struct taps *t);

/* True: one of them took it. */
bool taps_take(struct taps *t, int64_t id, const char *session, yyjson_val *message);
void taps_over(struct taps *t);

int taps_add(struct taps *t, struct cdp_tap *tap, struct err *err) MUST_CHECK;
void taps_remove(struct taps *t, struct cdp_tap *tap);

#endif
