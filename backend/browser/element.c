#include "backend/browser/element.h"
#include "backend/browser/element_js.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#define AGAIN_MS 50
#define STILL_MS 16
#define STILL_TRIES 30
#define DEPTH_MAX 32 /* frames in frames */

static const char *const kinds[] = { "css", "text", "role", "xpath" };

static int split(const char *selector, const char **kind, const char **text, struct err *err)
{
    if (!*selector || strlen(selector) > INPUT_SELECTOR_MAX)
        return err_set(err, ERR_INVALID, "target: has to be of 1 to %d bytes", INPUT_SELECTOR_MAX);
    *kind = "css";
    *text = selector;
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(selector, kinds[i], n) || selector[n] != '=')
            continue;
        *kind = kinds[i];
        *text = selector + n + 1;
    }
    return 0;
}

/* ---- calling ---- */

static int call_function(struct element *e, const char *on, const char *function, const char *args,
                         bool by_value, int64_t timeout_ms, struct call *call,
                         struct cdp_reply *reply, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(4 * INPUT_TEXT_MAX);
    struct jw w = JW(&params, err);
    yyjson_val *threw;
    const char *text;

    jw_obj(&w);
    jw_kstr(&w, "functionDeclaration", function);
    if (*on)
        jw_kstr(&w, "objectId", on);
    jw_kraw(&w, "arguments", args);
    jw_kbool(&w, "awaitPromise", by_value);
    jw_kbool(&w, "returnByValue", by_value);
    jw_kstr(&w, "objectGroup", e->group);
    jw_end(&w);
    if (jw_done(&w) || page_call(e->page, e->session, "Runtime.callFunctionOn", params.data,
                                 timeout_ms, call, reply, err))
        return -1;
    threw = yyjson_obj_get(reply->result, "exceptionDetails");
    text = json_str(yyjson_obj_get(threw, "exception"), "description");
    return threw ? err_set(err, ERR_INVALID, "%.300s", text ? text : "the page refused") : 0;
}

int element_call(struct element *e, const char *function, const char *args, int64_t timeout_ms,
                 struct call *call, struct cdp_reply *reply, yyjson_val **value, struct err *err)
{
    if (call_function(e, e->object, function, args, true, timeout_ms, call, reply, err))
        return -1;
    *value = yyjson_obj_get(yyjson_obj_get(reply->result, "result"), "value");
    return 0;
}

void element_done(struct element *e)
{
    char params[64];

    if (!e->page || !*e->object)
        return;
    snprintf(params, sizeof(params), "{\"objectGroup\":\"%s\"}", e->group);
    cdp_tell(e->page->browser->cdp, e->session, "Runtime.releaseObjectGroup", params);
}

/* ---- finding ---- */

/* "several: ...", "invalid: ..." of js_find. */
static int complain(const char *text, struct err *err)
{
    if (!strncmp(text, "several: ", 9)) {
        err_set(err, ERR_INVALID, "target: %.700s", text + 9);
        return err_next(err, "name one of them more exactly, or use a ref of a snapshot");
    }
    err_set(err, ERR_INVALID, "target: %.300s", text);
    return err_next(err, "pass css=..., text=..., role=button[name=\"...\"] or xpath=...");
}

static int in_world(struct element *e, const struct page_frame *frame, const struct buf *args,
                    const char *function, struct call *call, struct cdp_reply *reply,
                    struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(64 * 1024);
    struct jw w = JW(&params, err);
    int64_t context;

    if (page_world(e->page, frame, call, &context, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "functionDeclaration", function);
    jw_kint(&w, "executionContextId", context);
    jw_kraw(&w, "arguments", args->data);
    jw_kstr(&w, "objectGroup", e->group);
    jw_end(&w);
    return jw_done(&w) ? -1
                       : page_call(e->page, frame->session, "Runtime.callFunctionOn", params.data,
                                   0, call, reply, err);
}

/* 1: not in this frame. A frame that went away meanwhile has nothing either. */
static int look_in(struct element *e, const struct page_frame *frame, const struct buf *args,
                   struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct err own = { 0 };
    yyjson_val *value;
    const char *object, *text;

    if (in_world(e, frame, args, js_find, call, &reply, &own)) {
        if (own.code == ERR_INVALID || own.code == ERR_STALE)
            return 1;
        if (err)
            *err = own;
        return -1;
    }
    value = yyjson_obj_get(reply.result, "result");
    object = json_str(value, "objectId");
    text = json_str(value, "value");
    if (text)
        return complain(text, err);
    if (!object || strlen(object) >= sizeof(e->object))
        return 1;
    COPY(e->object, object);
    COPY(e->session, frame->session);
    COPY(e->frame, frame->id);
    return 0;
}

static int look_everywhere(struct element *e, const struct buf *args, struct call *call,
                           struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;
    int r = 1;

    if (page_frames(e->page, &frames, &n, err))
        return -1;
    for (size_t i = 0; i < n && r == 1; i++)
        r = look_in(e, &frames[i], args, call, err);
    return r;
}

static int pause_for(int ms, struct call *call, struct err *err)
{
    struct pollfd fd = { .fd = call ? call->event_fd : -1, .events = POLLIN };

    (void)poll(&fd, 1, ms);
    return call ? call_check(call, err) : 0;
}

static int find_selector(struct element *e, const char *selector, struct call *call,
                         struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(8 * INPUT_SELECTOR_MAX);
    struct jw w = JW(&args, err);
    int64_t deadline_ms = clock_ms() + INPUT_FIND_MS;
    const char *kind = NULL, *text = NULL;
    int r;

    if (split(selector, &kind, &text, err))
        return -1;
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", kind);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", text);
    jw_end(&w);
    jw_aend(&w);
    if (jw_done(&w))
        return -1;
    while ((r = look_everywhere(e, &args, call, err)) == 1 && clock_ms() < deadline_ms)
        if (pause_for(AGAIN_MS, call, err))
            return -1;
    if (r <= 0)
        return r;
    err_set(err, ERR_NOT_FOUND, "target: nothing in the page matches %.300s", selector);
    return err_next(err, "take a snapshot, or look for it with browser_find");
}

static int resolve(struct element *e, const struct page_frame *frame, int64_t node,
                   struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct err own = { 0 };
    char params[192];
    const char *object;
    int64_t context;

    if (page_world(e->page, frame, call, &context, err))
        return -1;
    snprintf(params, sizeof(params),
             "{\"backendNodeId\":%lld,\"executionContextId\":%lld,\"objectGroup\":\"%s\"}",
             (long long)node, (long long)context, e->group);
    if (page_call(e->page, frame->session, "DOM.resolveNode", params, 0, call, &reply, &own)) {
        if (own.code == ERR_INVALID)
            return err_set(err, ERR_STALE, "the element is no longer in the page");
        if (err)
            *err = own;
        return -1;
    }
    object = json_str(yyjson_obj_get(reply.result, "object"), "objectId");
    if (!object || strlen(object) >= sizeof(e->object))
        return err_set(err, ERR_STALE, "the element is no longer in the page");
    COPY(e->object, object);
    COPY(e->session, frame->session);
    COPY(e->frame, frame->id);
    return 0;
}

static int find_node(struct element *e, const struct input_target *target, struct call *call,
                     struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    const char *session = target->session ? target->session : "";
    const char *id = target->frame ? target->frame : "";
    size_t n;

    if (page_frames(e->page, &frames, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (*id ? !strcmp(frames[i].id, id) : !*session || !strcmp(frames[i].session, session))
            return resolve(e, &frames[i], target->node, call, err);
    return err_set(err, ERR_STALE, "the element's frame is no longer in the page");
}

int element_find(struct page *page, const struct input_target *target, struct call *call,
                 struct element *out, struct err *err)
{
    static atomic_uint groups;

    *out = (struct element){ .page = page };
    snprintf(out->group, sizeof(out->group), "element%u", atomic_fetch_add(&groups, 1));
    if (target->selector)
        return find_selector(out, target->selector, call, err);
    if (target->node)
        return find_node(out, target, call, err);
    return err_set(err, ERR_INVALID, "target: is required");
}

/* ---- ready ---- */

static int not_ready(const struct element *e, yyjson_val *value, struct err *err)
{
    const char *fail = json_str(value, "fail"), *by = json_str(value, "by");

    if (!fail || !strcmp(fail, "gone"))
        return err_set(err, ERR_STALE, "the element has left the page");
    if (!strcmp(fail, "covered")) {
        err_set(err, ERR_COVERED, "%s is covered by %.200s", e->label, by ? by : "another element");
        return err_next(err, "close or move what covers it, or scroll");
    }
    if (!strcmp(fail, "no text field"))
        return err_set(err, ERR_INVALID, "%s takes no text", e->label);
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
    return resolve(out, around, json_int(reply.result, "backendNodeId", 0), call, err);
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
        if (pause_for(STILL_MS, call, err))
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
