#include "backend/browser/snapshot.h"
#include "backend/browser/snapshot_refs.h"
#include "embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ABSENT "no library"
#define TAKEN_MAX 900

/* ---- calling ---- */

static int ask(struct page *page, const struct page_frame *frame, int64_t context,
               const char *function, const char *args, const char *group, int64_t timeout_ms,
               struct call *call, struct cdp_reply *reply, yyjson_val **result, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(64 * 1024), text = BUF_MAX(512);
    struct jw w = JW(&params, err);
    yyjson_val *threw;
    const char *why;

    if (buf_addf(&text, err,
                 "function(...a){const s=globalThis[Symbol.for('sandbox-mcp')];"
                 "return s&&s.%s?s.%s(...a):'" ABSENT "'}",
                 function, function))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "functionDeclaration", text.data);
    jw_kint(&w, "executionContextId", context);
    jw_kraw(&w, "arguments", args);
    jw_kbool(&w, "returnByValue", !group);
    if (group)
        jw_kstr(&w, "objectGroup", group);
    jw_end(&w);
    if (jw_done(&w) || page_call(page, frame->session, "Runtime.callFunctionOn", params.data,
                                 timeout_ms, call, reply, err))
        return -1;
    threw = yyjson_obj_get(reply->result, "exceptionDetails");
    why = json_str(yyjson_obj_get(threw, "exception"), "description");
    if (threw)
        return err_set(err, ERR_INVALID, "%.300s", why ? why : "the page refused");
    *result = yyjson_obj_get(reply->result, "result");
    return 0;
}

static int install(struct page *page, const struct page_frame *frame, int64_t context,
                   struct call *call, struct err *err)
{
    const char *const parts[] = { embed_snapshot_tree_js, embed_snapshot_node_js,
                                  embed_snapshot_walk_js, embed_snapshot_js,
                                  embed_snapshot_seek_js, embed_marks_js };
    char begin[96], prefix[16];
    AUTO(buf) struct buf params = BUF_MAX(1024 * 1024), text = BUF_MAX(512 * 1024);
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    struct jw w = JW(&params, err);

    if (refs_prefix(page, frame->id, prefix, NULL, err))
        return -1;
    snprintf(begin, sizeof(begin), "}globalThis[Symbol.for('sandbox-mcp')].begin('%s')", prefix);
    if (buf_adds(&text, "if(!(globalThis[Symbol.for('sandbox-mcp')]||{}).find){", err))
        return -1;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (buf_adds(&text, parts[i], err))
            return -1;
    if (buf_adds(&text, begin, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "expression");
    jw_strn(&w, text.data, text.len);
    jw_kint(&w, "contextId", context);
    jw_kbool(&w, "returnByValue", true);
    jw_end(&w);
    if (jw_done(&w) ||
        page_call(page, frame->session, "Runtime.evaluate", params.data, 0, call, &reply, err))
        return -1;
    yyjson_val *threw = yyjson_obj_get(reply.result, "exceptionDetails");
    if (!threw)
        return 0;
    const char *why = json_str(yyjson_obj_get(threw, "exception"), "description");
    return err_set(err, ERR_INTERNAL, "the page model: %.300s", why ? why : "unknown");
}

int library_call(struct page *page, const struct page_frame *frame, const char *function,
                 const char *args, const char *group, int64_t timeout_ms, struct call *call,
                 struct cdp_reply *reply, yyjson_val **result, struct err *err)
{
    const char *text;
    int64_t context;

    if (page_world(page, frame, call, &context, err) ||
        ask(page, frame, context, function, args, group, timeout_ms, call, reply, result, err))
        return -1;
    text = json_str(*result, "value");
    if (!text || strcmp(text, ABSENT))
        return 0;
    cdp_reply_done(reply);
    *reply = (struct cdp_reply){ 0 };
    return install(page, frame, context, call, err) ||
                   ask(page, frame, context, function, args, group, timeout_ms, call, reply, result,
                       err)
               ? -1
               : 0;
}

/* ---- the element of a ref ---- */

struct wanted {
    struct ref ref;
    const char *text;
    char role[24], name[REFS_NAME_MAX];
};

static int take_args(struct page *page, const struct page_frame *frame, int64_t number,
                     const struct wanted *want, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);
    char prefix[16], name[32];
    int64_t next;

    if (refs_prefix(page, frame->id, prefix, &next, err))
        return -1;
    snprintf(name, sizeof(name), "%lld", (long long)number);
    jw_arr(&w);
    jw_obj(&w);
    jw_kraw(&w, "value", name);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", want->role);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", want->name);
    jw_end(&w);
    jw_obj(&w);
    jw_kstr(&w, "value", prefix);
    jw_end(&w);
    jw_obj(&w);
    snprintf(name, sizeof(name), "%lld", (long long)next);
    jw_kraw(&w, "value", name);
    jw_end(&w);
    jw_aend(&w);
    return jw_done(&w);
}

/* 0 found, 1 not: `said` is what the library says of it. */
static int take(struct element *e, const struct page_frame *frame, int64_t number,
                const struct wanted *want, struct call *call, char said[TAKEN_MAX], struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(16 * 1024);
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *result;
    const char *object, *text;

    if (take_args(e->page, frame, number, want, &args, err) ||
        library_call(e->page, frame, "take", args.data, e->group, 0, call, &reply, &result, err))
        return -1;
    object = json_str(result, "objectId");
    text = json_str(result, "value");
    if (text || !object || strlen(object) >= sizeof(e->object)) {
        copy_text(said, TAKEN_MAX, text ? text : "gone");
        refs_seen(e->page, frame->id, said);
        return 1;
    }
    COPY(e->object, object);
    COPY(e->session, frame->session);
    COPY(e->frame, frame->id);
    return 0;
}

static int stale(const struct wanted *want, const char *said, struct err *err)
{
    if (!strncmp(said, "several ", 8)) {
        err_set(err, ERR_STALE, "%s has left the page; several look like it: %.800s", want->text,
                said + 8);
        return err_next(err, "use one of these refs");
    }
    if (!strncmp(said, "gone ", 5))
        err_set(err, ERR_STALE, "%s has left the page, and nothing there is %.300s", want->text,
                said + 5);
    else
        err_set(err, ERR_STALE, "%s is of no element of this page", want->text);
    return err_next(err, "take a new snapshot with browser_snapshot");
}

/* "moved REF\nROLE "NAME"" */
static int follow(struct element *e, const struct page_frame *frame, const struct wanted *want,
                  char said[TAKEN_MAX], struct call *call, struct err *err)
{
    char *what = strchr(said, '\n'), moved[TAKEN_MAX];
    struct ref to;

    if (!what)
        return stale(want, "gone", err);
    *what++ = '\0';
    if (!ref_parse(said + 6, &to, NULL))
        return stale(want, "gone", err);
    int r = take(e, frame, to.number, want, call, moved, err);
    if (r)
        return r < 0 ? -1 : stale(want, moved, err);
    snprintf(e->note, sizeof(e->note), "%.24s had left the page, %.24s is used: %.160s", want->text,
             said + 6, what);
    return 0;
}

int refs_find(struct element *e, const char *text, struct call *call, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    struct wanted want = { .text = text };
    char id[PAGE_FRAME_ID], said[TAKEN_MAX] = "unknown";
    size_t n;

    if (!ref_parse(text, &want.ref, NULL))
        return err_set(err, ERR_INVALID, "target: %.40s is no ref", text);
    if (page_frames(e->page, &frames, &n, err))
        return -1;
    bool known = refs_frame_of(e->page, want.ref.frame, id);
    bool named = refs_recall(e->page, &want.ref, want.role, want.name);
    if (!known)
        return stale(&want, said, err);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(frames[i].id, id))
            continue;
        int r = take(e, &frames[i], want.ref.number, &want, call, said, err);
        if (r <= 0)
            return r;
        return strncmp(said, "moved ", 6) ? stale(&want, said, err)
                                          : follow(e, &frames[i], &want, said, call, err);
    }
    if (named)
        snprintf(said, sizeof(said), "gone %s \"%.200s\" in that frame", want.role, want.name);
    return stale(&want, said, err);
}
