#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>

struct scrolling {
    struct browsing b;
    struct input_target target;
    struct page_report report;
    struct input_scrolled at;
};

static int reply(struct tool_call *call, const struct scrolling *s, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    const char *id = page_id(s->b.page);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_kstr(&w, "page_id", id);
    jw_key(&w, "position");
    jw_obj(&w);
    jw_knum(&w, "x", s->at.x);
    jw_knum(&w, "y", s->at.y);
    jw_end(&w);
    jw_kbool(&w, "at_end", s->at.at_end);
    browsing_events_json(&w, &s->report);
    jw_end(&w);
    if (buf_addf(&text, err, "at %.10g,%.10g%s · %s\n", s->at.x, s->at.y,
                 s->at.at_end ? ", the end" : "", id) ||
        browsing_events(&text, &s->report, err) || jw_done(&w) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int check(const struct browser_scroll_args *args, struct err *err)
{
    bool by = args->dx || args->dy;

    if (by && args->to >= 0) {
        err_set(err, ERR_INVALID, "to and dx, dy exclude each other");
        return err_next(err, "pass to for an end, dx and dy for a distance");
    }
    if (by || args->to >= 0 || args->target)
        return 0;
    err_set(err, ERR_INVALID, "there is nowhere to scroll to");
    return err_next(err, "pass dy (pixels down), to, or a target to bring into view");
}

/* What scrolling made the page load may have moved its end. */
static int scroll(struct tool_call *call, struct scrolling *s, const struct input_target *target,
                  const struct input_scroll *how, struct err *err)
{
    const struct input_scroll nowhere = { .to = NULL };
    struct page_mark mark;

    page_mark(s->b.page, &mark);
    if (input_scroll(s->b.page, target, how, call->call, &s->at, err) ||
        page_settle(s->b.page, &mark, 0, call->call, &s->report, err))
        return -1;
    if (!s->report.requests || s->report.dialog || s->report.navigated)
        return 0;
    return input_scroll(s->b.page, target, &nowhere, call->call, &s->at, err);
}

int tool_browser_scroll(struct tool_call *call, const struct browser_scroll_args *args,
                        struct err *err)
{
    static const char *const ends[] = {
        [BROWSER_SCROLL_TO_TOP] = "top",
        [BROWSER_SCROLL_TO_BOTTOM] = "bottom",
    };
    AUTO_FREE struct scrolling *s = calloc(1, sizeof(*s));
    const struct input_scroll how = {
        .dx = (double)args->dx,
        .dy = (double)args->dy,
        .to = args->to >= 0 ? ends[args->to] : NULL,
    };
    int r;

    if (!s)
        return err_oom(err);
    r = check(args, err) || browsing_begin(call, args->page_id, &s->b, err) ||
        (args->target && browsing_target(call, &s->b, args->target, &s->target, err)) ||
        scroll(call, s, args->target ? &s->target : NULL, &how, err) || reply(call, s, err);
    browsing_done(&s->b);
    return r ? -1 : 0;
}
