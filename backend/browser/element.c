#include "backend/browser/element.h"
#include "backend/browser/element_js.h"
#include "backend/browser/snapshot_refs.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#define AGAIN_MS 50

static const char *const kinds[] = { "css", "text", "role", "xpath" };

static int split(const char *selector, const char **kind, const char **text, struct err *err)
{
    if (!*selector || strlen(selector) > INPUT_SELECTOR_MAX)
        return err_set(err, ERR_INVALID, "target: has to be of 1 to %d bytes", INPUT_SELECTOR_MAX);
    *kind = !strncmp(selector, "//", 2) || !strncmp(selector, "(//", 3) ? "xpath" : "css";
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
    yyjson_val *value, *threw;
    const char *object, *text;

    bool role = e->by_role;
    int r = role ? library_call(e->page, frame, "pick", args->data, e->group, 0, call, &reply,
                                &value, &own)
                 : in_world(e, frame, args, js_find, call, &reply, &own);
    if (r) {
        if (own.code == ERR_INVALID || own.code == ERR_STALE)
            return 1;
        if (err)
            *err = own;
        return -1;
    }
    value = yyjson_obj_get(reply.result, "result");
    object = json_str(value, "objectId");
    text = json_str(value, "value");
    threw = yyjson_obj_get(reply.result, "exceptionDetails");
    if (threw) {
        text = json_str(yyjson_obj_get(threw, "exception"), "description");
        return err_set(err, ERR_INTERNAL, "looking for it: %.300s", text ? text : "unknown");
    }
    if (text) {
        refs_seen(e->page, frame->id, text);
        return complain(text, err);
    }
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

int element_pause(int ms, struct call *call, struct err *err)
{
    struct pollfd fd = { .fd = call ? call->event_fd : -1, .events = POLLIN };

    (void)poll(&fd, 1, ms);
    return call ? call_check(call, err) : 0;
}

static int selector_args(const char *selector, bool any, struct buf *args, struct err *err)
{
    struct jw w = JW(args, err);
    const char *kind = NULL, *text = NULL;

    if (split(selector, &kind, &text, err))
        return -1;
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", kind);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", text);
    jw_end(&w);
    jw_obj(&w);
    jw_kbool(&w, "value", any);
    jw_end(&w);
    jw_aend(&w);
    return jw_done(&w);
}

static bool is_role(const char *selector)
{
    return !strncmp(selector, "role=", 5);
}

static int find_selector(struct element *e, const char *selector, struct call *call,
                         struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(8 * INPUT_SELECTOR_MAX);
    int64_t deadline_ms = clock_ms() + INPUT_FIND_MS;
    int r;

    if (selector_args(selector, false, &args, err))
        return -1;
    e->by_role = is_role(selector);
    while ((r = look_everywhere(e, &args, call, err)) == 1 && clock_ms() < deadline_ms)
        if (element_pause(AGAIN_MS, call, err))
            return -1;
    if (r <= 0)
        return r;
    err_set(err, ERR_NOT_FOUND, "target: nothing in the page matches %.300s", selector);
    return err_next(err, "take a snapshot, or look for it with browser_find");
}

int element_resolve(struct element *e, const struct page_frame *frame, int64_t node,
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
            return element_resolve(e, &frames[i], target->node, call, err);
    return err_set(err, ERR_STALE, "the element's frame is no longer in the page");
}

int element_find(struct page *page, const struct input_target *target, struct call *call,
                 struct element *out, struct err *err)
{
    static atomic_uint groups;

    *out = (struct element){ .page = page };
    snprintf(out->group, sizeof(out->group), "element%u", atomic_fetch_add(&groups, 1));
    if (target->ref)
        return refs_find(out, target->ref, call, err);
    if (target->selector)
        return find_selector(out, target->selector, call, err);
    if (target->node)
        return find_node(out, target, call, err);
    return err_set(err, ERR_INVALID, "target: is required");
}

int element_look(struct page *page, const struct input_target *target, struct call *call,
                 struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf args = BUF_MAX(8 * INPUT_SELECTOR_MAX);
    yyjson_val *value = NULL;
    struct element e;
    int r;

    if (!target->selector) {
        r = element_find(page, target, call, &e, err);
        if (!r && !(r = element_call(&e, js_visible, "[]", 0, call, &reply, &value, err)))
            r = !yyjson_get_bool(value);
        element_done(&e);
        return r;
    }
    e = (struct element){ .page = page };
    snprintf(e.group, sizeof(e.group), "look");
    e.by_role = is_role(target->selector);
    if (selector_args(target->selector, true, &args, err))
        return -1;
    r = look_everywhere(&e, &args, call, err);
    element_done(&e);
    return r;
}
