#include "backend/browser/snapshot.h"
#include "backend/browser/snapshot_refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIND_MS 3000

static void add_text(struct jw *w, const char *key, const char *text)
{
    if (text)
        jw_kstr(w, key, text);
}

static int find_args(struct page *page, const struct page_frame *frame,
                     const struct snapshot_query *q, size_t limit, struct buf *out, struct err *err)
{
    struct jw w = JW(out, err);
    char prefix[16];
    int64_t next;

    if (refs_prefix(page, frame->id, prefix, &next, err))
        return -1;
    jw_arr(&w);
    jw_obj(&w);
    jw_key(&w, "value");
    jw_obj(&w);
    add_text(&w, "text", q->text);
    add_text(&w, "regex", q->regex);
    add_text(&w, "role", q->role);
    jw_kstr(&w, "prefix", prefix);
    jw_kint(&w, "base", next);
    jw_kint(&w, "limit", (int64_t)limit);
    jw_end(&w);
    jw_end(&w);
    jw_aend(&w);
    return jw_done(&w);
}

/* As it would stand in a snapshot, to be remembered. */
static void remember(struct page *page, yyjson_val *hit)
{
    AUTO(buf) struct buf line = BUF_MAX(4096);
    const char *ref = json_str(hit, "ref"), *role = json_str(hit, "role");
    const char *name = json_str(hit, "name");

    if (!ref || !role || buf_addf(&line, NULL, "- %s \"", role))
        return;
    for (; name && *name; name++)
        if (((*name == '"' || *name == '\\') && buf_addc(&line, '\\', NULL)) ||
            buf_addc(&line, *name, NULL))
            return;
    if (!buf_addf(&line, NULL, "\" [%s]\n", ref))
        refs_remember(page, line.data, line.len);
}

static size_t add_hits(struct page *page, yyjson_val *hits, size_t limit, struct jw *w)
{
    static const char *const keys[] = { "ref", "role", "name", "path", "context" };
    size_t i, n, added = 0;
    yyjson_val *hit;

    yyjson_arr_foreach (hits, i, n, hit) {
        if (added++ >= limit)
            break;
        jw_obj(w);
        for (size_t k = 0; k < COUNT_OF(keys); k++)
            add_text(w, keys[k], json_str(hit, keys[k]));
        jw_end(w);
        remember(page, hit);
    }
    return added;
}

/* An expression that does not end would hold up the page. */
static int find_in(struct page *page, const struct page_frame *frame, const char *args,
                   struct call *call, struct cdp_reply *reply, yyjson_val **result, struct err *err)
{
    if (!library_call(page, frame, "find", args, NULL, FIND_MS, call, reply, result, err))
        return 0;
    if (!err || err->code != ERR_TIMEOUT)
        return -1;
    cdp_tell(page->browser->cdp, frame->session, "Runtime.terminateExecution", NULL);
    err_set(err, ERR_TIMEOUT, "the page did not answer within %d ms", FIND_MS);
    return err_next(err, "use a simpler regex, or text");
}

int page_find(struct page *page, const struct snapshot_query *q, struct call *call, struct jw *w,
              size_t *total, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n, left = q->limit;

    if (page_frames(page, &frames, &n, err))
        return -1;
    *total = 0;
    jw_key(w, "matches");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        AUTO(buf) struct buf args = BUF_MAX(64 * 1024);
        AUTO(cdp_reply) struct cdp_reply reply = { 0 };
        struct err why = { 0 };
        yyjson_val *result, *value;
        if (find_args(page, &frames[i], q, left, &args, err))
            return -1;
        if (find_in(page, &frames[i], args.data, call, &reply, &result, &why)) {
            if (i && (why.code == ERR_STALE || why.code == ERR_INVALID))
                continue;
            if (err)
                *err = why;
            return -1;
        }
        value = yyjson_obj_get(result, "value");
        if (json_str(value, "wrong")) {
            err_set(err, ERR_INVALID, "regex: %.300s", json_str(value, "wrong"));
            return err_next(err, "write it as JavaScript does, or pass text");
        }
        refs_used(page, frames[i].id, json_int(value, "next", 0));
        *total += (size_t)json_int(value, "total", 0);
        left -= add_hits(page, yyjson_obj_get(value, "hits"), left, w);
    }
    jw_aend(w);
    jw_kint(w, "total", (int64_t)*total);
    return 0;
}
