/*
 * Cookies, local and session storage of a browser context, and all of it as one text: the format
 * of Playwright's storageState, {"cookies":[...],"origins":[{"origin","localStorage":[{"name",
 * "value"}]}]}. Any thread but the connection's.
 */
#ifndef BACKEND_BROWSER_STORAGE_H
#define BACKEND_BROWSER_STORAGE_H

#include "backend/browser/page.h"

#define STORAGE_MAX (16 * 1024 * 1024) /* bytes of everything that is read or set at once */
#define STORAGE_COOKIES_MAX 1000       /* set at once */
#define STORAGE_ORIGINS_MAX 64

/*
 * Cookies of the page's context, as Network.Cookie of CDP, in reply ("cookies"). url: only those
 * that are sent there; NULL all.
 */
int storage_cookies(struct page *page, const char *url, struct call *call, struct cdp_reply *reply,
                    yyjson_val **cookies, struct err *err) MUST_CHECK;

/* cookies: JSON array of Network.CookieParam: name, value, and url or domain; ERR_INVALID. */
int storage_set_cookies(struct page *page, const char *cookies, struct call *call,
                        struct err *err) MUST_CHECK;

/* Of that name; url NULL: wherever it is sent. How many there were. */
int storage_delete_cookie(struct page *page, const char *name, const char *url, struct call *call,
                          size_t *deleted, struct err *err) MUST_CHECK;
int storage_clear_cookies(struct page *page, struct call *call, struct err *err) MUST_CHECK;

enum storage_do { STORAGE_LIST, STORAGE_GET, STORAGE_SET, STORAGE_DELETE, STORAGE_CLEAR };

/* Of the main frame's origin. *items: JSON array of {"key","value"} in reply: those that are there,
 * or were before they were deleted. ERR_DENIED: the page's origin has none. */
int storage_items(struct page *page, bool session, enum storage_do what, const char *key,
                  const char *value, struct call *call, struct cdp_reply *reply, yyjson_val **items,
                  struct err *err) MUST_CHECK;

/* The same in one frame, of local storage. */
int storage_items_of(struct page *page, const char *frame, enum storage_do what, const char *key,
                     const char *value, struct call *call, struct cdp_reply *reply,
                     yyjson_val **items, struct err *err) MUST_CHECK;

struct storage_count {
    size_t cookies, origins, items;
};

/* origins: also of these, which no page shows; each is opened as an empty page, without asking its
 * server. */
int storage_save(struct page *page, const char *const *origins, size_t count, struct call *call,
                 struct buf *out, struct storage_count *counted, struct err *err) MUST_CHECK;

/* only: of these origins and their cookies; count 0: all. */
int storage_load(struct page *page, const char *state, size_t len, const char *const *only,
                 size_t count, struct call *call, struct storage_count *counted,
                 struct err *err) MUST_CHECK;

#endif
