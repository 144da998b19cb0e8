#include "backend/browser/mouse.h"
#include "backend/browser/element.h"
#include "backend/browser/state.h"
#include "backend/browser/view.h"

#include <math.h>
#include <string.h>

#define FAR 1000000.0 /* CSS pixels: nothing is there */
#define STEPS 8       /* events of a drag on its way */

static const struct {
    const char *name;
    int bit; /* of MouseEvent.buttons */
} buttons[] = { { "left", 1 }, { "right", 2 }, { "middle", 4 } };

int mouse_event(struct page *page, const struct mouse *m, bool wait, struct call *call,
                struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "type", m->type);
    jw_knum(&w, "x", m->x);
    jw_knum(&w, "y", m->y);
    jw_kstr(&w, "button", m->button);
    jw_kint(&w, "buttons", m->bits);
    jw_kint(&w, "clickCount", m->count);
    jw_kint(&w, "modifiers", m->modifiers);
    if (!strcmp(m->type, "mouseWheel")) {
        jw_knum(&w, "deltaX", m->dx);
        jw_knum(&w, "deltaY", m->dy);
    }
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (wait)
        return page_call(page, NULL, "Input.dispatchMouseEvent", params.data, 0, call, NULL, err);
    return cdp_send(page->browser->cdp, page->session, "Input.dispatchMouseEvent", params.data,
                    err);
}

int mouse_button(const char *name, int *bit, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(buttons); i++)
        if (!strcmp(buttons[i].name, name)) {
            *bit = buttons[i].bit;
            return 0;
        }
    return err_set(err, ERR_INVALID, "button: \"%.40s\" is not left, right or middle", name);
}

/* ---- by coordinates ---- */

struct hand {
    struct page *page;
    const struct input_mouse *how;
    struct call *call;
    int bit;
};

static int send(const struct hand *h, const char *type, double x, double y, int bits, int count,
                struct err *err)
{
    const struct mouse m = {
        .type = type,
        .button = bits || count ? h->how->button : "none",
        .bits = bits,
        .count = count,
        .modifiers = h->how->modifiers,
        .x = x,
        .y = y,
        .dx = h->how->dx,
        .dy = h->how->dy,
    };

    return mouse_event(h->page, &m, true, h->call, err);
}

/* What is held down stays it on the way. */
static int move(const struct hand *h, struct err *err)
{
    struct browser *b = h->page->browser;

    pthread_mutex_lock(&b->lock);
    int held = h->page->mouse_held;
    pthread_mutex_unlock(&b->lock);
    return send(h, "mouseMoved", h->how->x, h->how->y, held, 0, err);
}

static void hold(const struct hand *h, int bits)
{
    pthread_mutex_lock(&h->page->browser->lock);
    h->page->mouse_held = bits;
    pthread_mutex_unlock(&h->page->browser->lock);
}

static int down(const struct hand *h, struct err *err)
{
    if (move(h, err))
        return -1;
    hold(h, h->bit);
    return send(h, "mousePressed", h->how->x, h->how->y, h->bit, 1, err);
}

static int up(const struct hand *h, struct err *err)
{
    if (move(h, err))
        return -1;
    hold(h, 0);
    return send(h, "mouseReleased", h->how->x, h->how->y, 0, 1, err);
}

static int click(const struct hand *h, struct err *err)
{
    if (move(h, err))
        return -1;
    for (int i = 1; i <= h->how->count; i++)
        if (send(h, "mousePressed", h->how->x, h->how->y, h->bit, i, err) ||
            send(h, "mouseReleased", h->how->x, h->how->y, 0, i, err))
            return -1;
    return 0;
}

/* In steps, as pages look at where the pointer goes. */
static int drag(const struct hand *h, struct err *err)
{
    const struct input_mouse *how = h->how;

    if (move(h, err) || send(h, "mousePressed", how->x, how->y, h->bit, 1, err))
        return -1;
    for (int i = 1; i <= STEPS; i++)
        if (send(h, "mouseMoved", how->x + (how->to_x - how->x) * i / STEPS,
                 how->y + (how->to_y - how->y) * i / STEPS, h->bit, 0, err))
            return -1;
    return send(h, "mouseReleased", how->to_x, how->to_y, 0, 1, err);
}

/* The page learns of it with its next frames. */
static int wheel(const struct hand *h, struct err *err)
{
    static const char frames[] =
        "{\"expression\":\"new Promise(done=>{let n=0;const next=()=>{if(n++<3)"
        "requestAnimationFrame(next);else done()};next();setTimeout(done,250)})\","
        "\"awaitPromise\":true,\"returnByValue\":true}";

    if (move(h, err) || send(h, "mouseWheel", h->how->x, h->how->y, 0, 0, err))
        return -1;
    return page_call(h->page, NULL, "Runtime.evaluate", frames, 0, h->call, NULL, err);
}

static int (*const acts[])(const struct hand *h, struct err *err) = {
    [MOUSE_MOVE] = move, [MOUSE_CLICK] = click, [MOUSE_DOWN] = down,
    [MOUSE_UP] = up,     [MOUSE_DRAG] = drag,   [MOUSE_WHEEL] = wheel,
};

/* Outside nothing is hit, and events of the past would be believed. */
static int check_place(const struct hand *h, double x, double y, struct err *err)
{
    struct page_view view;

    if (!isfinite(x) || !isfinite(y) || fabs(x) > FAR || fabs(y) > FAR)
        return err_set(err, ERR_INVALID, "x, y: have to be pixels of the page");
    if (page_view(h->page, h->call, &view, err))
        return -1;
    if (x >= 0 && y >= 0 && x < view.width && y < view.height)
        return 0;
    err_set(err, ERR_INVALID, "%g,%g is outside of what is seen, %g x %g pixels", x, y, view.width,
            view.height);
    return err_next(err, "scroll first; coordinates are CSS pixels from the upper left corner of"
                         " what is seen: those of a screenshot, divided by its scale");
}

int input_mouse(struct page *page, const struct input_mouse *how, struct call *call,
                struct page_report *report, struct err *err)
{
    struct hand h = { .page = page, .how = how, .call = call };
    struct page_mark mark;
    struct err why = { 0 };

    if (mouse_button(how->button, &h.bit, err) || check_place(&h, how->x, how->y, err) ||
        (how->act == MOUSE_DRAG && check_place(&h, how->to_x, how->to_y, err)))
        return -1;
    if (how->count < 1 || how->count > 3)
        return err_set(err, ERR_INVALID, "count: %d is not within 1..3", how->count);
    if (!isfinite(how->dx) || !isfinite(how->dy) || fabs(how->dx) > FAR || fabs(how->dy) > FAR)
        return err_set(err, ERR_INVALID, "dx, dy: have to be pixels");
    page_mark(page, &mark);
    int r = acts[how->act](&h, &why);
    return input_caused(page, &mark, r, true, &why, call, report, err);
}
