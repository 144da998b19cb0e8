#include "backend/browser/marks.h"
#include "backend/browser/snapshot_refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAW_MS 3000
#define REMOVE_MS 1000

static int draw_args(struct page *page, const struct page_frame *frame, bool whole, struct buf *out,
                     struct err *err)
{
    struct frame_refs row;
    char prefix[16] = "";

    if (refs_frame(page, frame->id, &row, err))
        return -1;
    if (row.number)
        snprintf(prefix, sizeof(prefix), "f%u", row.number);
    return buf_addf(out, err, "[{\"value\":{\"prefix\":\"%s\",\"base\":%lld,\"whole\":%s}}]",
                    prefix, (long long)row.next, whole ? "true" : "false");
}

static int draw_in(struct page *page, const struct page_frame *frame, bool whole, struct call *call,
                   struct marks *out, struct err *err)
{
    AUTO(buf) struct buf args = BUF_MAX(256);
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *result, *value;
    const char *lines;

    if (draw_args(page, frame, whole, &args, err) ||
        library_call(page, frame, "mark", args.data, NULL, DRAW_MS, call, &reply, &result, err))
        return -1;
    value = yyjson_obj_get(result, "value");
    refs_used(page, frame->id, json_int(value, "next", 0));
    out->count += (size_t)json_int(value, "count", 0);
    out->left_out += (size_t)json_int(value, "left", 0);
    lines = json_str(value, "lines");
    if (lines)
        refs_remember(page, lines, strlen(lines));
    return 0;
}

int marks_draw(struct page *page, bool whole, struct call *call, struct marks *out, struct err *err)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;

    *out = (struct marks){ 0 };
    if (page_frames(page, &frames, &n, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct err why = { 0 };
        if (!draw_in(page, &frames[i], whole, call, out, &why) ||
            (i && (why.code == ERR_STALE || why.code == ERR_INVALID)))
            continue;
        if (err)
            *err = why;
        return -1;
    }
    return 0;
}

void marks_remove(struct page *page)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;

    if (page_frames(page, &frames, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        AUTO(cdp_reply) struct cdp_reply reply = { 0 };
        yyjson_val *result;
        (void)!library_call(page, &frames[i], "unmark", "[]", NULL, REMOVE_MS, NULL, &reply,
                            &result, NULL);
    }
}
