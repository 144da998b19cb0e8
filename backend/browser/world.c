#include "backend/browser/world.h"

#include <stdlib.h>
#include <string.h>

static int find_frame(struct page *page, const char *id, struct page_frame *out, struct err *err)
{
    AUTO_FREE struct page_frame *all = NULL;
    size_t n;

    if (page_frames(page, &all, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!id || !strcmp(all[i].id, id)) {
            *out = all[i];
            return 0;
        }
    return err_set(err, ERR_STALE, "the frame has gone");
}

static void add_args(struct jw *w, const char *args)
{
    AUTO_JSON yyjson_doc *doc = args ? json_parse(args, strlen(args), w->err) : NULL;
    yyjson_val *all = doc ? yyjson_doc_get_root(doc) : NULL, *one;
    size_t i, n;

    if (args && !doc)
        w->failed = true;
    jw_key(w, "arguments");
    jw_arr(w);
    yyjson_arr_foreach (all, i, n, one) {
        jw_obj(w);
        jw_key(w, "value");
        jw_val(w, one);
        jw_end(w);
    }
    jw_aend(w);
}

static int thrown(yyjson_val *details, struct err *err)
{
    yyjson_val *exception = yyjson_obj_get(details, "exception");
    const char *text = json_str(exception, "description"), *value = json_str(exception, "value");

    if (!text)
        text = value ? value : json_str(details, "text");
    return err_set(err, ERR_INVALID, "%.*s", text ? (int)strcspn(text, "\n") : 0, text ? text : "");
}

int world_call(struct page *page, const char *frame, const char *function, const char *args,
               int64_t timeout_ms, struct call *call, struct cdp_reply *reply, yyjson_val **value,
               struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(WORLD_ARGS_MAX);
    struct page_frame where;
    struct jw w = JW(&params, err);
    yyjson_val *details;
    int64_t context;

    if (find_frame(page, frame, &where, err) || page_world(page, &where, call, &context, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "functionDeclaration", function);
    jw_kint(&w, "executionContextId", context);
    add_args(&w, args);
    jw_kbool(&w, "returnByValue", true);
    jw_kbool(&w, "awaitPromise", true);
    jw_end(&w);
    if (jw_done(&w) || page_call(page, where.session, "Runtime.callFunctionOn", params.data,
                                 timeout_ms, call, reply, err))
        return -1;
    details = yyjson_obj_get(reply->result, "exceptionDetails");
    if (details)
        return thrown(details, err);
    *value = yyjson_obj_get(yyjson_obj_get(reply->result, "result"), "value");
    return 0;
}
