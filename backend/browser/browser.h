/*
 * One running Chromium: its targets, flat sessions, pages and isolated contexts.
 *
 * The connection's thread keeps the tables; every function here may be called from any other
 * thread, also at once for different pages. A page that hangs holds up nobody but its own callers.
 * When the browser dies, everything fails with ERR_UNAVAILABLE and browser_alive() is false;
 * starting another one is the owner's business, as are the process and its end.
 */
#ifndef BACKEND_BROWSER_BROWSER_H
#define BACKEND_BROWSER_BROWSER_H

#include "backend/browser/cdp.h"
#include "base/cleanup.h"
#include "base/id.h"

#define BROWSER_PAGES_MAX 64     /* pages at once; popups beyond it are closed */
#define BROWSER_SESSIONS_MAX 512 /* frames and workers attached at once, of all pages */
#define BROWSER_CONTEXTS_MAX 32  /* isolated contexts */
#define BROWSER_CLOSED_KEPT 64   /* page ids that answer ERR_GONE with the reason */
#define BROWSER_URL_MAX 2048     /* bytes kept of a URL; longer ones end in "..." */
#define BROWSER_TITLE_MAX 256    /* ditto of a title */
#define BROWSER_CONTEXT_MAX 64   /* bytes of an isolated context's name */

struct browser;
struct page;

/* Takes the wire, also on failure. Returns after the browser's first answers. */
int browser_new(struct cdp_wire *wire, struct call *call, struct browser **out,
                struct err *err) MUST_CHECK;

/*
 * The same for somebody's browser that others use too: all pages are in isolated contexts of our
 * own, which go with the connection. Pages of others are neither listed nor touched.
 */
int browser_join(struct cdp_wire *wire, struct call *call, struct browser **out,
                 struct err *err) MUST_CHECK;

/* Ends the connection, not the process. Nobody may be inside; pages still held stay valid and
 * answer ERR_UNAVAILABLE. NULL is fine. */
void browser_free(struct browser *browser);

bool browser_alive(struct browser *browser);
const char *browser_version(struct browser *browser); /* "Chrome/156.0.8078.79" */
struct cdp *browser_cdp(struct browser *browser);

/* browserContextId of the pages that name no context; "": the browser's own default one. */
const char *browser_home(struct browser *browser);

/* The ids of pages that are open or were closed, newest last; and: these answer ERR_GONE here. */
void browser_page_ids(struct browser *browser, char out[BROWSER_CLOSED_KEPT][ID_SIZE]);
void browser_were(struct browser *browser, char ids[BROWSER_CLOSED_KEPT][ID_SIZE]);

/* Asks it to end (Browser.close); does not wait for the process. */
int browser_quit(struct browser *browser, struct err *err) MUST_CHECK;

/*
 * A new page at about:blank. context: name of an isolated cookie jar, made at first use and gone
 * with its last page; NULL or "" is the default one.
 */
int browser_open(struct browser *browser, const char *context, struct call *call, struct page **out,
                 struct err *err) MUST_CHECK;

/* By id, page_unref() it. ERR_NOT_FOUND; ERR_GONE when it was closed. */
int browser_page(struct browser *browser, const char *id, struct page **out,
                 struct err *err) MUST_CHECK;

/* All pages, oldest first, at most BROWSER_PAGES_MAX; each one to be unref'd. Returns how many. */
size_t browser_pages(struct browser *browser, struct page *out[BROWSER_PAGES_MAX]);

/* Other targets that are attached to now: "worker", "service_worker", "iframe", ... */
size_t browser_count(struct browser *browser, const char *type);

#endif
