/*
 * Another program at the same browser, over CDP: it gets a browser session of its own on the one
 * connection, its ids are rewritten, and what it sends for sessions that are not below its own is
 * refused. It sees all pages of the browser. Contexts that it made are disposed of at its end.
 *
 * Not for it: ending the browser (Browser.close ends its own connection), where downloads of the
 * default context go, and connecting the browser elsewhere.
 *
 * All it says is hostile; so is all that the browser says.
 */
#ifndef BACKEND_BROWSER_FOREIGN_H
#define BACKEND_BROWSER_FOREIGN_H

#include "backend/browser/browser.h"

#define FOREIGN_SESSIONS_MAX 1024 /* flat sessions below its own; more end it */
#define FOREIGN_CALLS_MAX 1024    /* commands waiting for their answer; more are refused */
#define FOREIGN_CONTEXTS_MAX 32   /* contexts it made; more are refused */

struct foreign;

struct foreign_client {
    /* One message for it; called by the connection's thread and by foreign_message(). Must neither
     * block nor call foreign_*(). */
    void (*send)(void *context, const char *json, size_t len);
    /* It is over, by the browser's end or its own doing; nothing follows. Same rules. */
    void (*over)(void *context, const char *why);
    void *context;
};

/* The browser is borrowed until foreign_free(). ERR_QUOTA: CDP_TAPS are there already. */
int foreign_new(struct browser *browser, const struct foreign_client *client, struct call *call,
                struct foreign **out, struct err *err) MUST_CHECK;

/* One message from it. One at a time; may wait while the browser takes no commands. */
void foreign_message(struct foreign *f, const char *json, size_t len);

void foreign_free(struct foreign *f); /* NULL is fine */

#endif
