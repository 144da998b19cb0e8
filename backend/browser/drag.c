#include "backend/browser/drag.h"
#include "backend/browser/choose.h"
#include "backend/browser/mouse.h"
#include "backend/browser/state.h"
#include "backend/browser/upload_content.h"
#include "backend/browser/upload_js.h"
#include "base/clock.h"
#include "embed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CAUGHT_MS 2000
#define STEPS_MIN 8
#define STEPS_MAX 30
#define STEP_PIXELS 40
#define NUDGES 3 /* beyond every threshold, near where it was pressed */
#define NUDGE_PIXELS 6

struct dragging {
    struct page *page;
    struct call *call;
    struct element from, to;
    char *data;  /* of the caught drag; NULL: by the mouse alone */
    double x, y; /* where the pointer is */
};

/* ---- drags that the browser hands over ---- */

static void caught(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    AUTO(buf) struct buf data = BUF_MAX(DRAG_DATA_MAX);
    struct jw w = JW(&data, NULL);

    if (!s->page->drag_wanted)
        return;
    jw_val(&w, yyjson_obj_get(params, "data"));
    if (jw_done(&w)) {
        page_add_event(s->page, "drag_refused", "what is dragged is too large");
        return;
    }
    free(s->page->drag);
    s->page->drag = buf_take(&data);
}

const struct page_event_row drag_events[] = {
    { "Input.dragIntercepted", caught },
    { NULL, NULL },
};

static int catch_drags(struct page *page, bool on, struct call *call, struct err *err)
{
    pthread_mutex_lock(&page->browser->lock);
    page->drag_wanted = on;
    free(TAKE(page->drag));
    pthread_mutex_unlock(&page->browser->lock);
    if (!on) {
        cdp_tell(page->browser->cdp, page->session, "Input.setInterceptDrags",
                 "{\"enabled\":false}");
        return 0;
    }
    return page_call(page, NULL, "Input.setInterceptDrags", "{\"enabled\":true}", 0, call, NULL,
                     err);
}

static int wait_for_data(struct dragging *d, struct err *err)
{
    struct browser *b = d->page->browser;
    int64_t deadline_ms = clock_ms() + CAUGHT_MS;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && !d->page->drag && !d->page->halted)
        r = watch_wait(b, &w, deadline_ms, d->call, err);
    d->data = TAKE(d->page->drag);
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    if (r < 0 || d->data)
        return r < 0 ? -1 : 0;
    return err_set(err, ERR_TIMEOUT, "the drag of %s began and was not handed over within %d ms",
                   d->from.label, CAUGHT_MS);
}

static int drag_event(struct dragging *d, const char *type, const char *data, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(DRAG_DATA_MAX + 4096);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "type", type);
    jw_knum(&w, "x", d->x);
    jw_knum(&w, "y", d->y);
    jw_kraw(&w, "data", data);
    jw_end(&w);
    return jw_done(&w) ? -1
                       : page_call(d->page, NULL, "Input.dispatchDragEvent", params.data, 0,
                                   d->call, NULL, err);
}

/* ---- what the page makes of it ---- */

static int ask(struct element *e, const char *what, struct call *call, char *out, size_t size,
               struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf script = BUF_MAX(64 * 1024);
    char args[64];
    yyjson_val *value;

    snprintf(args, sizeof(args), "[{\"value\":\"%s\"}]", what);
    if (buf_add(&script, embed_drag_js, (size_t)(embed_drag_js_end - embed_drag_js), err) ||
        element_call(e, script.data, args, 0, call, &reply, &value, err))
        return -1;
    if (out)
        snprintf(out, size, "%s",
                 yyjson_is_true(value)   ? "true"
                 : yyjson_get_str(value) ? yyjson_get_str(value)
                                         : "");
    return 0;
}

static void tell_refused(struct dragging *d)
{
    char dropped[16] = "true";

    if (ask(&d->to, "dropped", d->call, dropped, sizeof(dropped), NULL) || *dropped)
        return;
    pthread_mutex_lock(&d->page->browser->lock);
    page_add_event(d->page, "drop_refused", "%.150s did not take it", d->to.label);
    pthread_mutex_unlock(&d->page->browser->lock);
}

/* ---- the way ---- */

static int move(struct dragging *d, double x, double y, struct err *err)
{
    struct mouse m = { .type = "mouseMoved", .button = "left", .bits = 1, .x = x, .y = y };

    d->x = x;
    d->y = y;
    return d->data ? drag_event(d, "dragOver", d->data, err)
                   : mouse_event(d->page, &m, true, d->call, err);
}

static int button(struct dragging *d, bool down, struct err *err)
{
    struct mouse m = {
        .type = down ? "mousePressed" : "mouseReleased",
        .button = "left",
        .bits = down,
        .count = 1,
        .x = d->x,
        .y = d->y,
    };

    return mouse_event(d->page, &m, true, d->call, err);
}

/* Its scrolling may have moved the goal, so that is looked at once it is under way. */
static int travel(struct dragging *d, struct err *err)
{
    double x0 = d->x, y0 = d->y, x, y;
    int steps;

    if (element_ready(&d->to, "s", d->call, err))
        return -1;
    x = d->to.x;
    y = d->to.y;
    steps = (int)(hypot(x - x0, y - y0) / STEP_PIXELS);
    steps = steps < STEPS_MIN ? STEPS_MIN : steps > STEPS_MAX ? STEPS_MAX : steps;
    for (int i = 1; i <= steps; i++)
        if (move(d, x0 + (x - x0) * i / steps, y0 + (y - y0) * i / steps, err))
            return -1;
    return element_ready(&d->to, "s", d->call, err) || move(d, d->to.x, d->to.y, err) ||
                   move(d, d->to.x, d->to.y, err)
               ? -1
               : 0;
}

/* 1: nothing was begun that the page calls a drag. */
static int pull(struct dragging *d, struct err *err)
{
    char began[16];

    for (int i = 1; i <= NUDGES; i++)
        if (move(d, d->from.x + i * (d->to.x < d->from.x ? -NUDGE_PIXELS : NUDGE_PIXELS),
                 d->from.y + i * (d->to.y < d->from.y ? -NUDGE_PIXELS : NUDGE_PIXELS), err))
            return -1;
    if (ask(&d->from, "began", d->call, began, sizeof(began), err))
        return -1;
    return strcmp(began, "begun") != 0;
}

static int drop(struct dragging *d, struct err *err)
{
    if (!d->data)
        return button(d, false, err);
    if (drag_event(d, "drop", d->data, err))
        return -1;
    tell_refused(d);
    return 0;
}

static int carry(struct dragging *d, struct err *err)
{
    int r = pull(d, err);

    if (r < 0 || (!r && (wait_for_data(d, err) || drag_event(d, "dragEnter", d->data, err) ||
                         ask(&d->to, "await", d->call, NULL, 0, err))))
        return -1;
    return travel(d, err) || drop(d, err) ? -1 : 0;
}

/* Whatever went wrong, the button is not left down. */
static int let_go(struct dragging *d, struct err *err)
{
    struct call *call = d->call;

    d->call = NULL;
    if (d->data)
        (void)!drag_event(d, "dragCancel", d->data, NULL);
    (void)!button(d, false, NULL);
    d->call = call;
    return err ? -1 : 0;
}

static int drag(struct dragging *d, bool *began, struct err *err)
{
    struct mouse m = { .type = "mouseMoved", .button = "none" };

    if (element_ready(&d->to, "s", d->call, err) || element_ready(&d->from, "ep", d->call, err) ||
        ask(&d->from, "begin", d->call, NULL, 0, err) || catch_drags(d->page, true, d->call, err))
        return -1;
    d->x = m.x = d->from.x;
    d->y = m.y = d->from.y;
    *began = true;
    if (mouse_event(d->page, &m, true, d->call, err) || button(d, true, err) || carry(d, err))
        return let_go(d, err);
    return 0;
}

int input_drag(struct page *page, const struct input_target *from, const struct input_target *to,
               struct call *call, struct page_report *report, struct err *err)
{
    struct dragging d = { .page = page, .call = call };
    struct page_mark mark;
    struct err why = { 0 };
    bool began = false;
    int r;

    page_mark(page, &mark);
    r = element_find(page, from, call, &d.from, &why) ||
                element_find(page, to, call, &d.to, &why) || drag(&d, &began, &why)
            ? -1
            : 0;
    if (began)
        (void)catch_drags(page, false, call, NULL);
    r = input_caused(page, &mark, r, began, &why, call, report, err);
    input_acted_on(report, &d.from);
    element_done(&d.from);
    element_done(&d.to);
    free(d.data);
    return r;
}

/* ---- files from outside ---- */

static int write_files(struct buf *data, const struct upload_file *files, size_t count,
                       struct err *err)
{
    struct jw w = JW(data, err);

    jw_obj(&w);
    jw_kraw(&w, "items", "[]");
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++)
        jw_str(&w, files[i].path);
    jw_aend(&w);
    jw_kint(&w, "dragOperationsMask", 1);
    jw_end(&w);
    return jw_done(&w);
}

static int drop_paths(struct dragging *d, const struct upload_file *files, size_t count,
                      struct err *err)
{
    AUTO(buf) struct buf data = BUF_MAX(DRAG_DATA_MAX);

    if (write_files(&data, files, count, err) || ask(&d->to, "await", d->call, NULL, 0, err) ||
        drag_event(d, "dragEnter", data.data, err) || drag_event(d, "dragOver", data.data, err) ||
        drag_event(d, "drop", data.data, err))
        return -1;
    tell_refused(d);
    return 0;
}

static int drop_content(struct dragging *d, const struct upload_file *files, size_t count,
                        struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    char args[96];
    yyjson_val *value;

    snprintf(args, sizeof(args), "[{\"value\":%.3f},{\"value\":%.3f}]", d->to.own_x, d->to.own_y);
    if (ask(&d->to, "await", d->call, NULL, 0, err) ||
        upload_content(&d->to, files, count, d->call, err) ||
        element_call(&d->to, js_upload_drop, args, 0, d->call, &reply, &value, err))
        return -1;
    tell_refused(d);
    return 0;
}

int input_drop(struct page *page, const struct input_target *to, const struct upload_file *files,
               size_t count, struct call *call, struct page_report *report, struct err *err)
{
    struct dragging d = { .page = page, .call = call };
    struct page_mark mark;
    struct err why = { 0 };
    bool began = false;
    int r;

    if (!count || count > UPLOAD_FILES_MAX)
        return err_set(err, ERR_INVALID, "paths: %zu is not within 1..%d", count, UPLOAD_FILES_MAX);
    page_mark(page, &mark);
    r = element_find(page, to, call, &d.to, &why) || element_ready(&d.to, "ep", call, &why) ? -1
                                                                                            : 0;
    if (!r) {
        began = true;
        d.x = d.to.x;
        d.y = d.to.y;
        r = upload_by_path(files, count) ? drop_paths(&d, files, count, &why)
                                         : drop_content(&d, files, count, &why);
    }
    r = input_caused(page, &mark, r, began, &why, call, report, err);
    input_acted_on(report, &d.to);
    element_done(&d.to);
    return r;
}
