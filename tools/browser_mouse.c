#include "tools.gen.h"
#include "tools/browsing.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum input_act act;
    const char *did;
} acts[] = {
    [BROWSER_MOUSE_ACTION_MOVE] = { MOUSE_MOVE, "moved to" },
    [BROWSER_MOUSE_ACTION_CLICK] = { MOUSE_CLICK, "clicked at" },
    [BROWSER_MOUSE_ACTION_DOWN] = { MOUSE_DOWN, "pressed at" },
    [BROWSER_MOUSE_ACTION_UP] = { MOUSE_UP, "released at" },
    [BROWSER_MOUSE_ACTION_DRAG] = { MOUSE_DRAG, "dragged from" },
    [BROWSER_MOUSE_ACTION_WHEEL] = { MOUSE_WHEEL, "wheel at" },
};

static int check(const struct browser_mouse_args *args, struct err *err)
{
    bool drag = args->action == BROWSER_MOUSE_ACTION_DRAG;
    bool wheel = args->action == BROWSER_MOUSE_ACTION_WHEEL;
    bool to = args->has_to_x || args->has_to_y, by = args->has_dx || args->has_dy;

    if (drag && !(args->has_to_x && args->has_to_y))
        return err_set(err, ERR_INVALID, "action drag needs to_x and to_y");
    if (wheel && !by)
        return err_set(err, ERR_INVALID, "action wheel needs dx or dy");
    if (!drag && to)
        return err_set(err, ERR_INVALID, "to_x and to_y go with action drag only");
    if (!wheel && by)
        return err_set(err, ERR_INVALID, "dx and dy go with action wheel only");
    return args->count > 1 && args->action != BROWSER_MOUSE_ACTION_CLICK
               ? err_set(err, ERR_INVALID, "count goes with action click only")
               : 0;
}

int tool_browser_mouse(struct tool_call *call, const struct browser_mouse_args *args,
                       struct err *err)
{
    static const char *const buttons[] = { "left", "right", "middle" };
    AUTO(browsing) struct browsing b = { 0 };
    struct page_report report;
    char did[160];
    const struct input_mouse how = {
        .act = acts[args->action].act,
        .x = args->x,
        .y = args->y,
        .to_x = args->to_x,
        .to_y = args->to_y,
        .dx = args->dx,
        .dy = args->dy,
        .button = buttons[args->button],
        .count = (int)args->count,
    };

    if (check(args, err) || browsing_begin(call, args->page_id, &b, err) ||
        input_mouse(b.page, &how, call->call, &report, err))
        return -1;
    snprintf(did, sizeof(did), "%s %.6g,%.6g", acts[args->action].did, how.x, how.y);
    if (how.act == MOUSE_DRAG)
        snprintf(did + strlen(did), sizeof(did) - strlen(did), " to %.6g,%.6g", how.to_x, how.to_y);
    return browsing_report(call, &b, did, &report, false, err);
}
