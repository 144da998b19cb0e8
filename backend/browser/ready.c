#include "backend/browser/element.h"
#include "backend/browser/element_js.h"
#include "backend/browser/state.h"

#include <math.h>
#include <string.h>

#define STILL_MS 16
#define STILL_TRIES 30
#define DEPTH_MAX 32 /* frames in frames */

static int not_ready(const struct element *e, yyjson_val *value, struct err *err)
{
    const char *fail = json_str(value, "fail"), *by = json_str(value, "by");

    if (!fail || !strcmp(fail, "gone"))
        return err_set(err, ERR_STALE, "the element has left the page");
    if (!strcmp(fail, "covered")) {
        err_set(err, ERR_COVERED, "%s is covered by %.200s", e->label, by ? by : "another element");
        return err_next(err, "close or move what covers it, or scroll");
    }
    if (!strcmp(fail, "no text field")) {
        err_set(err, ERR_INVALID, "%s takes no text", e->label);
        return err_next(err, "name a text field; browser_click sets a box, browser_select chooses "
                             "options, browser_upload gives files");
    }
    err_set(err, ERR_INVALID, "%s is %.40s, also after %d ms", e->label, fail, INPUT_READY_MS);
    return err_next(err, "take a screenshot or a snapshot to see why");
}

static double number(yyjson_val *obj, const char *key)
{
    return yyjson_get_num(yyjson_obj_get(obj, key));
}

/* The element whose content the frame is, in the frame around it. */
static int owner_of(struct element *inner, const struct page_frame *frame,
                    const struct page_frame *around, struct call *call, struct element *out,
                    struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    char params[96];

    *out = (struct element){ .page = inner->page };
    COPY(out->group, inner->group);
    snprintf(params, sizeof(params), "{\"frameId\":\"%s\"}", frame->id);
    if (page_call(inner->page, around->session, "DOM.getFrameOwner", params, 0, call, &reply, err))
        return err_wrap(err, "the frame's place");
    return element_resolve(out, around, json_int(reply.result, "backendNodeId", 0), call, err);
}

static const struct page_frame *frame_of(const struct page_frame *frames, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(frames[i].id, id))
            return &frames[i];
    return NULL;
}

/* One frame up. */
static int step_out(struct element *e, const struct page_frame *f, const struct page_frame *around,
                    struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct element owner;
    yyjson_val *value;
    char args[96];

    snprintf(args, sizeof(args), "[{\"value\":%.3f},{\"value\":%.3f}]", e->x, e->y);
    if (owner_of(e, f, around, call, &owner, err))
        return -1;
    int r = element_call(&owner, js_owner, args, 0, call, &reply, &value, err);
    if (strcmp(owner.session, e->session))
        element_done(&owner);
    if (r)
        return -1;
    if (yyjson_obj_get(value, "fail"))
        return not_ready(e, value, err);
    e->x = number(value, "x");
    e->y = number(value, "y");
    return 0;
}

/* From its own frame's viewport to the main one's. */
static int climb(struct element *e, struct call *call, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    const struct page_frame *f, *around;
    size_t n;

    if (page_frames(e->page, &frames, &n, err))
        return -1;
    f = frame_of(frames, n, e->frame);
    for (int depth = 0; f && *f->parent && depth < DEPTH_MAX; depth++, f = around) {
        around = frame_of(frames, n, f->parent);
        if (around && step_out(e, f, around, call, err))
            return -1;
    }
    return f ? 0 : err_set(err, ERR_STALE, "the element's frame is no longer in the page");
}

/* What scrolled in one process arrives later in the one around it: looked at until it stays. */
static int climb_until_still(struct element *e, struct call *call, struct err *err)
{
    double x = e->x, y = e->y, last_x = 0, last_y = 0;

    for (int i = 0; i < STILL_TRIES; i++) {
        struct err why = { 0 };
        e->x = x;
        e->y = y;
        int r = climb(e, call, &why);
        bool passes = why.code == ERR_COVERED || why.code == ERR_STALE || why.code == ERR_INVALID;
        if (r && (!passes || i + 1 == STILL_TRIES)) {
            if (err)
                *err = why;
            return -1;
        }
        if (!r && i && fabs(e->x - last_x) < 1 && fabs(e->y - last_y) < 1)
            return 0;
        last_x = e->x;
        last_y = e->y;
        if (element_pause(STILL_MS, call, err))
            return -1;
    }
    return err_set(err, ERR_INVALID, "%s keeps moving", e->label);
}

int element_ready(struct element *e, const char *need, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;
    char args[96];

    snprintf(args, sizeof(args), "[{\"value\":\"%s\"},{\"value\":%d}]", need, INPUT_READY_MS);
    if (element_call(e, js_ready, args, INPUT_READY_MS + CDP_TIMEOUT_MS, call, &reply, &value, err))
        return err_wrap(err, "the element");
    COPY(e->label, json_str(value, "label"));
    if (yyjson_obj_get(value, "fail"))
        return not_ready(e, value, err);
    e->x = e->own_x = number(value, "x");
    e->y = e->own_y = number(value, "y");
    COPY(e->box, json_str(value, "box"));
    e->saves = json_bool(value, "saves", false);
    return strcmp(e->frame, e->page->target) ? climb_until_still(e, call, err) : 0;
}

int element_still(struct element *e, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;
    char args[256];

    snprintf(args, sizeof(args), "[{\"value\":%.17g},{\"value\":%.17g},{\"value\":\"%s\"}]",
             e->own_x, e->own_y, e->box);
    if (element_call(e, js_still, args, 0, call, &reply, &value, err))
        return -1;
    return !yyjson_get_bool(value);
}
