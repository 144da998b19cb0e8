#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct buf text, json;
    struct jw w;
    size_t count;
};

static int facts(struct buf *out, const struct page_info *p, struct err *err)
{
    return (*p->opener && buf_addf(out, err, "  opened by %s\n", p->opener)) ||
                   (*p->context &&
                    (buf_adds(out, "  isolated: ", err) || render_name(out, p->context, err) ||
                     buf_adds(out, "\n", err))) ||
                   (p->loading && buf_adds(out, "  still loading\n", err)) ||
                   (p->crashed && buf_adds(out, "  crashed: browser_navigate revives it\n", err)) ||
                   (p->dialog &&
                    buf_addf(out, err, "  a %s is open: answer it with browser_dialog\n",
                             p->dialog_type))
               ? -1
               : 0;
}

static void write_json(struct jw *w, const struct page_info *p, bool active)
{
    jw_obj(w);
    jw_kstr(w, "page_id", p->id);
    jw_kstr(w, "url", p->url);
    jw_kstr(w, "title", p->title);
    jw_kbool(w, "active", active);
    if (*p->opener)
        jw_kstr(w, "opener", p->opener);
    if (*p->context)
        jw_kstr(w, "isolated", p->context);
    if (p->loading)
        jw_kbool(w, "loading", true);
    if (p->crashed)
        jw_kbool(w, "crashed", true);
    if (p->dialog)
        jw_kstr(w, "dialog", p->dialog_type);
    jw_end(w);
}

static int add_page(struct listing *l, const struct page_info *p, bool active, struct err *err)
{
    write_json(&l->w, p, active);
    l->count++;
    return buf_adds(&l->text, active ? "active " : "", err) ||
                   browsing_place(&l->text, p->id, p->url, p->title, err) || facts(&l->text, p, err)
               ? -1
               : 0;
}

static int add_pages(struct listing *l, struct browsing *b, struct err *err)
{
    AUTO_FREE struct page_info *info = calloc(1, sizeof(*info));
    struct page *all[BROWSER_PAGES_MAX];
    char active[ID_SIZE];
    size_t n = browser_pages(b->browser, all);
    int r = info ? 0 : err_oom(err);

    browsing_active(b, active);
    for (size_t i = 0; i < n; i++) {
        if (!r) {
            page_refresh_title(all[i], NULL);
            page_info(all[i], info);
            r = add_page(l, info, !strcmp(active, info->id), err);
        }
        page_unref(all[i]);
    }
    return r;
}

/* b NULL: no browser runs. */
static int reply(struct tool_call *call, struct browsing *b, const char *note, struct err *err)
{
    struct listing l = { .text = BUF_MAX(RENDER_MAX), .json = BUF_MAX(RENDER_MAX) };
    int r;

    l.w = JW(&l.json, err);
    jw_obj(&l.w);
    jw_key(&l.w, "pages");
    jw_arr(&l.w);
    r = (*note && buf_addf(&l.text, err, "%s\n", note)) || (b && add_pages(&l, b, err));
    jw_aend(&l.w);
    if (*note)
        jw_kstr(&l.w, "note", note);
    jw_end(&l.w);
    if (!r && !l.count)
        r = buf_adds(&l.text, "no page is open; browser_navigate opens one\n", err);
    r = r || jw_done(&l.w) || tool_text(call, l.text.data, l.text.len, err) ||
        tool_structured(call, &l.json, err);
    buf_done(&l.text);
    buf_done(&l.json);
    return r ? -1 : 0;
}

static int list(struct tool_call *call, const struct browser_tabs_args *args UNUSED,
                struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };

    if (tools_sandbox(call, &b.sandbox, err))
        return -1;
    b.browser = sandbox_browser_running(b.sandbox);
    return reply(call, b.browser ? &b : NULL, "", err);
}

static void url_of(struct browsing *b, const char *page_id, char out[BROWSER_URL_MAX])
{
    AUTO_FREE struct page_info *info = calloc(1, sizeof(*info));
    AUTO_PTR(page) struct page *page = NULL;

    *out = '\0';
    if (!info || !*page_id || browser_page(b->browser, page_id, &page, NULL))
        return;
    page_info(page, info);
    snprintf(out, BROWSER_URL_MAX, "%s", info->url);
}

/* A page whose address does not open is not left behind. */
static int open_page(struct tool_call *call, const struct browser_tabs_args *args, struct err *err)
{
    const struct page_goto how = { .go = PAGE_GOTO, .wait = PAGE_WAIT_DOM };
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf note = BUF_MAX(RENDER_MAX);
    struct page_went went;
    struct page_report report;
    struct page *page = NULL;
    char before[ID_SIZE], base[BROWSER_URL_MAX];

    if (browsing_open(call, &b, err))
        return -1;
    browsing_active(&b, before);
    url_of(&b, before, base);
    if (browser_open(b.browser, args->isolated, call->call, &page, err))
        return -1;
    browsing_turn(&b, page);
    if (!args->url || !browsing_go(call, &b, args->url, base, &how, &went, &report, &note, err))
        return reply(call, &b, buf_str(&note), err);
    (void)!page_close(b.page, call->call, NULL);
    if (*before && !browser_page(b.browser, before, &page, NULL))
        browsing_turn(&b, page);
    return err_wrap(err, "no page was opened");
}

static int select_page(struct tool_call *call, const struct browser_tabs_args *args,
                       struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    struct err why = { 0 };

    if (!args->page_id) {
        err_set(err, ERR_INVALID, "page_id is missing");
        return err_next(err, "browser_tabs with action list names the pages");
    }
    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    if (page_activate(b.page, call->call, &why) && why.code != ERR_MODAL &&
        (why.code != ERR_UNAVAILABLE || !browser_alive(b.browser))) {
        if (err)
            *err = why;
        return -1;
    }
    return reply(call, &b, "", err);
}

/* The page to go on with: the opener of the one that closed, else the newest. */
static void turn_back(struct browsing *b, const char *opener)
{
    struct page *all[BROWSER_PAGES_MAX], *next = NULL;
    size_t n;

    if (*opener && !browser_page(b->browser, opener, &next, NULL)) {
        browsing_turn(b, next);
        return;
    }
    n = browser_pages(b->browser, all);
    for (size_t i = 0; i + 1 < n; i++)
        page_unref(all[i]);
    if (n)
        browsing_turn(b, all[n - 1]);
}

static int close_page(struct tool_call *call, const struct browser_tabs_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO_FREE struct page_info *info = calloc(1, sizeof(*info));
    char active[ID_SIZE], note[ID_SIZE + 16];
    struct err why = { 0 };

    if (!info)
        return err_oom(err);
    if (tools_sandbox(call, &b.sandbox, err))
        return -1;
    b.browser = sandbox_browser_running(b.sandbox);
    if (!b.browser)
        return err_set(err, ERR_NOT_FOUND, "no browser is running, so no page is open");
    browsing_active(&b, active);
    if (!args->page_id && browser_page(b.browser, active, &b.page, NULL)) {
        err_set(err, ERR_INVALID, "page_id is missing, and no page is active");
        return err_next(err, "browser_tabs with action list names the pages");
    }
    if (args->page_id && browser_page(b.browser, args->page_id, &b.page, err))
        return -1;
    page_info(b.page, info);
    if (page_close(b.page, call->call, &why) && browser_alive(b.browser)) {
        if (err)
            *err = why;
        return -1;
    }
    if (!strcmp(active, info->id))
        turn_back(&b, info->opener);
    snprintf(note, sizeof(note), "closed %s", info->id);
    return reply(call, &b, note, err);
}

int tool_browser_tabs(struct tool_call *call, const struct browser_tabs_args *args, struct err *err)
{
    static int (*const actions[])(struct tool_call *, const struct browser_tabs_args *,
                                  struct err *) = {
        [BROWSER_TABS_ACTION_LIST] = list,
        [BROWSER_TABS_ACTION_NEW] = open_page,
        [BROWSER_TABS_ACTION_SELECT] = select_page,
        [BROWSER_TABS_ACTION_CLOSE] = close_page,
    };
    bool fresh = args->action == BROWSER_TABS_ACTION_NEW;

    if (!fresh && (args->url || args->isolated)) {
        err_set(err, ERR_INVALID, "%s goes with action new only", args->url ? "url" : "isolated");
        return err_next(err, "browser_navigate opens a URL in an open page");
    }
    if (args->page_id && (fresh || args->action == BROWSER_TABS_ACTION_LIST)) {
        err_set(err, ERR_INVALID, "page_id goes with select and close only");
        return err_next(err, "a new page gets an id of its own");
    }
    return actions[args->action](call, args, err);
}
