/*
 * What this folder knows of a browser. Every field below is guarded by browser.lock, except where
 * it is said; the connection's thread writes most of it, in on_event().
 *
 * Functions named here are called with the lock held, unless they say otherwise.
 */
#ifndef BACKEND_BROWSER_STATE_H
#define BACKEND_BROWSER_STATE_H

#include "backend/browser/page.h"
#include "backend/browser/screencast.h"
#include "base/list.h"

#include <pthread.h>
#include <stdatomic.h>

enum life { LIFE_DOM = 1, LIFE_LOAD = 2, LIFE_IDLE = 4, LIFE_ALL = 7 };

struct frame {
    char id[PAGE_FRAME_ID], parent[PAGE_FRAME_ID], session[PAGE_FRAME_ID];
    char loader[PAGE_FRAME_ID];      /* of the document that is there */
    char life_loader[PAGE_FRAME_ID]; /* of the document that `life` is about */
    unsigned life;                   /* enum life */
    int64_t context, world;          /* 0 none */
    bool remote;
    char *url;
};

struct document { /* the last one that the main frame asked for */
    char loader[PAGE_FRAME_ID];
    int status;
    bool failed, download;
    char error[128]; /* net::ERR_... */
    char redirected_from[BROWSER_URL_MAX];
};

struct session {
    char id[PAGE_FRAME_ID], parent[PAGE_FRAME_ID], target[PAGE_FRAME_ID];
    char type[24];
    char context[PAGE_FRAME_ID]; /* browserContextId */
    struct page *page;           /* borrowed; NULL a worker of nobody's */
};

struct context {
    char name[BROWSER_CONTEXT_MAX]; /* "" a free row */
    char id[PAGE_FRAME_ID];         /* "" not made yet */
    unsigned pages;                 /* and those who are opening one */
};

struct page {
    atomic_uint refs;
    struct browser *browser;     /* never changes */
    char id[ID_SIZE];            /* never changes */
    char target[PAGE_FRAME_ID];  /* never changes; also the main frame's id */
    char session[PAGE_FRAME_ID]; /* never changes */
    int halt_fd;                 /* readable: nothing is to be asked of it; see page_halt() */
    bool halted;

    uint64_t number; /* of all pages of this browser, ascending */
    char opener[ID_SIZE];
    char context[PAGE_FRAME_ID]; /* browserContextId */
    char *url, *title;
    bool crashed, closed, tree_known, fitted;
    struct frame *frames[PAGE_FRAMES_MAX];
    size_t frame_count;
    uint64_t in_flight[PAGE_REQUESTS_MAX]; /* hashes of their ids */
    unsigned in_flight_count;
    uint64_t icon; /* hash of the last icon's id; request_is_icon() */
    struct document document;
    uint64_t requests, documents, main_documents, same_document, console_errors, opened;
    char *posted;       /* URL of the last document, when it was asked for otherwise than by GET */
    uint64_t aborted;   /* documents that did not come, or became downloads */
    int64_t aborted_ms; /* the last one, monotonic */
    int64_t download_by_ms;  /* one should begin until then; 0: none is expected */
    uint64_t loads_started;  /* navigations of any frame that were begun */
    bool loading;            /* the main frame */
    struct refs *page_refs;  /* snapshot_refs.h; NULL none yet */
    struct chooser *chooser; /* chooser.h; NULL: none was opened yet */
    char *drag;              /* drag.c: JSON of what was caught; NULL none */
    bool drag_wanted;
    bool touch; /* fingers instead of a mouse */
    char dialog_session[PAGE_FRAME_ID];
    char dialog_type[16]; /* "" none */
    char dialog_message[PAGE_DIALOG_MAX];
    uint64_t dialogs; /* that waited for an answer */
    enum page_dialog_rule dialog_rule;
    char *dialog_text; /* of that rule; NULL none */
    struct page_event events[PAGE_EVENTS_MAX];
    unsigned event_count;
    struct screencast_sink screencast; /* frame NULL: none runs */
    struct responses *responses;       /* responses.c */
    struct console *console;           /* NULL: nothing was printed */
    struct emulation *emulation;       /* NULL: none */
    char trace[160];                   /* handle of the one that is complete */
    bool traced;
    bool blank;              /* all that it asks for is empty: storage.c */
    int mouse_held;          /* bits of MouseEvent.buttons that input_mouse() left down */
    struct net_log *net_log; /* NULL: nothing was asked for yet */
};

struct browser {
    atomic_uint refs; /* its owner and its pages */
    struct cdp *cdp;  /* set before the first event is taken; NULL once freed */
    char version[64]; /* never changes once it is new */

    bool joined;              /* never changes; see browser_join() */
    char home[PAGE_FRAME_ID]; /* never changes; see browser_home() */

    pthread_mutex_t lock;
    bool over;
    struct page *pages[BROWSER_PAGES_MAX]; /* one reference each, oldest first */
    size_t page_count;
    uint64_t pages_made;
    char closed[BROWSER_CLOSED_KEPT][ID_SIZE]; /* a ring */
    size_t closed_next;
    struct session sessions[BROWSER_SESSIONS_MAX];
    size_t session_count;
    struct context contexts[BROWSER_CONTEXTS_MAX];
    struct list watches;
    struct downloads *downloads; /* NULL: none are allowed */
    struct extracts *extracts;   /* what pages said; NULL: nothing yet */
    struct network *network;     /* rules and recordings; NULL: none were made yet */
    struct buf outbox; /* commands to send once the lock is free: session, method, params */
};

/* ---- waiting for a change ---- */

struct watch {
    struct list link;
    int fd;
    bool poked;
};

int watch_begin(struct browser *b, struct watch *w, struct err *err) MUST_CHECK;
void watch_end(struct browser *b, struct watch *w);

/* Gives up the lock until something changed. 1: the deadline has passed; -1: the call is over or
 * the browser is. */
int watch_wait(struct browser *b, struct watch *w, int64_t deadline_ms, struct call *call,
               struct err *err) MUST_CHECK;
void watch_poke(struct browser *b);

/* ---- tables ---- */

void browser_ref(struct browser *b);   /* without the lock */
void browser_unref(struct browser *b); /* without the lock */

/* The connection's thread; takes the lock itself. */
void browser_on_event(void *context, const struct cdp_event *event);

/* To be sent when the lock is free; for the connection's thread. */
void browser_post(struct browser *b, const char *session, const char *method, const char *params);

int browser_gone(struct browser *b, struct err *err); /* why it is over; -1 */

struct session *session_find(struct browser *b, const char *id);
struct page *page_by_target(struct browser *b, const char *target);
struct context *context_by_id(struct browser *b, const char *id);
void context_release(struct browser *b, struct context *c);

/* NULL without memory. Not in the table yet. */
struct page *page_make(struct browser *b, yyjson_val *info, const char *session);
void page_gone(struct page *page); /* closed, or the browser ended */
void page_halt(struct page *page); /* after crashed, closed or the dialog changed */
void page_add_event(struct page *page, const char *type, const char *fmt, ...) PRINTF(3, 4);

struct frame *frame_find(struct page *page, const char *id);
struct frame *frame_add(struct page *page, const char *id, const char *parent,
                        const char *session);         /* NULL: too many, or no memory */
void frame_remove(struct page *page, const char *id); /* with those below it */
void frames_clear(struct page *page);
/* Frame of Page.Frame; the document in it. */
void frame_navigated(struct page *page, const char *session, yyjson_val *frame, const char *how);

/* Without the lock. Its first commands were obeyed, and its frames are known: whatever happens in
 * it from now on is told. */
int page_know(struct page *page, struct call *call, struct err *err) MUST_CHECK;

/* Without the lock. Its window as large as is needed for a page of the usual size; once, and not
 * for popups, which have the size they were opened with. */
void page_fit(struct page *page, struct call *call);

/* Without the lock. NULL: it stays. */
void page_keep_title(struct page *page, const char *title);

/* Without the lock. As its document says now; left as it is when that takes long. */
void page_title(struct page *page, struct call *call, char out[BROWSER_TITLE_MAX]);

/* ---- events; `s` is the session they came from ---- */

typedef void page_event_fn(struct browser *b, struct session *s, yyjson_val *params);
struct page_event_row {
    const char *method;
    page_event_fn *fn;
};
extern const struct page_event_row frame_events[], request_events[], page_events[], wait_events[];
extern const struct page_event_row screencast_events[];
void screencast_over(struct page *page, const char *why); /* it is closed, crashed or gone */

/* Of Network.requestWillBeSent: the browser wants it for a tab nobody sees, the page does not. */
bool request_is_icon(yyjson_val *params);
bool request_was_icon(const struct page *page, const char *id); /* the last one of them */

void responses_free(struct responses *r);
void responses_mark(struct page *page); /* an action begins */

/* ---- console.c ---- */

extern const struct page_event_row console_events[];
void console_free(struct console *c); /* NULL is fine */

/* ---- page_trace.c ---- */

extern const struct page_event_row trace_events[];

/* ---- emulate.c ---- */

void emulation_attached(struct browser *b, const struct page *page, const struct session *s);
void emulation_inherit(struct page *page, const struct page *opener);
#define EMULATION_CONDITIONS 160
/* Params of Network.emulateNetworkConditions; page may be NULL. */
void emulation_conditions(const struct page *page, bool offline, char out[EMULATION_CONDITIONS]);

/* ---- storage.c ---- */

extern const struct page_event_row storage_events[];
/* Without the lock. A page at that origin, of the context of `like`; its server is not asked. */
int storage_visit(struct page *like, const char *origin, struct call *call, struct page **out,
                  struct err *err) MUST_CHECK;

/* ---- file choosers (chooser.c) ---- */

extern const struct page_event_row chooser_events[];
void chooser_free(struct chooser *c);

extern const struct page_event_row drag_events[];

/* ---- downloads (download.c) ---- */

extern const struct page_event_row download_events[];
void downloads_free(struct downloads *all);
uint64_t downloads_made(const struct browser *b);
void page_expect_download(struct page *page); /* the next page_settle() waits for it; unlocked */
/* Some that the page began, or one that it opened, behind that number. */
bool downloads_running(struct page *page, uint64_t since);
/* A new context; without the lock. */
int downloads_context(struct browser *b, const char *context, struct call *call,
                      struct err *err) MUST_CHECK;
void downloads_context_gone(struct browser *b, const char *context);

void extracts_free(struct extracts *all); /* extract.c */

/* ---- small things ---- */

void copy_text(char *out, size_t size, const char *text); /* NULL is ""; cut with "..." */
char *keep_url(char *old, const char *url);               /* frees old; BROWSER_URL_MAX at most */
#define COPY(array, text) copy_text((array), sizeof(array), (text))

#endif
