#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

static void events_json(struct jw *w, const struct page_report *r)
{
    jw_key(w, "events");
    jw_arr(w);
    for (unsigned i = 0; i < r->event_count; i++) {
        jw_obj(w);
        jw_kstr(w, "type", r->events[i].type);
        jw_kstr(w, "text", r->events[i].text);
        jw_end(w);
    }
    jw_aend(w);
}

static int reply(struct tool_call *call, struct browsing *b, const struct page_went *went,
                 const struct page_report *report, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if ((went->status && buf_addf(&text, err, "%d · ", went->status)) ||
        browsing_place(&text, page_id(b->page), went->url, went->title, err))
        return -1;
    if (*went->redirected_from &&
        (buf_adds(&text, "redirected from ", err) ||
         render_name(&text, went->redirected_from, err) || buf_adds(&text, "\n", err)))
        return -1;
    if ((went->download && buf_adds(&text, "it is a download; the page stays\n", err)) ||
        (went->unfinished && buf_adds(&text, "still loading\n", err)) ||
        browsing_events(&text, report, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_kstr(&w, "url", went->url);
    jw_kstr(&w, "title", went->title);
    if (went->status)
        jw_kint(&w, "status", went->status);
    if (*went->redirected_from)
        jw_kstr(&w, "redirected_from", went->redirected_from);
    events_json(&w, report);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_navigate(struct tool_call *call, const struct browser_navigate_args *args,
                          struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    struct page_mark mark;
    struct page_went went;
    struct page_report report = { 0 };
    struct page_goto how = {
        .go = (enum page_go)args->action,
        .url = args->url,
        .wait = (enum page_wait)args->wait_until,
        .timeout_ms = tools_ms(args->timeout_s),
    };

    if (how.go == PAGE_GOTO && !how.url) {
        err_set(err, ERR_INVALID, "url is missing");
        return err_next(err, "pass url, or action back, forward or reload");
    }
    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    page_mark(b.page, &mark);
    if (page_navigate(b.page, &how, call->call, &went, err) ||
        page_settle(b.page, &mark, 1, call->call, &report, err))
        return -1;
    return reply(call, &b, &went, &report, err);
}
