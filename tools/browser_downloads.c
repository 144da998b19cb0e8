#include "base/clock.h"
#include "tools.gen.h"
#include "tools/downloads.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    [DOWNLOAD_RUNNING] = "in_progress", [DOWNLOAD_READY] = "in_progress",
    [DOWNLOAD_CLAIMED] = "in_progress", [DOWNLOAD_DONE] = "completed",
    [DOWNLOAD_CANCELLED] = "cancelled", [DOWNLOAD_FAILED] = "failed",
};

static int line_of(struct buf *out, const struct download *d, struct err *err)
{
    if (buf_addf(out, err, "%s · ", d->id) || render_name(out, d->name, err) ||
        buf_addf(out, err, " · %s · ", states[d->state]) ||
        render_bytes(out, (uint64_t)d->received, err))
        return -1;
    if (d->total > d->received &&
        (buf_adds(out, " of ", err) || render_bytes(out, (uint64_t)d->total, err)))
        return -1;
    if (*d->path && (buf_adds(out, " · ", err) || render_name(out, d->path, err)))
        return -1;
    if (*d->reason && (buf_adds(out, " · ", err) || render_name(out, d->reason, err)))
        return -1;
    return buf_adds(out, "\n", err);
}

static void json_of(struct jw *w, const struct download *d)
{
    jw_obj(w);
    jw_kstr(w, "id", d->id);
    jw_kstr(w, "url", d->url);
    jw_kstr(w, "name", d->name);
    if (*d->path)
        jw_kstr(w, "path", d->path);
    jw_kstr(w, "state", states[d->state]);
    if (*d->reason)
        jw_kstr(w, "reason", d->reason);
    jw_kint(w, "received", d->received);
    if (d->total >= 0)
        jw_kint(w, "total", d->total);
    if (*d->page)
        jw_kstr(w, "page_id", d->page);
    jw_end(w);
}

static int reply(struct tool_call *call, const struct download *list, size_t n, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(2 * RENDER_MAX);
    struct jw w = JW(&json, err);

    if (!n && buf_adds(&text, "no downloads\n", err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "downloads");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        json_of(&w, &list[i]);
        if (line_of(&text, &list[i], err))
            return -1;
    }
    jw_aend(&w);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int list(struct tool_call *call, struct browsing *b, struct err *err)
{
    AUTO_FREE struct download *all = NULL;
    size_t n;

    return download_list(b->browser, &all, &n, err) || reply(call, all, n, err) ? -1 : 0;
}

/* ---- waiting ---- */

static bool is_over(const struct download *d)
{
    return d->state >= DOWNLOAD_DONE;
}

int downloads_wait(struct tool_call *call, struct browsing *b, const char *id, int64_t deadline_ms,
                   struct download *out, struct err *err)
{
    int r;

    do {
        downloads_place_of(call, b->sandbox, b->browser);
        r = download_wait(b->browser, id, deadline_ms, call->call, out, err);
    } while (!r && !is_over(out));
    return r;
}

static int say_last(struct browsing *b, struct err *err)
{
    AUTO_FREE struct download *all = NULL;
    size_t n;

    if (download_list(b->browser, &all, &n, NULL) || !n)
        return err_next(err, "start one, by browser_click or browser_navigate");
    return err_next(err, "the last one, %s (%.100s), was %s before", all[n - 1].id, all[n - 1].name,
                    states[all[n - 1].state]);
}

static int wait_for(struct tool_call *call, struct browsing *b, const char *id, double timeout_s,
                    struct err *err)
{
    AUTO_FREE struct download *d = calloc(1, sizeof(*d));
    int r;

    if (!d)
        return err_oom(err);
    r = downloads_wait(call, b, id, clock_ms() + tools_ms(timeout_s), d, err);
    if (r < 0)
        return -1;
    if (r && !*d->id) {
        err_set(err, ERR_TIMEOUT, "no download started within %.1f s", timeout_s);
        return say_last(b, err);
    }
    return reply(call, d, 1, err);
}

/* ---- moving ---- */

static int move(struct tool_call *call, struct browsing *b, const char *id, const char *to,
                struct err *err)
{
    AUTO_FREE struct download *d = calloc(1, sizeof(*d));
    AUTO_FREE char *path = NULL;

    if (!d)
        return err_oom(err);
    downloads_place_of(call, b->sandbox, b->browser);
    if (download_get(b->browser, id, d, err))
        return -1;
    if (d->state != DOWNLOAD_DONE) {
        err_set(err, ERR_CONFLICT, "the download %s is %s", d->id, states[d->state]);
        return err_next(err,
                        is_over(d) ? "there is no file of it" : "wait for it with action wait");
    }
    if (downloads_move(call, b->sandbox, d, to, &path, err))
        return -1;
    download_moved(b->browser, d->id, path);
    snprintf(d->path, sizeof(d->path), "%s", path);
    return reply(call, d, 1, err);
}

static int cancel(struct tool_call *call, struct browsing *b, const char *id, struct err *err)
{
    AUTO_FREE struct download *d = calloc(1, sizeof(*d));

    if (!d)
        return err_oom(err);
    if (download_cancel(b->browser, id, call->call, err) || download_get(b->browser, id, d, err))
        return -1;
    return reply(call, d, 1, err);
}

static int need(const char *value, const char *name, const char *action, struct err *err)
{
    if (value)
        return 0;
    err_set(err, ERR_INVALID, "%s is missing", name);
    return err_next(err, "action %s needs it; action list names the downloads", action);
}

int tool_browser_downloads(struct tool_call *call, const struct browser_downloads_args *args,
                           struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };

    if (args->action == BROWSER_DOWNLOADS_ACTION_LIST) {
        if (tools_sandbox(call, &b.sandbox, err))
            return -1;
        b.browser = sandbox_browser_running(b.sandbox);
        return b.browser ? list(call, &b, err) : reply(call, NULL, 0, err);
    }
    if (browsing_open(call, &b, err))
        return -1;
    downloads_place_of(call, b.sandbox, b.browser);
    switch (args->action) {
    case BROWSER_DOWNLOADS_ACTION_WAIT:
        return wait_for(call, &b, args->id, args->timeout_s, err);
    case BROWSER_DOWNLOADS_ACTION_MOVE:
        if (need(args->id, "id", "move", err) || need(args->to, "to", "move", err))
            return -1;
        return move(call, &b, args->id, args->to, err);
    case BROWSER_DOWNLOADS_ACTION_CANCEL:
        return need(args->id, "id", "cancel", err) ? -1 : cancel(call, &b, args->id, err);
    default:
        return err_set(err, ERR_INTERNAL, "action: unknown");
    }
}
