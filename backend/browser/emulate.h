/*
 * What a page is made to believe of the machine and the place it is shown at: CDP's Emulation
 * domain, in all its frames and workers, also in those that come later, and in the pages that it
 * opens. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_EMULATE_H
#define BACKEND_BROWSER_EMULATE_H

#include "backend/browser/page.h"

#define EMULATE_SIDE_MAX 8192 /* CSS pixels */
#define EMULATE_TEXT_MAX 512  /* bytes of a user agent with its NUL */

/* Zeroed: as it is. Each part is set or cleared as a whole. */
struct emulation {
    struct {
        int width, height; /* CSS pixels; 0: not set */
        double scale;      /* picture pixels for each; 0: 1 */
        bool mobile;       /* as a phone lays out: viewport meta tag, overlay scroll bars */
    } viewport;
    struct {
        bool on;
    } touch;
    struct {
        char agent[EMULATE_TEXT_MAX];
    } user_agent;
    struct {
        char type[8];                              /* "print", "screen" */
        char color_scheme[16], reduced_motion[16]; /* "dark", "reduce", ... */
    } media;
    struct {
        char name[36]; /* "de-DE"; also sent as Accept-Language */
    } locale;
    struct {
        char name[64]; /* "Europe/Berlin" */
    } timezone;
    struct {
        bool set;
        double latitude, longitude,
            accuracy; /* degrees, metres; pages of this cookie jar may ask */
    } geolocation;
    struct {
        bool set;
        double latency_ms, down, up; /* bytes per second; 0: no bound */
    } network;
    struct {
        double rate; /* times slower; 0: not set */
    } cpu;
};

void page_emulation(struct page *page, struct emulation *out);

/* From now on this, as a whole. ERR_INVALID with the browser's words, e.g. an unknown time zone;
 * what was set before that stays. */
int page_emulate(struct page *page, const struct emulation *want, struct call *call,
                 struct err *err) MUST_CHECK;

#endif
