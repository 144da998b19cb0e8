#include "tools.gen.h"
#include "tools/browsing.h"

int tool_browser_click(struct tool_call *call, const struct browser_click_args *args,
                       struct err *err)
{
    static const char *const buttons[] = { "left", "right", "middle" };
    AUTO(browsing) struct browsing b = { 0 };
    struct input_target target;
    struct page_report report;
    struct input_click how = {
        .button = buttons[args->button],
        .count = (int)args->count,
    };

    for (size_t i = 0; i < args->modifiers.count; i++) {
        unsigned one;
        if (input_modifier(args->modifiers.items[i], &one, err))
            return -1;
        how.modifiers |= one;
    }
    if (browsing_begin(call, args->page_id, &b, err) ||
        browsing_target(call, &b, args->target, &target, err) ||
        input_click(b.page, &target, &how, call->call, &report, err))
        return -1;
    return browsing_report(call, &b, "clicked", &report, args->snapshot, err);
}
