/*
 * One page (a tab, a popup): its frames, what it loads, its dialogs, and what can be done to it.
 *
 * Counted references; a page that was closed or whose tab crashed stays valid and answers ERR_GONE
 * or ERR_UNAVAILABLE. Any thread but the connection's. While a dialog that has to be answered is
 * open, whatever needs the page's scripts fails with ERR_MODAL at once, also what already waits.
 */
#ifndef BACKEND_BROWSER_PAGE_H
#define BACKEND_BROWSER_PAGE_H

#include "backend/browser/browser.h"

#define PAGE_FRAMES_MAX 512      /* frames of one page; more are not followed */
#define PAGE_FRAME_ID 40         /* bytes of a frame's, session's or loader's id with its NUL */
#define PAGE_EVENTS_MAX 32       /* events kept until they are taken; the oldest go first */
#define PAGE_EVENT_MAX 512       /* bytes of an event's text */
#define PAGE_DIALOG_MAX 1024     /* bytes kept of a dialog's message */
#define PAGE_REQUESTS_MAX 1024   /* requests followed at once */
#define PAGE_WORLD "sandbox-mcp" /* name of our isolated world in every frame */

struct page *page_ref(struct page *page);
void page_unref(struct page *page); /* NULL is fine */
DEFINE_AUTO_PTR(page, page_unref);

const char *page_id(const struct page *page); /* "page_..." never reused */
struct browser *page_browser(struct page *page);

/* ---- what it is like now ---- */

struct page_info {
    char id[ID_SIZE], opener[ID_SIZE]; /* opener: "" none */
    char context[BROWSER_CONTEXT_MAX]; /* "" the default one */
    char url[BROWSER_URL_MAX], title[BROWSER_TITLE_MAX];
    bool loading, crashed, closed;
    bool dialog;          /* one waits for an answer: */
    char dialog_type[16]; /* "confirm", "prompt" */
    char dialog_message[PAGE_DIALOG_MAX];
    unsigned in_flight;      /* requests */
    uint64_t console_errors; /* since it was opened, uncaught exceptions included */
    uint64_t documents;      /* counts every document committed in any frame: a snapshot of
                                another count is stale */
};
void page_info(struct page *page, struct page_info *out);

/* The title is what was seen last; this looks again, unless the page cannot answer. */
void page_refresh_title(struct page *page, struct call *call);

struct page_frame {
    char id[PAGE_FRAME_ID], parent[PAGE_FRAME_ID]; /* parent: "" the main frame */
    char session[PAGE_FRAME_ID];                   /* that its commands go to */
    char loader[PAGE_FRAME_ID];                    /* of its document; another one: it navigated */
    char url[BROWSER_URL_MAX];
    int64_t context; /* its main world for Runtime.*, 0 unknown */
    bool remote;     /* root of a session of its own: an out-of-process frame */
};

/* The frames, parents before children, the main frame first; free(*out). */
int page_frames(struct page *page, struct page_frame **out, size_t *count,
                struct err *err) MUST_CHECK;

/* ---- commands ---- */

/*
 * cdp_call() to this page: session NULL or "" is the page's own, else one of its frames'. Fails
 * at once, waiting or not, with ERR_MODAL (a dialog opened), ERR_GONE (closed), ERR_UNAVAILABLE
 * (crashed).
 */
int page_call(struct page *page, const char *session, const char *method, const char *params,
              int64_t timeout_ms, struct call *call, struct cdp_reply *reply,
              struct err *err) MUST_CHECK;

/* Id of the execution context of our isolated world in that frame, made at first use. ERR_STALE:
 * the frame has gone or moved to another process; list the frames again. */
int page_world(struct page *page, const struct page_frame *frame, struct call *call,
               int64_t *context, struct err *err) MUST_CHECK;

int page_close(struct page *page, struct call *call, struct err *err) MUST_CHECK;

/* Makes it the one that is shown. */
int page_activate(struct page *page, struct call *call, struct err *err) MUST_CHECK;

/* Answers the open dialog; text: of a prompt, may be NULL. ERR_NOT_FOUND without one. type and
 * message of `out` (may be NULL) are filled. */
int page_dialog(struct page *page, bool accept, const char *text, struct call *call,
                struct page_info *out, struct err *err) MUST_CHECK;

enum page_dialog_rule {
    PAGE_DIALOG_USUAL, /* an alert and a leave-page dialog are accepted, the others wait */
    PAGE_DIALOG_ACCEPT,
    PAGE_DIALOG_DISMISS,
    PAGE_DIALOG_ASK, /* all wait for page_dialog() */
};

/* What happens to dialogs from now on; text: what prompts are answered with, may be NULL. */
int page_dialog_rule(struct page *page, enum page_dialog_rule rule, const char *text,
                     struct err *err) MUST_CHECK;

/* ---- navigation (navigate.c) ---- */

enum page_wait { PAGE_WAIT_COMMIT, PAGE_WAIT_DOM, PAGE_WAIT_LOAD, PAGE_WAIT_IDLE };
enum page_go { PAGE_GOTO, PAGE_BACK, PAGE_FORWARD, PAGE_RELOAD };

struct page_goto {
    enum page_go go;
    const char *url; /* of PAGE_GOTO */
    enum page_wait wait;
    int64_t timeout_ms; /* 0: 30 s */
};

struct page_went {
    char url[BROWSER_URL_MAX], title[BROWSER_TITLE_MAX];
    char redirected_from[BROWSER_URL_MAX]; /* "" it was not */
    int status;                            /* HTTP; 0: none (about:, data:, from memory) */
    bool download;                         /* it became a download, the page stayed where it was */
    bool same_document;
    bool unfinished; /* committed, and not as far as asked when the time was up */
};

/*
 * HTTP errors are results. ERR_INVALID: a scheme that is refused, ERR_UNAVAILABLE: no document
 * (unknown host, connection refused, ...) with the reason, ERR_TIMEOUT: nothing was committed in
 * time, the load is stopped.
 */
int page_navigate(struct page *page, const struct page_goto *how, struct call *call,
                  struct page_went *out, struct err *err) MUST_CHECK;

/* ---- scripts (evaluate.c) ---- */

#define PAGE_RESULT_MAX (1024 * 1024) /* bytes of a result at most, whatever is asked */

struct page_script {
    const char *text;    /* an expression, or a function, which is called; a promise is awaited */
    const char *arg;     /* JSON, passed to the function; NULL none */
    const char *session; /* of `node`, or of `frame` */
    const char *frame;   /* frame id; NULL: the main frame */
    int64_t node;        /* backendNodeId passed first; 0 none */
    const struct input_target *target; /* instead of these three; NULL none */
    int64_t timeout_ms; /* 0: CDP_TIMEOUT_MS; a script that still runs is then ended */
    size_t max_bytes;   /* 0: 24 kB; what is beyond is left out */
};

struct page_value {
    struct buf json; /* owned; valid JSON, cycles and nodes as strings such as "[Circular]" */
    char type[32];   /* typeof, or "null", "array", "node", "error", ... */
    bool truncated;
};
void page_value_done(struct page_value *v);

/* A script that throws is ERR_INVALID with message and stack. */
int page_evaluate(struct page *page, const struct page_script *script, struct call *call,
                  struct page_value *out, struct err *err) MUST_CHECK;

/* ---- pictures (screenshot.c) ---- */

#define PAGE_SHOT_SIDE 1568           /* pixels of the longer side at most */
#define PAGE_SHOT_PIXELS 1150000      /* pixels at most */
#define PAGE_SHOT_BASE64 (700 * 1000) /* bytes of base64 at most */

struct input_target;

struct page_shot {
    const char *format; /* "jpeg" (NULL), "png", "webp" */
    bool full_page;
    bool clip; /* x, y, width, height in CSS pixels of the document */
    double x, y, width, height;
    const struct input_target *target; /* only that element, scrolled into view; NULL: the page */
    bool unbounded;                    /* one picture pixel per device pixel, of any size */
    bool marks;                        /* what can be acted on has a box with its ref */
};

struct page_picture {
    struct buf base64; /* owned */
    int width, height; /* pixels of the picture */
    double scale;      /* picture pixels per CSS pixel */
    double x, y;       /* CSS pixels of the document: its upper left corner */
    int quality;       /* 0: lossless */
    size_t marks;      /* boxes that were drawn */
    size_t unmarked;   /* and those that were too many */
    char format[8];
};
void page_picture_done(struct page_picture *p);

int page_screenshot(struct page *page, const struct page_shot *shot, struct call *call,
                    struct page_picture *out, struct err *err) MUST_CHECK;

/* ---- what an action caused (settle.c) ---- */

struct page_mark { /* how things stood before it */
    uint64_t documents, same_document, requests, console_errors, opened, loads, number, downloads,
        aborted;
    unsigned in_flight;
    bool dialog; /* one was open already */
};

struct page_event {
    char type[24]; /* "alert", "beforeunload", "crash", "popup_blocked", ... */
    char text[PAGE_EVENT_MAX];
};

struct page_report {
    char acted_on[160]; /* the element, as "button "Save"", "<div#save> "Save""; "" none */
    char note[256];     /* how it was found, when that has to be told; "" */
    char url[BROWSER_URL_MAX], title[BROWSER_TITLE_MAX];
    bool navigated;     /* the main frame has another document */
    bool same_document; /* its URL changed within the document */
    bool unfinished;    /* something it started still goes on */
    char new_pages[8][ID_SIZE];
    unsigned new_page_count;
    unsigned requests;       /* started meanwhile */
    unsigned console_errors; /* new ones */
    bool dialog;             /* waits for an answer; see page_info() */
    char dialog_type[16], dialog_message[PAGE_DIALOG_MAX];
    struct page_event events[PAGE_EVENTS_MAX]; /* taken from the page */
    unsigned event_count;
};

void page_mark(struct page *page, struct page_mark *mark);
void page_peek(struct page *page, struct page_mark *mark); /* of what is no action */

/* Waits until what began since the mark is over: a navigation until its DOM is there, requests
 * until they are answered; at most max_ms (0: 5 s). Nothing began: a few milliseconds. */
int page_settle(struct page *page, const struct page_mark *mark, int64_t max_ms, struct call *call,
                struct page_report *out, struct err *err) MUST_CHECK;

#endif
