#include "tools.gen.h"
#include "tools/uploads.h"

#include <stdlib.h>

static int check(const struct browser_drag_args *args, struct err *err)
{
    if (!args->from == !args->paths.count) {
        err_set(err, ERR_INVALID,
                args->from ? "from and paths exclude each other" : "from is missing");
        return err_next(err, "pass from, the element to drag, or paths, the files to drop");
    }
    return 0;
}

static int drop(struct tool_call *call, struct browsing *b, const struct browser_drag_args *args,
                const struct input_target *to, struct page_report *report, struct err *err)
{
    AUTO(uploads) struct uploads files = { 0 };

    return uploads_open(call, b, &args->paths, &files, err) ||
                   input_drop(b->page, to, files.files, files.count, call->call, report, err)
               ? -1
               : 0;
}

int tool_browser_drag(struct tool_call *call, const struct browser_drag_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO_FREE struct page_report *report = calloc(1, sizeof(*report));
    struct input_target from, to;
    int r;

    if (!report)
        return err_oom(err);
    if (check(args, err) || browsing_begin(call, args->page_id, &b, err) ||
        (args->from && browsing_target(call, &b, args->from, &from, err)) ||
        browsing_target(call, &b, args->to, &to, err))
        return -1;
    r = args->from ? input_drag(b.page, &from, &to, call->call, report, err)
                   : drop(call, &b, args, &to, report, err);
    if (r)
        return -1;
    return browsing_report(call, &b, args->from ? "dragged" : "dropped files on", report, false,
                           err);
}
