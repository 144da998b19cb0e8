#include "backend/browser/element.h"
#include "backend/browser/marks.h"
#include "backend/browser/state.h"
#include "backend/browser/view.h"
#include "base/clock.h"

#include <math.h>
#include <string.h>

#define TRIES 6
#define APART_MS 50
#define FORGOTTEN_MS 3000 /* after that a picture is asked for again */
#define SIDE_MAX 16384.0  /* CSS pixels of a picture's side; what is beyond is left out */

struct area {
    double x, y, width, height; /* CSS pixels of the document */
    double ratio;               /* device pixels per CSS pixel */
};

static const struct {
    const char *name;
    bool lossy;
} formats[] = { { "jpeg", true }, { "png", false }, { "webp", true } };

void page_picture_done(struct page_picture *p)
{
    buf_done(&p->base64);
}

static double number(yyjson_val *obj, const char *key)
{
    double v = yyjson_get_num(yyjson_obj_get(obj, key));

    return isfinite(v) ? v : 0;
}

static const char js_rect[] = "function(){const r=this.getBoundingClientRect();"
                              "return{x:r.x,y:r.y,width:r.width,height:r.height}}";

/* In the main frame's viewport. */
static int measure_element(struct page *page, const struct input_target *target, struct call *call,
                           struct area *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };
    yyjson_val *box;
    struct element e;
    int failed = element_find(page, target, call, &e, err) || element_ready(&e, "s", call, err) ||
                 element_call(&e, js_rect, "[]", 0, call, &r, &box, err);

    if (!failed)
        *out = (struct area){ number(box, "x") + e.x - e.own_x, number(box, "y") + e.y - e.own_y,
                              number(box, "width"), number(box, "height"), 1 };
    element_done(&e);
    return failed ? -1 : 0;
}

static int measure(struct page *page, const struct page_shot *shot, struct call *call,
                   struct area *out, struct err *err)
{
    struct area element = { 0 };
    struct page_view view;

    if ((shot->target && measure_element(page, shot->target, call, &element, err)) ||
        page_view(page, call, &view, err))
        return -1;
    *out = (struct area){ view.x, view.y, view.width, view.height, 1 };
    if (shot->full_page)
        *out = (struct area){ 0, 0, view.page_width, view.page_height, 1 };
    if (shot->clip)
        *out = (struct area){ shot->x, shot->y, shot->width, shot->height, 1 };
    if (shot->target)
        *out = (struct area){ fmax(0, element.x + view.x), fmax(0, element.y + view.y),
                              element.width, element.height, 1 };
    if (!(out->width >= 1 && out->height >= 1))
        return err_set(err, ERR_INVALID, "there is nothing to see: the area is %g x %g pixels",
                       out->width, out->height);
    out->width = fmin(out->width, SIDE_MAX);
    out->height = fmin(out->height, SIDE_MAX);
    out->ratio = page_ratio(page, call);
    return 0;
}

/* Picture pixels per CSS pixel that keep to the bounds, 1 at most. */
static double fitting(const struct area *a)
{
    double longer = fmax(a->width, a->height);
    double scale = fmin(1, PAGE_SHOT_SIDE / longer);

    return fmin(scale, sqrt(PAGE_SHOT_PIXELS / (a->width * a->height)));
}

static uint64_t documents(struct page *page)
{
    pthread_mutex_lock(&page->browser->lock);
    uint64_t n = page->main_documents;
    pthread_mutex_unlock(&page->browser->lock);
    return n;
}

/* Chromium forgets about a picture when the page goes to another document meanwhile. */
static int ask(struct page *page, const char *params, struct call *call, struct cdp_reply *r,
               struct err *err)
{
    int64_t deadline_ms = clock_ms() + CDP_TIMEOUT_MS;
    struct err why = { 0 };
    uint64_t before;

    do {
        before = documents(page);
        if (!page_call(page, NULL, "Page.captureScreenshot", params, FORGOTTEN_MS, call, r, &why))
            return 0;
        if (why.code == ERR_STALE && element_pause(APART_MS, call, err))
            return -1;
    } while ((why.code == ERR_STALE || (why.code == ERR_TIMEOUT && documents(page) != before)) &&
             clock_ms() < deadline_ms);
    if (why.code == ERR_TIMEOUT && clock_ms() < deadline_ms)
        return page_call(page, NULL, "Page.captureScreenshot", params, 0, call, r, err);
    if (err)
        *err = why;
    return -1;
}

static void add_clip(struct jw *w, const struct area *a, double scale)
{
    jw_key(w, "clip");
    jw_obj(w);
    jw_knum(w, "x", a->x);
    jw_knum(w, "y", a->y);
    jw_knum(w, "width", a->width);
    jw_knum(w, "height", a->height);
    jw_knum(w, "scale", scale);
    jw_end(w);
}

static int capture(struct page *page, const struct area *a, struct page_picture *p, bool beyond,
                   struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);
    yyjson_val *data;

    jw_obj(&w);
    jw_kstr(&w, "format", p->format);
    if (p->quality)
        jw_kint(&w, "quality", p->quality);
    jw_kbool(&w, "captureBeyondViewport", beyond);
    jw_kbool(&w, "optimizeForSpeed", true);
    if (beyond || p->scale != a->ratio)
        add_clip(&w, a, p->scale / a->ratio);
    jw_end(&w);
    if (jw_done(&w) || ask(page, params.data, call, &r, err))
        return -1;
    data = yyjson_obj_get(r.result, "data");
    if (!yyjson_is_str(data))
        return err_set(err, ERR_PROTOCOL, "the browser made a picture without data");
    buf_clear(&p->base64);
    return buf_add(&p->base64, yyjson_get_str(data), yyjson_get_len(data), err);
}

/* Less quality first, then fewer pixels. */
static void make_smaller(struct page_picture *p)
{
    if (p->quality > 50) {
        p->quality -= 25;
        return;
    }
    double share = (double)PAGE_SHOT_BASE64 / (double)p->base64.len;
    p->scale *= fmin(0.8, sqrt(share) * 0.95);
}

static int check_format(const char *format, struct page_picture *p, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (strcmp(formats[i].name, format))
            continue;
        COPY(p->format, format);
        p->quality = formats[i].lossy ? 80 : 0;
        return 0;
    }
    return err_set(err, ERR_INVALID, "format: \"%.40s\" is not jpeg, png or webp", format);
}

/* What is seen, as it is. */
static bool is_plain(const struct page_shot *shot)
{
    return !shot->full_page && !shot->clip && !shot->target;
}

/* At once, as whatever is asked before it may cost a frame of the screen. 1: it is not as wanted.
 */
static int capture_first(struct page *page, const struct page_shot *shot, struct page_picture *p,
                         struct area *a, struct call *call, struct err *err)
{
    struct area whole = { .ratio = 1 };

    p->scale = 1;
    if (!is_plain(shot) || shot->marks || shot->unbounded)
        return 1;
    if (capture(page, &whole, p, false, call, err) || measure(page, shot, call, a, err))
        return -1;
    p->width = (int)ceil(a->width);
    p->height = (int)ceil(a->height);
    return a->ratio != 1 || fitting(a) < 1 || p->base64.len > PAGE_SHOT_BASE64;
}

/* What is too large is taken again, smaller. */
static int capture_fitting(struct page *page, const struct area *a, const struct page_shot *shot,
                           struct page_picture *p, struct call *call, struct err *err)
{
    bool beyond = !is_plain(shot);

    p->scale = shot->unbounded ? a->ratio : fitting(a);
    for (int tries = 0; tries < TRIES; tries++) {
        if (capture(page, a, p, beyond, call, err))
            return -1;
        p->width = (int)ceil(a->width * p->scale);
        p->height = (int)ceil(a->height * p->scale);
        if (shot->unbounded || p->base64.len <= PAGE_SHOT_BASE64)
            return 0;
        make_smaller(p);
    }
    return err_set(err, ERR_TOO_LARGE, "the picture stays larger than %d bytes", PAGE_SHOT_BASE64);
}

static int capture_measured(struct page *page, const struct page_shot *shot, struct page_picture *p,
                            struct area *a, struct marks *marks, struct call *call, struct err *err)
{
    int r;

    if (measure(page, shot, call, a, err))
        return -1;
    r = shot->marks && marks_draw(page, shot->full_page, call, marks, err);
    if (!r)
        r = capture_fitting(page, a, shot, p, call, err);
    if (shot->marks)
        marks_remove(page);
    return r ? -1 : 0;
}

int page_screenshot(struct page *page, const struct page_shot *shot, struct call *call,
                    struct page_picture *out, struct err *err)
{
    struct page_picture p = { .base64 = BUF_MAX(CDP_MESSAGE_MAX) };
    struct marks marks = { 0 };
    struct area a;
    int r;

    if (check_format(shot->format ? shot->format : "jpeg", &p, err))
        return -1;
    r = capture_first(page, shot, &p, &a, call, err);
    if (r > 0)
        r = capture_measured(page, shot, &p, &a, &marks, call, err);
    if (r) {
        buf_done(&p.base64);
        return err_wrap(err, "screenshot");
    }
    p.x = a.x;
    p.y = a.y;
    p.marks = marks.count;
    p.unmarked = marks.left_out;
    *out = p;
    return 0;
}
