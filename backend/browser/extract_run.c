#include "backend/browser/extract_run.h"
#include "backend/browser/snapshot_refs.h"
#include "backend/browser/state.h"
#include "base/utf8.h"
#include "embed.h"

#include <math.h>
#include <string.h>

#define SCRIPT_MAX (1024 * 1024)
#define RUN_MS 12000 /* the script's own bounds come first */
#define FRAME_MS 5000

void extract_piece_done(struct extract_piece *p)
{
    buf_done(&p->content);
}

/* ---- our world ---- */

struct world {
    struct page *page;
    struct call *call;
    const struct page_frame *frame;
    int64_t context;
    int64_t timeout_ms;
};

/* An expression's value; the browser ends a script that takes too long. */
static int evaluate(const struct world *w, const char *text, size_t len, struct cdp_reply *reply,
                    yyjson_val **value, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(2 * SCRIPT_MAX);
    struct jw j = JW(&params, err);
    struct err why = { 0 };
    const char *threw;

    jw_obj(&j);
    jw_key(&j, "expression");
    jw_strn(&j, text, len);
    jw_kint(&j, "contextId", w->context);
    jw_kbool(&j, "returnByValue", true);
    jw_kint(&j, "timeout", w->timeout_ms);
    jw_end(&j);
    if (jw_done(&j))
        return -1;
    if (page_call(w->page, w->frame->session, "Runtime.evaluate", params.data, w->timeout_ms + 2000,
                  w->call, reply, &why)) {
        if (why.code == ERR_TIMEOUT)
            err_next(&why, "the page's own scripts keep it busy; wait, or reload it");
        if (err)
            *err = why;
        return -1;
    }
    threw = json_str(yyjson_obj_get(yyjson_obj_get(reply->result, "exceptionDetails"), "exception"),
                     "description");
    if (yyjson_obj_get(reply->result, "exceptionDetails"))
        return err_set(err, ERR_INTERNAL, "the content cannot be read: %.300s",
                       threw ? threw : "the script was ended");
    *value = yyjson_obj_get(yyjson_obj_get(reply->result, "result"), "value");
    return 0;
}

/* Elements that may have a closed shadow root; -1: the script is not there yet. */
static int count_hosts(const struct world *w, int64_t *count, struct err *err)
{
    static const char text[] = "typeof contentMcp==='object'?contentMcp.listHosts():-1";
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;

    if (evaluate(w, text, sizeof(text) - 1, &reply, &value, err))
        return -1;
    *count = yyjson_get_sint(value);
    return 0;
}

/* The script is there from now on, as long as the document is, and knows closed shadow roots; a
 * host that has gone meanwhile is none. */
static int bring(const struct world *w, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *value;
    int64_t hosts;

    if (count_hosts(w, &hosts, err))
        return -1;
    if (hosts < 0 && (evaluate(w, embed_page_content_js,
                               (size_t)(embed_page_content_js_end - embed_page_content_js), &reply,
                               &value, err) ||
                      count_hosts(w, &hosts, err)))
        return -1;
    if (hosts > 0 && library_shadows(w->page, w->frame, (size_t)hosts, w->call, NULL))
        return w->call ? call_check(w->call, err) : 0;
    return 0;
}

static int call_on(const struct world *w, const char *object, const char *function, size_t argument,
                   struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(4096);
    struct jw j = JW(&params, err);

    jw_obj(&j);
    jw_kstr(&j, "objectId", object);
    jw_kstr(&j, "functionDeclaration", function);
    jw_key(&j, "arguments");
    jw_arr(&j);
    jw_obj(&j);
    jw_kint(&j, "value", (int64_t)argument);
    jw_end(&j);
    jw_aend(&j);
    jw_end(&j);
    return jw_done(&j) ? -1
                       : page_call(w->page, w->frame->session, "Runtime.callFunctionOn",
                                   params.data, 0, w->call, NULL, err);
}

/* ---- the frames below ---- */

/* A frame that goes meanwhile is not marked; that is all. */
static int mark(const struct world *w, const struct page_frame *frame, size_t number,
                struct err *err)
{
    static const char function[] = "function(n){contentMcp.mark.call(this,n)}";
    AUTO(cdp_reply) struct cdp_reply owner = { 0 }, node = { 0 };
    char params[192];
    const char *object;

    snprintf(params, sizeof(params), "{\"frameId\":\"%s\"}", frame->id);
    if (page_call(w->page, w->frame->session, "DOM.getFrameOwner", params, 0, w->call, &owner, err))
        return -1;
    snprintf(params, sizeof(params), "{\"backendNodeId\":%lld,\"executionContextId\":%lld}",
             (long long)json_int(owner.result, "backendNodeId", 0), (long long)w->context);
    if (page_call(w->page, w->frame->session, "DOM.resolveNode", params, 0, w->call, &node, err))
        return -1;
    object = json_str(yyjson_obj_get(node.result, "object"), "objectId");
    return object ? call_on(w, object, function, number, err) : 0;
}

static int mark_all(struct extract_run *run, const struct world *w, const char *parent,
                    struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < run->count && n < EXTRACT_BELOW_MAX; i++) {
        struct err why = { 0 };
        if (strcmp(run->frames[i].parent, parent))
            continue;
        n++;
        if (!mark(w, &run->frames[i], i, &why) || why.code == ERR_INVALID || why.code == ERR_STALE)
            continue;
        if (err)
            *err = why;
        return -1;
    }
    return 0;
}

static void take_frames(struct extract_run *run, const char *parent, yyjson_val *list,
                        struct extract_piece *out)
{
    size_t i, max;
    yyjson_val *one;

    yyjson_arr_foreach (list, i, max, one) {
        int64_t number = json_int(one, "number", -1);
        double share = yyjson_get_num(yyjson_obj_get(one, "share"));
        if (number < 0 || (size_t)number >= run->count || out->below >= EXTRACT_BELOW_MAX ||
            strcmp(run->frames[number].parent, parent))
            continue;
        out->frames[out->below].number = (size_t)number;
        out->frames[out->below++].share = isfinite(share) ? share : 0;
    }
}

/* ---- refs ---- */

static bool has_refs(enum extract_format format)
{
    return format != EXTRACT_TEXT && format != EXTRACT_HTML;
}

/* The page model is there, and goes on with the numbers that are not used yet. */
static int ready_refs(const struct world *w, char prefix[16], struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *result;
    char args[160];
    int64_t next;

    if (refs_prefix(w->page, w->frame->id, prefix, &next, err))
        return -1;
    snprintf(args, sizeof(args),
             "[{\"value\":0},{\"value\":\"\"},{\"value\":\"\"},{\"value\":\"%s\"},"
             "{\"value\":%lld}]",
             prefix, (long long)next);
    return library_call(w->page, w->frame, "take", args, NULL, 0, w->call, &reply, &result, err);
}

/* ---- one frame ---- */

static int expression(struct extract_run *run, const char *prefix, bool main_only, bool element,
                      struct buf *out, struct err *err)
{
    struct jw j = JW(out, err);

    if (buf_adds(out, "contentMcp.extract(", err))
        return -1;
    jw_obj(&j);
    jw_kstr(&j, "format", extract_format_name(run->format));
    jw_kbool(&j, "main", main_only);
    jw_kstr(&j, "marker", run->marker);
    jw_kbool(&j, "refs", has_refs(run->format));
    jw_kstr(&j, "prefix", prefix);
    jw_end(&j);
    return jw_done(&j) ? -1 : buf_adds(out, element ? ",contentMcp.root)" : ")", err);
}

static int take(struct extract_run *run, const char *parent, yyjson_val *value,
                struct extract_piece *out, struct err *err)
{
    yyjson_val *content = yyjson_obj_get(value, "content");
    size_t len = yyjson_get_len(content);

    if (!yyjson_is_str(content))
        return err_set(err, ERR_PROTOCOL, "the browser gave no content");
    COPY(out->how, json_str(value, "how"));
    COPY(out->cut, json_str(value, "cut"));
    if (len > EXTRACT_MAX) {
        len = utf8_cut(yyjson_get_str(content), EXTRACT_MAX);
        COPY(out->cut, "size");
    }
    take_frames(run, parent, yyjson_obj_get(value, "frames"), out);
    return buf_add(&out->content, yyjson_get_str(content), len, err);
}

int extract_frame(struct extract_run *run, size_t number, const struct element *element,
                  bool main_only, struct extract_piece *out, struct err *err)
{
    const struct page_frame *frame = &run->frames[number];
    struct world w = {
        .page = run->page,
        .call = run->call,
        .frame = frame,
        .timeout_ms = number ? FRAME_MS : RUN_MS,
    };
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(4096);
    yyjson_val *value = NULL;
    char prefix[16] = "";

    *out = (struct extract_piece){ .content = BUF_MAX(EXTRACT_MAX) };
    if (page_world(run->page, frame, run->call, &w.context, err) || ready_refs(&w, prefix, err) ||
        bring(&w, err) || mark_all(run, &w, frame->id, err))
        return -1;
    if (element && call_on(&w, element->object, "function(){contentMcp.root=this}", 0, err))
        return -1;
    if (expression(run, prefix, main_only, element, &text, err) ||
        evaluate(&w, text.data, text.len, &reply, &value, err))
        return -1;
    refs_used(run->page, frame->id, json_int(value, "next", 0));
    return take(run, frame->id, value, out, err);
}

bool extract_changed(struct page *page, const struct page_frame *frame, struct call *call)
{
    static const char text[] = "contentMcp.changed()";
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct world w = { page, call, frame, 0, 1000 };
    yyjson_val *value = NULL;

    return !page_world(page, frame, call, &w.context, NULL) &&
           !evaluate(&w, text, sizeof(text) - 1, &reply, &value, NULL) && yyjson_get_bool(value);
}
