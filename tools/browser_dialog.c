#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

struct answering {
    struct browsing b;
    struct page_info dialog; /* as it was */
    struct page_report report;
};

static const char *const rules[] = {
    [BROWSER_DIALOG_RULE_USUAL] = "usual",
    [BROWSER_DIALOG_RULE_ACCEPT] = "accept",
    [BROWSER_DIALOG_RULE_DISMISS] = "dismiss",
    [BROWSER_DIALOG_RULE_ASK] = "ask",
};

static int answered(struct tool_call *call, const struct answering *a, bool accept, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    const struct page_report *r = &a->report;
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_key(&w, "dialog");
    jw_obj(&w);
    jw_kstr(&w, "type", a->dialog.dialog_type);
    jw_kstr(&w, "message", a->dialog.dialog_message);
    jw_end(&w);
    jw_kbool(&w, "accepted", accept);
    jw_kstr(&w, "page_id", a->dialog.id);
    jw_kstr(&w, "url", r->url);
    jw_kbool(&w, "navigated", r->navigated);
    browsing_events_json(&w, r);
    jw_end(&w);
    if (buf_addf(&text, err, "%s %s \"", accept ? "accepted" : "dismissed",
                 a->dialog.dialog_type) ||
        render_name(&text, a->dialog.dialog_message, err) ||
        buf_addf(&text, err, "\"%s · ", r->navigated ? ", navigated" : "") ||
        browsing_place(&text, a->dialog.id, r->url, r->title, err) ||
        browsing_events(&text, r, err) || jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int answer(struct tool_call *call, struct answering *a, bool accept, const char *text,
                  struct err *err)
{
    struct page_mark mark;

    if (text && !accept)
        return err_set(err, ERR_INVALID, "text goes with accept only");
    page_mark(a->b.page, &mark);
    if (page_dialog(a->b.page, accept, text, call->call, &a->dialog, err) ||
        page_settle(a->b.page, &mark, 0, call->call, &a->report, err))
        return -1;
    return answered(call, a, accept, err);
}

/* It holds for the next dialogs; one that is open is answered by accept or dismiss. */
static int set_rule(struct tool_call *call, struct answering *a,
                    const struct browser_dialog_args *args, struct err *err)
{
    static const enum page_dialog_rule values[] = {
        [BROWSER_DIALOG_RULE_USUAL] = PAGE_DIALOG_USUAL,
        [BROWSER_DIALOG_RULE_ACCEPT] = PAGE_DIALOG_ACCEPT,
        [BROWSER_DIALOG_RULE_DISMISS] = PAGE_DIALOG_DISMISS,
        [BROWSER_DIALOG_RULE_ASK] = PAGE_DIALOG_ASK,
    };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if (page_dialog_rule(a->b.page, values[args->rule], args->text, err))
        return -1;
    page_info(a->b.page, &a->dialog);
    jw_obj(&w);
    jw_kstr(&w, "rule", rules[args->rule]);
    jw_kstr(&w, "page_id", a->dialog.id);
    jw_kstr(&w, "url", a->dialog.url);
    jw_end(&w);
    if (jw_done(&w) ||
        tool_textf(call, err, "dialogs of %s from now on: %s\n", a->dialog.id, rules[args->rule]))
        return -1;
    return tool_structured(call, &json, err);
}

static int check(const struct browser_dialog_args *args, struct err *err)
{
    bool rule = args->action == BROWSER_DIALOG_ACTION_RULE;

    if (rule == (args->rule >= 0))
        return 0;
    err_set(err, ERR_INVALID, rule ? "rule is missing" : "rule goes with action rule only");
    return err_next(err, "to answer the open dialog pass action accept or dismiss; for those to"
                         " come action rule and rule");
}

int tool_browser_dialog(struct tool_call *call, const struct browser_dialog_args *args,
                        struct err *err)
{
    AUTO_FREE struct answering *a = calloc(1, sizeof(*a));
    int r;

    if (!a)
        return err_oom(err);
    r = check(args, err) || browsing_begin(call, args->page_id, &a->b, err);
    if (!r)
        r = args->action == BROWSER_DIALOG_ACTION_RULE
                ? set_rule(call, a, args, err)
                : answer(call, a, args->action == BROWSER_DIALOG_ACTION_ACCEPT, args->text, err);
    browsing_done(&a->b);
    return r ? -1 : 0;
}
