#include "backend/browser/input.h"
#include "backend/browser/element.h"
#include "backend/browser/element_js.h"
#include "backend/browser/mouse.h"
#include "backend/browser/state.h"
#include "backend/browser/touch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REACH_TRIES 5

int input_caused(struct page *page, const struct page_mark *mark, int r, bool began,
                 const struct err *why, struct call *call, struct page_report *report,
                 struct err *err)
{
    AUTO_FREE struct page_report *own = NULL;
    struct page_info info;

    page_info(page, &info);
    bool by_itself = (info.dialog && !mark->dialog) || info.closed || info.crashed;
    if (r && !(began && by_itself)) {
        if (err)
            *err = *why;
        return -1;
    }
    if (!report && !(report = own = malloc(sizeof(*own))))
        return err_oom(err);
    return page_settle(page, mark, 0, call, report, err);
}

void input_acted_on(struct page_report *report, const struct element *e)
{
    if (!report)
        return;
    COPY(report->acted_on, e->label);
    COPY(report->note, e->note);
}

/* ---- mouse ---- */

/*
 * With the pointer on it, and looked at once more right before it is pressed: waiting for a frame
 * here would cost as much as all the rest, so that is left for what was seen moving.
 */
static int reach(struct page *page, struct element *e, unsigned modifiers, struct call *call,
                 struct err *err)
{
    bool in_frame = strcmp(e->frame, page->target); /* where it is, the compositor learns late */
    const char *need = "epq";
    int r;

    for (int tries = 0; tries < REACH_TRIES; tries++, need = "ep") {
        if (element_ready(e, need, call, err))
            return -1;
        struct mouse m = { .type = "mouseMoved", .button = "none", .modifiers = modifiers };
        m.x = e->x;
        m.y = e->y;
        if (mouse_event(page, &m, in_frame, call, err))
            return -1;
        r = element_still(e, call, err);
        if (r <= 0)
            return r;
    }
    return err_set(err, ERR_INVALID, "%s moves away from the pointer", e->label);
}

static int press_and_release(struct page *page, const struct element *e, const char *button,
                             int bit, const struct input_click *how, struct call *call,
                             struct err *err)
{
    struct mouse m = { .x = e->x, .y = e->y, .modifiers = how->modifiers, .button = button };
    int count = how->count > 0 ? how->count : 1;

    for (m.count = 1; m.count <= count; m.count++) {
        m.type = "mousePressed";
        m.bits = bit;
        if (mouse_event(page, &m, false, call, err))
            return -1;
        m.type = "mouseReleased";
        m.bits = 0;
        if (mouse_event(page, &m, true, call, err))
            return -1;
    }
    return 0;
}

int input_click(struct page *page, const struct input_target *target, const struct input_click *how,
                struct call *call, struct page_report *report, struct err *err)
{
    struct page_mark mark;
    struct err why = { 0 };
    struct element e;
    const char *button = how->button ? how->button : "left";
    int bit;

    if (mouse_button(button, &bit, err))
        return -1;
    if (how->count < 0 || how->count > 3)
        return err_set(err, ERR_INVALID, "count: %d is not within 1..3", how->count);
    page_mark(page, &mark);
    bool taps = page_touches(page) && bit == 1;
    int r =
        element_find(page, target, call, &e, err) ||
        (taps ? element_ready(&e, "ep", call, err) : reach(page, &e, how->modifiers, call, err));
    if (!r) {
        if (e.saves && bit == 1)
            page_expect_download(page);
        r = taps
                ? touch_tap(page, e.x, e.y, how->modifiers, how->count ? how->count : 1, call, &why)
                : press_and_release(page, &e, button, bit, how, call, &why);
        r = input_caused(page, &mark, r, true, &why, call, report, err);
        input_acted_on(report, &e);
    }
    element_done(&e);
    return r ? -1 : 0;
}

int input_hover(struct page *page, const struct input_target *target, struct call *call,
                struct page_report *report, struct err *err)
{
    struct page_mark mark;
    struct err why = { 0 };
    struct element e;

    page_mark(page, &mark);
    int r = element_find(page, target, call, &e, err) || element_ready(&e, "p", call, err);
    if (!r) {
        struct mouse m = { .type = "mouseMoved", .button = "none", .x = e.x, .y = e.y };
        r = mouse_event(page, &m, true, call, &why);
        r = input_caused(page, &mark, r, true, &why, call, report, err);
        input_acted_on(report, &e);
    }
    element_done(&e);
    return r ? -1 : 0;
}

/* ---- scrolling ---- */

static int whole_page(struct page *page, struct call *call, struct element *e, struct err *err)
{
    return element_find(page, &(struct input_target){ .selector = "css=html" }, call, e, err);
}

/* *wheeled: what js_scroll is to wait for. */
static int wheel(struct page *page, struct element *e, const struct input_scroll *how, bool whole,
                 struct call *call, int *wheeled, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct mouse m = { .type = "mouseWheel", .button = "none", .dx = how->dx, .dy = how->dy };
    yyjson_val *value;
    char args[96];

    m.x = e->x;
    m.y = e->y;
    *wheeled = whole ? 2 : 1;
    if (whole) {
        snprintf(args, sizeof(args), "[{\"value\":%.3f},{\"value\":%.3f}]", how->dx, how->dy);
        if (element_call(e, js_scroll_page, args, 0, call, &reply, &value, err))
            return -1;
        if (json_bool(value, "done", false)) {
            *wheeled = 0;
            return 0;
        }
        m.x = yyjson_get_num(yyjson_obj_get(value, "x"));
        m.y = yyjson_get_num(yyjson_obj_get(value, "y"));
    }
    return mouse_event(page, &m, true, call, err);
}

int input_scroll(struct page *page, const struct input_target *target,
                 const struct input_scroll *how, struct call *call, struct input_scrolled *out,
                 struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value = NULL;
    struct element e;
    char args[64];
    int wheeled = 0, r;

    if (!isfinite(how->dx) || !isfinite(how->dy))
        return err_set(err, ERR_INVALID, "dx, dy: have to be numbers");
    if (how->to && strcmp(how->to, "top") && strcmp(how->to, "bottom"))
        return err_set(err, ERR_INVALID, "to: \"%.40s\" is not top or bottom", how->to);
    r = target ? element_find(page, target, call, &e, err) : whole_page(page, call, &e, err);
    if (!r && target)
        r = element_ready(&e, "s", call, err);
    if (!r && !how->to && (how->dx || how->dy))
        r = wheel(page, &e, how, !target, call, &wheeled, err);
    snprintf(args, sizeof(args), "[{\"value\":\"%s\"},{\"value\":%d}]", how->to ? how->to : "",
             wheeled);
    if (!r)
        r = element_call(&e, js_scroll, args, 0, call, &reply, &value, err);
    element_done(&e);
    if (r)
        return -1;
    *out = (struct input_scrolled){
        .x = yyjson_get_num(yyjson_obj_get(value, "x")),
        .y = yyjson_get_num(yyjson_obj_get(value, "y")),
        .at_end = json_bool(value, "at_end", false),
    };
    return 0;
}
