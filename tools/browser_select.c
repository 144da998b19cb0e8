#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>

#define SAID_MAX (64 * 1024)

static int say(struct buf *out, const struct strings *selected, struct err *err)
{
    if (buf_adds(out, selected->count ? "selected [" : "nothing is selected in", err))
        return -1;
    for (size_t i = 0; i < selected->count; i++)
        if (buf_adds(out, i ? ", \"" : "\"", err) || render_name(out, selected->items[i], err) ||
            buf_adds(out, "\"", err))
            return -1;
    return selected->count ? buf_adds(out, "] in", err) : 0;
}

int tool_browser_select(struct tool_call *call, const struct browser_select_args *args,
                        struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(strings) struct strings selected = { 0 };
    AUTO(buf) struct buf did = BUF_MAX(SAID_MAX);
    AUTO_FREE struct page_report *report = calloc(1, sizeof(*report));
    struct input_target target;

    if (!report)
        return err_oom(err);
    if (browsing_begin(call, args->page_id, &b, err) ||
        browsing_target(call, &b, args->target, &target, err) ||
        input_select(b.page, &target, args->values.items, args->values.count, call->call, &selected,
                     report, err) ||
        say(&did, &selected, err))
        return -1;
    return browsing_report(call, &b, did.data, report, false, err);
}
