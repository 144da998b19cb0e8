#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <string.h>

static int modifiers_of(const struct arg_strings *names, unsigned *out, struct err *err)
{
    for (size_t i = 0; i < names->count; i++) {
        unsigned one;
        if (input_modifier(names->items[i], &one, err))
            return -1;
        *out |= one;
    }
    return 0;
}

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

    if (modifiers_of(&args->modifiers, &how.modifiers, err) ||
        browsing_begin(call, args->page_id, &b, err) ||
        browsing_target(call, &b, args->target, &target, err) ||
        input_click(b.page, &target, &how, call->call, &report, err))
        return -1;
    return browsing_report(call, &b, "clicked", &report, args->snapshot, err);
}

int tool_browser_hover(struct tool_call *call, const struct browser_hover_args *args,
                       struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    struct input_target target;
    struct page_report report;

    if (browsing_begin(call, args->page_id, &b, err) ||
        browsing_target(call, &b, args->target, &target, err) ||
        input_hover(b.page, &target, call->call, &report, err))
        return -1;
    return browsing_report(call, &b, "hovering", &report, false, err);
}

int tool_browser_type(struct tool_call *call, const struct browser_type_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    struct input_target target;
    struct page_report report;
    const struct input_type how = {
        .text = args->text,
        .clear = args->clear,
        .submit = args->submit,
        .slowly = args->slowly,
    };
    const char *did = !*args->text && how.clear ? "cleared" : args->target ? "typed into" : "typed";

    if (!*args->text && !how.clear && !how.submit) {
        err_set(err, ERR_INVALID, "text: is empty");
        return err_next(err, "pass text, or clear to empty the field, or submit");
    }
    if (browsing_begin(call, args->page_id, &b, err) ||
        (args->target && browsing_target(call, &b, args->target, &target, err)) ||
        input_type(b.page, args->target ? &target : NULL, &how, call->call, &report, err))
        return -1;
    if (how.submit)
        did = args->target ? "typed, with Enter at the end, into" : "typed, with Enter at the end";
    return browsing_report(call, &b, did, &report, args->snapshot, err);
}

static int pressed(const struct arg_strings *keys, bool in_target, struct buf *out, struct err *err)
{
    if (buf_adds(out, "pressed ", err))
        return -1;
    for (size_t i = 0; i < keys->count && i < 8; i++)
        if (buf_adds(out, i ? ", " : "", err) || render_name(out, keys->items[i], err))
            return -1;
    if (keys->count > 8 && buf_addf(out, err, " and %zu more", keys->count - 8))
        return -1;
    return in_target ? buf_adds(out, " in", err) : 0;
}

int tool_browser_press_key(struct tool_call *call, const struct browser_press_key_args *args,
                           struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf did = BUF_MAX(RENDER_MAX);
    struct input_target target;
    struct page_report report;

    if (pressed(&args->keys, args->target, &did, err) ||
        browsing_begin(call, args->page_id, &b, err) ||
        (args->target && browsing_target(call, &b, args->target, &target, err)) ||
        input_press(b.page, args->target ? &target : NULL, args->keys.items, args->keys.count,
                    call->call, &report, err))
        return -1;
    return browsing_report(call, &b, did.data, &report, false, err);
}
