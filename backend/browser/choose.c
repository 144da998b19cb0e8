#include "backend/browser/choose.h"
#include "backend/browser/state.h"
#include "embed.h"

#include <string.h>

#define VALUES_MAX (512 * 1024)

static int write_call(struct buf *params, const struct element *e, const char *ask,
                      const char *const *values, size_t count, bool by_value, struct err *err)
{
    struct jw w = JW(params, err);

    jw_obj(&w);
    jw_key(&w, "functionDeclaration");
    jw_strn(&w, embed_choose_js, (size_t)(embed_choose_js_end - embed_choose_js));
    jw_kstr(&w, "objectId", e->object);
    jw_kstr(&w, "objectGroup", e->group);
    jw_kbool(&w, "returnByValue", by_value);
    jw_key(&w, "arguments");
    jw_arr(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", ask);
    jw_end(&w);
    jw_obj(&w);
    jw_key(&w, "value");
    jw_arr(&w);
    for (size_t i = 0; i < count; i++)
        jw_str(&w, values[i]);
    jw_aend(&w);
    jw_end(&w);
    jw_aend(&w);
    jw_end(&w);
    return jw_done(&w);
}

static int run(struct element *e, const char *ask, const char *const *values, size_t count,
               bool by_value, struct call *call, struct cdp_reply *reply, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(VALUES_MAX);
    yyjson_val *threw;
    const char *text;

    if (write_call(&params, e, ask, values, count, by_value, err) ||
        page_call(e->page, e->session, "Runtime.callFunctionOn", params.data, 0, call, reply, err))
        return -1;
    threw = yyjson_obj_get(reply->result, "exceptionDetails");
    text = json_str(yyjson_obj_get(threw, "exception"), "description");
    return threw ? err_set(err, ERR_INVALID, "%.300s", text ? text : "the page refused") : 0;
}

int choose_ask(struct element *e, const char *ask, const char *const *values, size_t count,
               struct call *call, struct cdp_reply *reply, yyjson_val **answer, struct err *err)
{
    if (run(e, ask, values, count, true, call, reply, err))
        return -1;
    *answer = yyjson_obj_get(yyjson_obj_get(reply->result, "result"), "value");
    return 0;
}

int choose_node(struct element *e, const char *ask, const char *value, struct call *call,
                struct input_target *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply found = { 0 }, node = { 0 };
    char params[160];
    const char *object;

    if (run(e, ask, &value, value ? 1 : 0, false, call, &found, err))
        return -1;
    object = json_str(yyjson_obj_get(found.result, "result"), "objectId");
    if (!object || strlen(object) > 100)
        return err_set(err, ERR_STALE, "it has left the page");
    snprintf(params, sizeof(params), "{\"objectId\":\"%s\"}", object);
    if (page_call(e->page, e->session, "DOM.describeNode", params, 0, call, &node, err))
        return -1;
    *out = (struct input_target){
        .session = e->session,
        .frame = e->frame,
        .node = json_int(yyjson_obj_get(node.result, "node"), "backendNodeId", 0),
    };
    return 0;
}
