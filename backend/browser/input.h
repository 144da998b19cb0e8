/*
 * What a person would do to a page: real mouse and keyboard events, at elements that were found,
 * scrolled into view, and looked at whether they can take them.
 *
 * Every function marks the page, acts, and settles: `report` (may be NULL) says what was caused.
 * An element is waited for: INPUT_FIND_MS until it is there, INPUT_READY_MS until it is visible,
 * enabled, not moving and not covered. Any thread but the connection's; one at a time per page
 * makes sense. Errors: ERR_NOT_FOUND (no element), ERR_INVALID (several, or no such selector, or
 * it cannot take this), ERR_COVERED (what is in the way is named), ERR_STALE (it left the page),
 * and those of page_call().
 */
#ifndef BACKEND_BROWSER_INPUT_H
#define BACKEND_BROWSER_INPUT_H

#include "backend/browser/page.h"
#include "backend/results.h"

#define INPUT_FIND_MS 2000
#define INPUT_READY_MS 3000
#define INPUT_SELECTOR_MAX 4096      /* bytes of a selector */
#define INPUT_TEXT_MAX (1024 * 1024) /* bytes to type */
#define INPUT_SLOWLY_MAX 2000        /* characters to type key by key */
#define INPUT_KEYS_MAX 64            /* chords of one call */

/*
 * Either a selector, looked for in every frame, the main one first: "css=...", "text=...",
 * "role=button[name=\"Save\"]", "xpath=..." or "//...", or plain CSS; or a ref of a snapshot
 * (snapshot.h), or a node of a session.
 */
struct input_target {
    const char *ref;      /* "e12"; NULL: */
    const char *selector; /* NULL: */
    const char *session;  /* "" or NULL: the page's own */
    const char *frame;    /* of the node; "" or NULL: the main one */
    int64_t node;         /* backendNodeId */
};

enum input_modifier { INPUT_ALT = 1, INPUT_CONTROL = 2, INPUT_META = 4, INPUT_SHIFT = 8 };

/* "Control", "Shift", "Alt", "Meta" (also "Ctrl", "Command"); ERR_INVALID. */
int input_modifier(const char *name, unsigned *out, struct err *err) MUST_CHECK;

struct input_click {
    const char *button; /* "left" (NULL), "right", "middle" */
    int count;          /* 0: 1; 2 is a double click; at most 3 */
    unsigned modifiers; /* enum input_modifier */
};

int input_click(struct page *page, const struct input_target *target, const struct input_click *how,
                struct call *call, struct page_report *report, struct err *err) MUST_CHECK;
int input_hover(struct page *page, const struct input_target *target, struct call *call,
                struct page_report *report, struct err *err) MUST_CHECK;

struct input_type {
    const char *text;
    bool clear;  /* what is there is replaced */
    bool submit; /* Enter afterwards */
    bool slowly; /* key by key */
};

/* target NULL: whatever has the focus. */
int input_type(struct page *page, const struct input_target *target, const struct input_type *how,
               struct call *call, struct page_report *report, struct err *err) MUST_CHECK;

enum input_act { MOUSE_MOVE, MOUSE_CLICK, MOUSE_DOWN, MOUSE_UP, MOUSE_DRAG, MOUSE_WHEEL };

struct input_mouse {
    enum input_act act;
    double x, y, to_x, to_y; /* CSS pixels of what is seen; to_: of MOUSE_DRAG */
    double dx, dy;           /* of MOUSE_WHEEL */
    const char *button;
    int count; /* 1..3, of MOUSE_CLICK */
    unsigned modifiers;
};

/* By coordinates: whatever is there gets it. */
int input_mouse(struct page *page, const struct input_mouse *how, struct call *call,
                struct page_report *report, struct err *err) MUST_CHECK;

/* Chords such as "Enter", "a", "Control+Shift+K", one after the other. target may be NULL. */
int input_press(struct page *page, const struct input_target *target, const char *const *chords,
                size_t count, struct call *call, struct page_report *report,
                struct err *err) MUST_CHECK;

struct input_scroll {
    double dx, dy;  /* CSS pixels, by wheel */
    const char *to; /* "top", "bottom"; NULL: by dx and dy, or just the target into view */
};

struct input_scrolled {
    double x, y; /* where it is now */
    bool at_end; /* it cannot go further down */
};

/* target NULL: the page; else that element, or the nearest around it that scrolls. */
int input_scroll(struct page *page, const struct input_target *target,
                 const struct input_scroll *how, struct call *call, struct input_scrolled *out,
                 struct err *err) MUST_CHECK;

/*
 * A checkbox, radio button or switch, native or ARIA, gets that state: by a click on it, or on its
 * label when it is not seen itself, unless it has it. ERR_INVALID: it is none of these, a radio
 * button cannot be cleared, or it stays as it was. *changed (may be NULL): it was clicked.
 */
int input_check(struct page *page, const struct input_target *target, bool checked,
                struct call *call, bool *changed, struct page_report *report,
                struct err *err) MUST_CHECK;

#define INPUT_OPTIONS_MAX 64 /* options chosen by one call */

/*
 * Exactly these options of a <select>, or of an ARIA listbox or combobox, which is opened: each one
 * by its label, else its value, else its index from 0. Waits until they are there. None clears one
 * that takes several. selected (may be NULL): the labels that are chosen afterwards, owned by the
 * caller also on failure. ERR_NOT_FOUND lists the options there are.
 */
int input_select(struct page *page, const struct input_target *target, const char *const *values,
                 size_t count, struct call *call, struct strings *selected,
                 struct page_report *report, struct err *err) MUST_CHECK;

/* From the middle of one element to the other's: as HTML5 drag and drop where the page takes part
 * in that, else with the button held on the way. */
int input_drag(struct page *page, const struct input_target *from, const struct input_target *to,
               struct call *call, struct page_report *report, struct err *err) MUST_CHECK;

#endif
