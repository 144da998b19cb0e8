#include "base/clock.h"
#include "tools.gen.h"
#include "tools/address.h"
#include "tools/browsing.h"
#include "tools/denied.h"
#include "tools/downloads.h"
#include "tools/render.h"

/* As an address bar does: https is tried first, http when there is no https. */
static int go_guessed(struct browsing *b, struct address *a, const struct page_goto *how,
                      struct call *call, struct page_went *went, struct err *err)
{
    struct err own = { 0 };
    struct page_goto one = *how;

    one.url = a->url.data;
    if (!page_navigate(b->page, &one, call, went, &own))
        return 0;
    if (!a->secure || own.code != ERR_UNAVAILABLE || !browser_alive(b->browser) ||
        address_insecure(a, err)) {
        if (err)
            *err = own;
        return -1;
    }
    one.url = a->url.data;
    if (!page_navigate(b->page, &one, call, went, NULL))
        return 0;
    if (err)
        *err = own;
    return -1;
}

int browsing_go(struct tool_call *call, struct browsing *b, const char *typed, const char *base,
                const struct page_goto *how, struct page_went *went, struct page_report *report,
                struct buf *note, struct err *err)
{
    AUTO(address) struct address a = { .guessed = false };
    int64_t since_ms = clock_ms();
    struct page_mark mark;

    if (typed && address_parse(typed, base, &a, err))
        return -1;
    page_mark(b->page, &mark);
    if (typed ? go_guessed(b, &a, how, call->call, went, err)
              : page_navigate(b->page, how, call->call, went, err))
        return denied_explain(b, since_ms, typed ? a.url.data : NULL, err);
    if (denied_check(b, since_ms, went, err) ||
        page_settle(b->page, &mark, went->download ? 0 : 1, call->call, report, err) ||
        downloads_tell(call, b, report, err))
        return -1;
    return a.guessed ? buf_adds(note, "taken for ", err) || render_name(note, a.url.data, err) : 0;
}

static int write_text(struct buf *out, struct browsing *b, const struct page_went *went,
                      const struct page_report *report, const struct buf *note, struct err *err)
{
    if ((went->status && buf_addf(out, err, "%d · ", went->status)) ||
        browsing_place(out, page_id(b->page), went->url, went->title, err) ||
        (note->len && buf_addf(out, err, "%s\n", note->data)))
        return -1;
    if (*went->redirected_from &&
        (buf_adds(out, "redirected from ", err) || render_name(out, went->redirected_from, err) ||
         buf_adds(out, "\n", err)))
        return -1;
    if ((went->download && buf_adds(out, "it is a download; the page stays\n", err)) ||
        (went->unfinished && !report->unfinished &&
         buf_adds(out, "not loaded as far as asked: the time was up\n", err)))
        return -1;
    return browsing_events(out, report, err);
}

static int reply(struct tool_call *call, struct browsing *b, const struct page_went *went,
                 const struct page_report *report, const struct buf *note, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if (write_text(&text, b, went, report, note, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_kstr(&w, "url", went->url);
    jw_kstr(&w, "title", went->title);
    if (went->status)
        jw_kint(&w, "status", went->status);
    if (*went->redirected_from)
        jw_kstr(&w, "redirected_from", went->redirected_from);
    if (note->len)
        jw_kstr(&w, "note", note->data);
    if (went->unfinished)
        jw_kbool(&w, "unfinished", true);
    if (went->download)
        jw_kbool(&w, "download", true);
    browsing_events_json(&w, report);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int check(const struct browser_navigate_args *args, struct err *err)
{
    bool to_url = args->action == BROWSER_NAVIGATE_ACTION_GOTO;

    if (to_url && !args->url) {
        err_set(err, ERR_INVALID, "url is missing");
        return err_next(err, "pass url, or action back, forward or reload");
    }
    if (!to_url && args->url) {
        err_set(err, ERR_INVALID, "url goes with action goto only");
        return err_next(err, "pass either url or action");
    }
    return 0;
}

int tool_browser_navigate(struct tool_call *call, const struct browser_navigate_args *args,
                          struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf note = BUF_MAX(RENDER_MAX);
    struct page_went went;
    AUTO_FREE struct page_info *now = calloc(1, sizeof(*now));
    struct page_report report;
    const struct page_goto how = {
        .go = (enum page_go)args->action,
        .wait = (enum page_wait)args->wait_until,
        .timeout_ms = tools_ms(args->timeout_s),
    };

    if (!now)
        return err_oom(err);
    if (check(args, err) || browsing_begin(call, args->page_id, &b, err))
        return -1;
    page_info(b.page, now);
    if (browsing_go(call, &b, args->url, now->url, &how, &went, &report, &note, err))
        return -1;
    return reply(call, &b, &went, &report, &note, err);
}
