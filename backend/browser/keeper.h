/*
 * The browser of one sandbox: started when it is first needed, shared by all calls, started anew
 * after it ended, stopped when nobody used it for long. Any thread.
 */
#ifndef BACKEND_BROWSER_KEEPER_H
#define BACKEND_BROWSER_KEEPER_H

#include "backend/backend.h"
#include "backend/browser/browser.h"

struct keeper *keeper_new(void);    /* NULL: no memory */
void keeper_free(struct keeper *k); /* nobody is inside; NULL is fine */

/* Held until keeper_put(). sb: what to connect to; NULL: only one that runs, ERR_NOT_FOUND. */
int keeper_take(struct keeper *k, struct sandbox *sb, struct call *call, struct browser **out,
                struct err *err) MUST_CHECK;
void keeper_put(struct keeper *k, struct browser *browser);

/* Ends the running one; who is inside gets ERR_UNAVAILABLE. The last who lets go of one waits until
 * it is gone. */
void keeper_stop(struct keeper *k);

/* The same if nobody is inside and the last one left before idle_ms, or it has ended by itself.
 * True: one was taken away. */
bool keeper_expire(struct keeper *k, int64_t now_ms, int64_t idle_ms);

/* What is known of the connection; only while it is held. */
const struct browser_link *keeper_link(struct keeper *k, const struct browser *browser);

/* Whether downloads wait to be put into place (download.h); does not count as use. */
bool keeper_downloads(struct keeper *k);

/* Of the browser that runs; "" none. Does not count as use. */
void keeper_version(struct keeper *k, char out[64]);

/* The page that was used last, which calls without page_id mean; "" none. */
void keeper_use_page(struct keeper *k, const char *page_id);
void keeper_last_page(struct keeper *k, char out[ID_SIZE]);

#endif
