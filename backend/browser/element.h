/*
 * Elements of a page: found in any of its frames, waited for, and where they are.
 */
#ifndef BACKEND_BROWSER_ELEMENT_H
#define BACKEND_BROWSER_ELEMENT_H

#include "backend/browser/input.h"

#define ELEMENT_LABEL_MAX 160
#define ELEMENT_NOTE_MAX 256

struct element {
    char session[PAGE_FRAME_ID], frame[PAGE_FRAME_ID];
    char object[96];               /* in our isolated world, of group `group` */
    char group[32];                /* released by element_done() */
    char label[ELEMENT_LABEL_MAX]; /* "button "Save"", "<div#save> "Save"", once it is ready */
    char note[ELEMENT_NOTE_MAX];   /* how it was found, when that has to be told; "" */
    double x, y;                   /* in the main frame's viewport, once it is ready */
    double own_x, own_y;           /* in its own frame's */
    char box[128];                 /* where it was, as js_ready wrote it */
    bool by_role;                  /* looked for as role=... */
    bool saves;                    /* a link whose click downloads, once it is ready */
    struct page *page;             /* borrowed */
};

/* Waits for INPUT_FIND_MS. */
int element_find(struct page *page, const struct input_target *target, struct call *call,
                 struct element *out, struct err *err) MUST_CHECK;
void element_done(struct element *e);

/* Looks once; 0: it is there and visible, 1: not. Several are as good as one. */
int element_look(struct page *page, const struct input_target *target, struct call *call,
                 struct err *err) MUST_CHECK;

/* That node, of that frame. ERR_STALE: it has gone. */
int element_resolve(struct element *e, const struct page_frame *frame, int64_t node,
                    struct call *call, struct err *err) MUST_CHECK;

/* -1: the call ended meanwhile. */
int element_pause(int ms, struct call *call, struct err *err) MUST_CHECK;

/* need: letters of js_ready. Fills label, x and y. */
int element_ready(struct element *e, const char *need, struct call *call,
                  struct err *err) MUST_CHECK;

/* Whether it is still where it was ready; 1: it is not. */
int element_still(struct element *e, struct call *call, struct err *err) MUST_CHECK;

/* A function of ours on it; its value in reply. args: JSON array of Runtime.CallArgument. */
int element_call(struct element *e, const char *function, const char *args, int64_t timeout_ms,
                 struct call *call, struct cdp_reply *reply, yyjson_val **value,
                 struct err *err) MUST_CHECK;

/*
 * The end of an action that began or not, and gave r: settles. What stopped it half-way is told by
 * the report when the action itself brought it about: a dialog, the page's end.
 */
int input_caused(struct page *page, const struct page_mark *mark, int r, bool began,
                 const struct err *why, struct call *call, struct page_report *report,
                 struct err *err) MUST_CHECK;

/* Whose label the report then tells; report may be NULL. */
void input_acted_on(struct page_report *report, const struct element *e);

#endif
