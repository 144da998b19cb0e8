#include "backend/browser/element.h"
#include "backend/browser/evaluate_js.h"
#include "backend/browser/script_text.h"
#include "backend/browser/state.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BYTES (24 * 1024)
#define PING_MS 300
#define SCRIPT_MAX (4 * 1024 * 1024)

struct run {
    struct page *page;
    const struct page_script *script;
    struct call *call;
    char session[PAGE_FRAME_ID], group[32];
    char frame[PAGE_FRAME_ID];
    int64_t node, context, deadline_ms, timeout_ms;
    size_t max;
};

void page_value_done(struct page_value *v)
{
    buf_done(&v->json);
}

/* ---- one step of it ---- */

static bool answers(struct run *r)
{
    return !cdp_call(r->page->browser->cdp, r->session, "Runtime.evaluate",
                     "{\"expression\":\"0\"}", PING_MS, NULL, NULL, NULL);
}

/* A script that runs is ended; a promise that waits is left, as it holds up nobody. */
static int give_up(struct run *r, const struct err *why, struct err *err)
{
    bool runs = !answers(r);

    if (runs)
        cdp_tell(r->page->browser->cdp, r->session, "Runtime.terminateExecution", NULL);
    if (why->code == ERR_CANCELLED || clock_ms() < r->deadline_ms) {
        if (err)
            *err = *why;
        return -1;
    }
    err_set(err, ERR_TIMEOUT, "the script %s after %lld ms%s",
            runs ? "still ran" : "waited for a promise", (long long)r->timeout_ms,
            runs ? " and was ended" : "");
    return err_next(err, "let it do less at once, or keep what it found in a variable of window");
}

static int step(struct run *r, const char *method, const struct buf *params,
                struct cdp_reply *reply, struct err *err)
{
    struct err why = { 0 };
    int64_t left = r->deadline_ms - clock_ms();

    if (!page_call(r->page, r->session, method, params->data, left > 1 ? left : 1, r->call, reply,
                   &why))
        return 0;
    if (why.code == ERR_TIMEOUT || why.code == ERR_CANCELLED)
        return give_up(r, &why, err);
    if (err)
        *err = why;
    return -1;
}

static int thrown(yyjson_val *details, struct err *err)
{
    yyjson_val *exception = yyjson_obj_get(details, "exception");
    const char *text = json_str(exception, "description");

    if (!text)
        text = json_str(exception, "value");
    if (!text)
        text = json_str(details, "text");
    return err_set(err, ERR_INVALID, "the script failed at line %lld: %.900s",
                   (long long)json_int(details, "lineNumber", 0) + 1, text ? text : "unknown");
}

static const char *complaint(yyjson_val *result)
{
    yyjson_val *e = yyjson_obj_get(yyjson_obj_get(result, "exceptionDetails"), "exception");
    const char *text = json_str(e, "description");

    return text && !strncmp(text, "SyntaxError", 11) ? text : NULL;
}

static int evaluate(struct run *r, const char *before, const char *after, struct cdp_reply *reply,
                    struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(2 * SCRIPT_MAX), text = BUF_MAX(SCRIPT_MAX);
    struct jw w = JW(&params, err);

    if (buf_adds(&text, before, err) || buf_adds(&text, r->script->text, err) ||
        buf_adds(&text, after, err))
        return err_wrap(err, "script");
    jw_obj(&w);
    jw_key(&w, "expression");
    jw_strn(&w, text.data, text.len);
    jw_kstr(&w, "objectGroup", r->group);
    jw_kbool(&w, "awaitPromise", true);
    jw_kbool(&w, "userGesture", true);
    if (r->context)
        jw_kint(&w, "contextId", r->context);
    jw_end(&w);
    return jw_done(&w) ? -1 : step(r, "Runtime.evaluate", &params, reply, err);
}

/* As an expression; what holds await or return, as the inside of a function. */
static int start(struct run *r, struct cdp_reply *reply, struct err *err)
{
    const char *why;

    if (script_kind(r->script->text) == SCRIPT_FUNCTION_KEYWORD) {
        if (evaluate(r, "(", "\n)", reply, err))
            return -1;
        if (!complaint(reply->result))
            return 0;
        cdp_reply_done(reply);
    }
    if (evaluate(r, "", "", reply, err))
        return -1;
    why = complaint(reply->result);
    if (why && strstr(why, "await")) {
        cdp_reply_done(reply);
        if (evaluate(r, "(async()=>(", "\n))()", reply, err))
            return -1;
        why = complaint(reply->result);
        if (!why)
            return 0;
    }
    if (why && (strstr(why, "await") || strstr(why, "return") || strstr(why, "Unexpected"))) {
        struct cdp_reply again = { 0 };
        if (evaluate(r, "(async()=>{", "\n})()", &again, err))
            return -1;
        if (complaint(again.result) && !strstr(why, "await") && !strstr(why, "return")) {
            cdp_reply_done(&again);
            return 0;
        }
        cdp_reply_done(reply);
        *reply = again;
    }
    return 0;
}

/* ---- a function, and its arguments ---- */

static int add_node(struct run *r, struct jw *w, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply node = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(512);
    const char *object;

    if (buf_addf(&params, err, "{\"backendNodeId\":%lld,\"objectGroup\":\"%s\"", (long long)r->node,
                 r->group) ||
        (r->context &&
         buf_addf(&params, err, ",\"executionContextId\":%lld", (long long)r->context)) ||
        buf_addc(&params, '}', err) || step(r, "DOM.resolveNode", &params, &node, err))
        return err_wrap(err, "the element");
    object = json_str(yyjson_obj_get(node.result, "object"), "objectId");
    jw_obj(w);
    jw_kstr(w, "objectId", object ? object : "");
    jw_end(w);
    return 0;
}

static int call_on(struct run *r, const char *object, const char *function, const char *args,
                   bool by_value, struct cdp_reply *reply, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(SCRIPT_MAX);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "objectId", object);
    jw_kstr(&w, "functionDeclaration", function);
    jw_kraw(&w, "arguments", args);
    jw_kstr(&w, "objectGroup", r->group);
    jw_kbool(&w, "awaitPromise", !by_value);
    jw_kbool(&w, "userGesture", true);
    jw_kbool(&w, "returnByValue", by_value);
    jw_end(&w);
    return jw_done(&w) ? -1 : step(r, "Runtime.callFunctionOn", &params, reply, err);
}

static int call_function(struct run *r, const char *object, struct cdp_reply *reply,
                         struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(SCRIPT_MAX);
    struct jw w = JW(&args, err);

    jw_arr(&w);
    if (r->node && add_node(r, &w, err))
        return -1;
    if (r->script->arg) {
        jw_obj(&w);
        jw_kraw(&w, "value", r->script->arg);
        jw_end(&w);
    }
    jw_aend(&w);
    if (jw_done(&w))
        return -1;
    return call_on(r, object, "function(...a){return this(...a)}", args.data, false, reply, err);
}

/* ---- the result ---- */

/* Text that a page made: it is checked before it is taken for JSON. */
static int take_json(struct run *r, const char *text, size_t len, struct page_value *out,
                     struct err *err)
{
    yyjson_doc *doc = len <= r->max + r->max / 2 + 1024 ? yyjson_read(text, len, 0) : NULL;
    struct jw w = JW(&out->json, err);

    yyjson_doc_free(doc);
    if (doc)
        return buf_add(&out->json, text, len, err);
    out->truncated |= len > r->max;
    jw_strn(&w, text, len > r->max ? utf8_cut(text, r->max) : len);
    return jw_done(&w);
}

static int take_object(struct run *r, const char *object, struct page_value *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    char args[64];
    const char *text;

    snprintf(args, sizeof(args), "[{\"value\":%zu}]", r->max);
    if (call_on(r, object, serialise, args, true, &reply, err))
        return -1;
    if (yyjson_obj_get(reply.result, "exceptionDetails")) {
        thrown(yyjson_obj_get(reply.result, "exceptionDetails"), err);
        return err_wrap(err, "its result cannot be read");
    }
    text = json_str(yyjson_obj_get(reply.result, "result"), "value");
    if (!text || !*text || text[1] != '\n')
        return take_json(r, "null", 4, out, err);
    out->truncated = *text == '1';
    return take_json(r, text + 2, strlen(text + 2), out, err);
}

static int take_plain(struct run *r, yyjson_val *value, struct page_value *out, struct err *err)
{
    const char *odd = json_str(value, "unserializableValue");
    yyjson_val *v = yyjson_obj_get(value, "value");
    struct jw w = JW(&out->json, err);

    if (odd) {
        jw_str(&w, odd);
    } else if (yyjson_is_str(v)) {
        const char *text = yyjson_get_str(v);
        size_t len = yyjson_get_len(v);
        out->truncated = len > r->max;
        jw_strn(&w, text, out->truncated ? utf8_cut(text, r->max) : len);
    } else {
        jw_val(&w, v);
    }
    return jw_done(&w);
}

static int take_result(struct run *r, yyjson_val *result, struct page_value *out, struct err *err)
{
    yyjson_val *value = yyjson_obj_get(result, "result");
    yyjson_val *details = yyjson_obj_get(result, "exceptionDetails");
    const char *object = json_str(value, "objectId"), *kind = json_str(value, "subtype");

    if (details)
        return thrown(details, err);
    COPY(out->type, kind ? kind : json_str(value, "type"));
    return object ? take_object(r, object, out, err) : take_plain(r, value, out, err);
}

static int run_it(struct run *r, struct page_value *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply first = { 0 }, second = { 0 };
    yyjson_val *value;
    const char *type, *object;

    if (start(r, &first, err))
        return -1;
    value = yyjson_obj_get(first.result, "result");
    type = json_str(value, "type");
    object = json_str(value, "objectId");
    if (yyjson_obj_get(first.result, "exceptionDetails") || !type || strcmp(type, "function") ||
        script_kind(r->script->text) == SCRIPT_PLAIN) {
        if ((r->node || r->script->arg) && !yyjson_obj_get(first.result, "exceptionDetails"))
            return err_set(err, ERR_INVALID, "the script is no function, so it takes no argument");
        return take_result(r, first.result, out, err);
    }
    if (call_function(r, object ? object : "", &second, err))
        return -1;
    return take_result(r, second.result, out, err);
}

static int choose_target(struct run *r, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct element e;
    char params[160];
    int failed = element_find(r->page, r->script->target, r->call, &e, err);

    if (!failed) {
        snprintf(params, sizeof(params), "{\"objectId\":\"%s\"}", e.object);
        failed = page_call(r->page, e.session, "DOM.describeNode", params, 0, r->call, &reply, err);
    }
    COPY(r->session, e.session);
    COPY(r->frame, e.frame);
    element_done(&e);
    if (failed)
        return -1;
    r->node = json_int(yyjson_obj_get(reply.result, "node"), "backendNodeId", 0);
    return r->node ? 0 : err_set(err, ERR_PROTOCOL, "the browser does not name the element");
}

static int choose_frame(struct run *r, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    const struct page_script *script = r->script;
    size_t n, i = 0;

    COPY(r->session, script->session && *script->session ? script->session : r->page->session);
    COPY(r->frame, script->frame);
    r->node = script->node;
    if (script->target && choose_target(r, err))
        return -1;
    if (!*r->frame)
        return 0;
    if (page_frames(r->page, &frames, &n, err))
        return -1;
    while (i < n && strcmp(frames[i].id, r->frame))
        i++;
    if (i == n)
        return err_set(err, ERR_NOT_FOUND, "the page has no such frame any more");
    COPY(r->session, frames[i].session);
    r->context = frames[i].context;
    return 0;
}

static int check_script(const struct page_script *script, struct err *err)
{
    AUTO_JSON yyjson_doc *arg = NULL;

    if (!script->text || !*script->text)
        return err_set(err, ERR_INVALID, "script: is empty");
    if (script->arg && !(arg = json_parse(script->arg, strlen(script->arg), err)))
        return err_wrap(err, "arg");
    return 0;
}

int page_evaluate(struct page *page, const struct page_script *script, struct call *call,
                  struct page_value *out, struct err *err)
{
    static atomic_uint groups;
    struct run r = { .page = page, .script = script, .call = call };
    char params[64];
    int failed;

    if (check_script(script, err) || choose_frame(&r, err))
        return -1;
    r.timeout_ms = script->timeout_ms > 0 ? script->timeout_ms : CDP_TIMEOUT_MS;
    r.deadline_ms = clock_ms() + r.timeout_ms;
    r.max = script->max_bytes ? script->max_bytes : DEFAULT_BYTES;
    r.max = r.max < PAGE_RESULT_MAX ? r.max : PAGE_RESULT_MAX;
    snprintf(r.group, sizeof(r.group), "script%u", atomic_fetch_add(&groups, 1));
    *out = (struct page_value){ .json = BUF_MAX(8 * PAGE_RESULT_MAX) };
    failed = run_it(&r, out, err);
    snprintf(params, sizeof(params), "{\"objectGroup\":\"%s\"}", r.group);
    cdp_tell(page->browser->cdp, r.session, "Runtime.releaseObjectGroup", params);
    if (failed)
        page_value_done(out);
    return failed;
}
