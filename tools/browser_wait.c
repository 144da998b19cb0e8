#include "backend/browser/wait.h"
#include "base/clock.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/downloads.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    struct page_mark mark;
    struct waited waited;
    struct page_report report;
};

static int write_text(struct buf *out, struct browsing *b, const struct outcome *o, struct err *err)
{
    const struct waited *w = &o->waited;

    if ((w->matched ? buf_addf(out, err, "%s after ", w->matched)
                    : buf_adds(out, "not within ", err)) ||
        render_duration(out, w->elapsed_ms, err) || buf_adds(out, " · ", err) ||
        browsing_place(out, page_id(b->page), o->report.url, o->report.title, err))
        return -1;
    if (*w->url && (buf_addf(out, err, "response %d ", w->status) ||
                    render_name(out, w->url, err) || buf_adds(out, "\n", err)))
        return -1;
    if (!w->matched && w->in_flight && buf_addf(out, err, "%u requests still run\n", w->in_flight))
        return -1;
    if (!w->matched &&
        buf_adds(out, "look at the page with browser_snapshot, or wait again\n", err))
        return -1;
    return browsing_events(out, &o->report, err);
}

static int reply(struct tool_call *call, struct browsing *b, const struct outcome *o,
                 struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    const struct waited *waited = &o->waited;
    struct jw w = JW(&json, err);

    if (write_text(&text, b, o, err))
        return -1;
    jw_obj(&w);
    jw_kbool(&w, "matched", waited->matched != NULL);
    if (waited->matched)
        jw_kstr(&w, "what", waited->matched);
    jw_kint(&w, "elapsed_ms", waited->elapsed_ms);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_kstr(&w, "url", o->report.url);
    if (*waited->url) {
        jw_kstr(&w, "response", waited->url);
        jw_kint(&w, "status", waited->status);
    }
    browsing_events_json(&w, &o->report);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int check(const struct browser_wait_args *args, struct err *err)
{
    bool any = args->text || args->text_gone || args->target || args->url || args->response ||
               args->state >= 0;

    if (args->has_time_s && any) {
        err_set(err, ERR_INVALID, "time_s waits for nothing but time");
        return err_next(err, "pass timeout_s to limit how long the rest is waited for");
    }
    if (args->state == BROWSER_WAIT_STATE_DOWNLOAD &&
        (args->text || args->text_gone || args->target || args->url || args->response))
        return err_set(err, ERR_INVALID, "state download is waited for alone");
    if (args->has_time_s || any)
        return 0;
    err_set(err, ERR_INVALID, "there is nothing to wait for");
    return err_next(err, "pass text, text_gone, target, url, state, response or time_s");
}

static int wait_for_download(struct tool_call *call, struct browsing *b, double timeout_s,
                             struct outcome *o, struct err *err)
{
    AUTO_FREE struct download *d = calloc(1, sizeof(*d));
    int64_t began_ms = clock_ms();
    int r;

    if (!d)
        return err_oom(err);
    r = downloads_wait(call, b, NULL, began_ms + tools_ms(timeout_s), d, err);
    if (r < 0)
        return -1;
    o->waited.matched = r ? NULL : "download";
    o->waited.elapsed_ms = clock_ms() - began_ms;
    if (page_settle(b->page, &o->mark, 1, call->call, &o->report, err))
        return -1;
    if (*d->id)
        downloads_event(&o->report, d);
    return 0;
}

static int wait_for(struct tool_call *call, struct browsing *b,
                    const struct browser_wait_args *args, struct waited *out, struct err *err)
{
    static const enum wait_state states[] = {
        [BROWSER_WAIT_STATE_LOAD] = WAIT_LOAD,
        [BROWSER_WAIT_STATE_IDLE] = WAIT_IDLE,
        [BROWSER_WAIT_STATE_DIALOG] = WAIT_DIALOG,
    };
    struct input_target target;
    const struct wait_for what = {
        .text = args->text,
        .text_gone = args->text_gone,
        .target = args->target ? &target : NULL,
        .url = args->url,
        .response = args->response,
        .state = args->state < 0 ? WAIT_NO_STATE : states[args->state],
        .timeout_ms = tools_ms(args->timeout_s),
    };

    if (args->has_time_s)
        return page_wait_time(b->page, tools_ms(args->time_s), call->call, out, err);
    if (args->target && browsing_target(call, b, args->target, &target, err))
        return -1;
    return page_wait_for(b->page, &what, call->call, out, err);
}

int tool_browser_wait(struct tool_call *call, const struct browser_wait_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO_FREE struct outcome *o = calloc(1, sizeof(*o));
    int r;

    if (!o)
        return err_oom(err);
    if (check(args, err) || browsing_begin(call, args->page_id, &b, err))
        return -1;
    page_peek(b.page, &o->mark);
    if (args->state == BROWSER_WAIT_STATE_DOWNLOAD)
        r = wait_for_download(call, &b, args->timeout_s, o, err);
    else
        r = wait_for(call, &b, args, &o->waited, err) ||
            page_settle(b.page, &o->mark, 1, call->call, &o->report, err);
    if (r || downloads_tell(call, &b, &o->report, err))
        return -1;
    return reply(call, &b, o, err);
}
