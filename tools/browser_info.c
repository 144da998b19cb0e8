#include "backend/browser/keeper.h"
#include "backend/browser/view.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

struct state {
    struct browsing b;
    const struct browser_link *link;
    struct page_info page; /* id "": none is open */
    struct page_view view; /* width 0: it does not answer */
    double ratio;
    int64_t heap;
    int64_t memory_mb; /* of all its processes; -1: not known */
    size_t pages;
    char cdp_url[CDP_URL_MAX];
};

static int choose_page(struct state *s, const char *id, struct err *err)
{
    struct page *all[BROWSER_PAGES_MAX];
    char active[ID_SIZE];

    s->pages = browser_pages(s->b.browser, all);
    browsing_active(&s->b, active);
    for (size_t i = 0; i < s->pages; i++) {
        if (!id && (!strcmp(page_id(all[i]), active) || i + 1 == s->pages) && !s->b.page)
            s->b.page = page_ref(all[i]);
        page_unref(all[i]);
    }
    return id ? browser_page(s->b.browser, id, &s->b.page, err) : 0;
}

/* Its processes are the sandbox's to look at. */
static int64_t memory_of(struct tool_call *call, struct sandbox *sb)
{
    AUTO(sandbox_info) struct sandbox_info info = { 0 };

    if (sandbox_info(sb, call->call, 0, &info, NULL))
        return -1;
    for (size_t i = 0; i < info.fact_count; i++)
        if (!strcmp(info.facts[i].name, "browser.memory_mb"))
            return strtoll(info.facts[i].value, NULL, 10);
    return -1;
}

static int learn(struct tool_call *call, struct state *s, const char *id, struct err *err)
{
    s->link = keeper_link(atomic_load(&s->b.sandbox->keeper), s->b.browser);
    if (tools_cdp_url(call, s->b.sandbox, s->b.browser, s->cdp_url, err))
        return -1;
    s->memory_mb = memory_of(call, s->b.sandbox);
    if (choose_page(s, id, err) || !s->b.page)
        return s->b.page || !id ? 0 : -1;
    page_info(s->b.page, &s->page);
    if (!page_view(s->b.page, call->call, &s->view, NULL))
        s->ratio = page_ratio(s->b.page, call->call);
    s->heap = page_heap(s->b.page, call->call);
    return 0;
}

static void write_page(struct jw *w, const struct state *s)
{
    jw_kstr(w, "page_id", s->page.id);
    jw_kstr(w, "url", s->page.url);
    jw_kstr(w, "title", s->page.title);
    jw_kstr(w, "profile", *s->page.context ? s->page.context : "default");
    if (s->view.width > 0) {
        jw_key(w, "viewport");
        jw_obj(w);
        jw_knum(w, "width", s->view.width);
        jw_knum(w, "height", s->view.height);
        jw_knum(w, "device_pixel_ratio", s->ratio);
        jw_end(w);
    }
    if (s->heap >= 0)
        jw_kint(w, "script_heap_bytes", s->heap);
}

static int write_text(struct buf *out, const struct state *s, struct err *err)
{
    if (buf_addf(out, err, "%s · %s · %zu page%s open\n", browser_version(s->b.browser),
                 s->link->headless ? "headless" : "with a window", s->pages,
                 s->pages == 1 ? "" : "s") ||
        (*s->link->note && buf_addf(out, err, "%s\n", s->link->note)))
        return -1;
    if (s->memory_mb >= 0 &&
        buf_addf(out, err, "all its processes use %lld MB\n", (long long)s->memory_mb))
        return -1;
    if (*s->cdp_url &&
        buf_addf(out, err, "DevTools for another program, good once, within a minute: %s\n",
                 s->cdp_url))
        return -1;
    if (!*s->page.id)
        return 0;
    if (browsing_place(out, s->page.id, s->page.url, s->page.title, err) ||
        (s->view.width > 0 && buf_addf(out, err, "viewport %g x %g pixels, scale %g\n",
                                       s->view.width, s->view.height, s->ratio)))
        return -1;
    return s->heap < 0 ? 0
                       : buf_adds(out, "its scripts use ", err) ||
                             render_bytes(out, (uint64_t)s->heap, err) || buf_adds(out, "\n", err);
}

static int reply(struct tool_call *call, const struct state *s, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if (s->b.browser ? write_text(&text, s, err)
                     : buf_adds(&text, "no browser runs; browser_navigate starts one\n", err))
        return -1;
    jw_obj(&w);
    jw_kbool(&w, "running", s->b.browser != NULL);
    if (s->b.browser) {
        jw_kstr(&w, "version", browser_version(s->b.browser));
        jw_kbool(&w, "headless", s->link->headless);
        if (*s->link->note)
            jw_kstr(&w, "isolation", s->link->note);
        jw_kint(&w, "pages", (int64_t)s->pages);
        if (s->memory_mb >= 0)
            jw_kint(&w, "memory_mb", s->memory_mb);
        if (*s->cdp_url)
            jw_kstr(&w, "cdp_url", s->cdp_url);
    }
    if (*s->page.id)
        write_page(&w, s);
    jw_end(&w);
    if (jw_done(&w) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_info(struct tool_call *call, const struct browser_info_args *args, struct err *err)
{
    AUTO_FREE struct state *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return err_oom(err);
    s->heap = s->memory_mb = -1;
    r = tools_sandbox(call, &s->b.sandbox, err);
    if (!r)
        s->b.browser = sandbox_browser_running(s->b.sandbox);
    if (!r && s->b.browser)
        r = learn(call, s, args->page_id, err);
    else if (!r && args->page_id) {
        err_set(err, ERR_NOT_FOUND, "no browser runs, so no page %.64s", args->page_id);
        r = err_next(err, "browser_navigate starts one");
    }
    r = r || reply(call, s, err);
    browsing_done(&s->b);
    return r ? -1 : 0;
}

/* ---- closing ---- */

static int closed(struct tool_call *call, size_t pages, bool ran, const char *version,
                  struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(4096);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_kint(&w, "closed_pages", (int64_t)pages);
    jw_kbool(&w, "was_running", ran);
    jw_kbool(&w, "running", *version != '\0');
    jw_end(&w);
    if (jw_done(&w) ||
        (ran ? tool_textf(call, err, "closed the browser and %zu page%s%s%s\n", pages,
                          pages == 1 ? "" : "s", *version ? "; started anew: " : "", version)
             : tool_textf(call, err, "no browser was running%s%s\n", *version ? "; started: " : "",
                          version)))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_close(struct tool_call *call, const struct browser_close_args *args,
                       struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    struct page *all[BROWSER_PAGES_MAX];
    size_t n = 0;
    bool ran;

    if (tools_sandbox(call, &b.sandbox, err))
        return -1;
    b.browser = sandbox_browser_running(b.sandbox);
    ran = b.browser != NULL;
    if (ran) {
        n = browser_pages(b.browser, all);
        for (size_t i = 0; i < n; i++)
            page_unref(all[i]);
        sandbox_browser_stop(b.sandbox);
        sandbox_browser_put(b.sandbox, TAKE(b.browser));
    }
    if (args->restart && sandbox_browser(b.sandbox, call->call, &b.browser, err))
        return err_wrap(err, "it was closed, but does not start again");
    return closed(call, n, ran, args->restart ? browser_version(b.browser) : "", err);
}
