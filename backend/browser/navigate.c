#include "backend/browser/net_error.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_MS 30000
#define ERROR_PAGE_MS 1000
#define TITLE_MS 1000

struct going {
    struct page *page;
    const struct page_goto *how;
    struct call *call;
    int64_t deadline_ms, timeout_ms;
    uint64_t documents, same_document; /* before */
    char loader[PAGE_FRAME_ID];        /* that the browser named; "" it named none */
    bool committed, same, unfinished;
};

static const unsigned wanted_life[] = {
    [PAGE_WAIT_COMMIT] = 0,
    [PAGE_WAIT_DOM] = LIFE_DOM,
    [PAGE_WAIT_LOAD] = LIFE_LOAD,
    [PAGE_WAIT_IDLE] = LIFE_LOAD | LIFE_IDLE,
};

/* ---- what may be opened ---- */

static int check_url(const char *url, struct err *err)
{
    static const char *const allowed[] = { "http:", "https:", "data:" };
    size_t n = 0;

    if (!url || !*url)
        return err_set(err, ERR_INVALID, "url: is required");
    if (!strcasecmp(url, "about:blank"))
        return 0;
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        if (!strncasecmp(url, allowed[i], strlen(allowed[i])))
            return 0;
    while (isalnum((unsigned char)url[n]) || (url[n] && strchr("+-.", url[n])))
        n++;
    if (!n || url[n] != ':' || isdigit((unsigned char)url[n + 1])) {
        err_set(err, ERR_INVALID, "url: \"%.200s\" has no scheme", url);
        return err_next(err, "pass a whole URL such as https://example.com/ or"
                             " http://localhost:8080/");
    }
    err_set(err, ERR_INVALID, "url: %.*s: addresses are not opened", (int)(n < 40 ? n : 40), url);
    return err_next(err, "only http:, https:, data: and about:blank are");
}

/* ---- waiting ---- */

static bool is_there(struct going *g, const struct frame *f)
{
    struct page *page = g->page;

    if (*g->loader && !strcmp(f->loader, g->loader))
        return true;
    return page->main_documents >= g->documents + (*g->loader ? 2 : 1);
}

static bool is_ready(const struct frame *f, unsigned life)
{
    return !life || (!strcmp(f->life_loader, f->loader) && (f->life & life) == life);
}

/* Locked. 0: as far as it was asked for. */
static int look(struct going *g)
{
    struct frame *f = frame_find(g->page, g->page->target);

    if (!f)
        return 1;
    g->committed |= is_there(g, f);
    g->same |= !g->committed && g->page->same_document != g->same_document;
    return g->same || (g->committed && is_ready(f, wanted_life[g->how->wait])) ? 0 : 1;
}

static int wait_for_it(struct going *g, struct err *err)
{
    struct browser *b = g->page->browser;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && look(g) && !g->page->halted)
        r = watch_wait(b, &w, g->deadline_ms, g->call, err);
    bool done = r >= 0 && !look(g);
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    if (r < 0)
        return -1;
    g->unfinished = !done;
    return 0;
}

static int too_late(struct going *g, struct err *err)
{
    cdp_tell(g->page->browser->cdp, g->page->session, "Page.stopLoading", NULL);
    err_set(err, ERR_TIMEOUT, "no document came within %lld ms, loading was stopped",
            (long long)g->timeout_ms);
    return err_next(err, "try again with a longer timeout, or check that the server answers");
}

/* ---- asking for it ---- */

static int failed(struct going *g, const char *error, struct err *err)
{
    struct browser *b = g->page->browser;
    int status;

    pthread_mutex_lock(&b->lock);
    status = strcmp(g->page->document.loader, g->loader) ? 0 : g->page->document.status;
    pthread_mutex_unlock(&b->lock);
    if (status && (!strcmp(error, "net::ERR_HTTP_RESPONSE_CODE_FAILURE") ||
                   !strcmp(error, "net::ERR_ABORTED")))
        return 0; /* an answer without a body: it is the result */
    return net_error(error, g->how->url, err);
}

/* The error page comes after the error; whoever navigates next must not take it for its own. */
static void pass_error_page(struct going *g)
{
    struct going rest = *g;
    struct page_goto commit = { .wait = PAGE_WAIT_COMMIT };

    rest.how = &commit;
    rest.deadline_ms = clock_earlier(clock_ms() + ERROR_PAGE_MS, g->deadline_ms);
    (void)wait_for_it(&rest, NULL);
}

static int take_answer(struct going *g, yyjson_val *result, struct page_went *out, struct err *err)
{
    const char *error = json_str(result, "errorText"), *loader = json_str(result, "loaderId");

    COPY(g->loader, loader);
    if (json_bool(result, "isDownload", false)) {
        out->download = true;
        return 0;
    }
    if (error && *error) {
        if (strcmp(error, "net::ERR_ABORTED"))
            pass_error_page(g);
        g->committed = true;
        return failed(g, error, err);
    }
    g->same = !loader;
    return g->same ? 0 : wait_for_it(g, err);
}

static int go_to(struct going *g, struct page_went *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply answer = { 0 };
    AUTO(buf) struct buf params = BUF_MAX(8 * 1024 * 1024);
    struct jw w = JW(&params, err);
    struct err own = { 0 };

    if (check_url(g->how->url, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "url", g->how->url);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    if (page_call(g->page, NULL, "Page.navigate", params.data, g->timeout_ms, g->call, &answer,
                  &own)) {
        if (own.code == ERR_TIMEOUT && clock_ms() >= g->deadline_ms)
            return too_late(g, err);
        if (own.code == ERR_INVALID && strstr(own.msg, "invalid URL"))
            err_set(&own, ERR_INVALID, "url: \"%.300s\" is no URL", g->how->url);
        if (err)
            *err = own;
        return -1;
    }
    return take_answer(g, answer.result, out, err);
}

static int ask_history(struct going *g, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply history = { 0 };
    int64_t at;
    char params[64];

    if (page_call(g->page, NULL, "Page.getNavigationHistory", NULL, 0, g->call, &history, err))
        return -1;
    at = json_int(history.result, "currentIndex", -1) + (g->how->go == PAGE_BACK ? -1 : 1);
    yyjson_val *entries = yyjson_obj_get(history.result, "entries");
    if (at < 0 || (size_t)at >= yyjson_arr_size(entries)) {
        err_set(err, ERR_NOT_FOUND, "the page's history has nothing %s",
                g->how->go == PAGE_BACK ? "before this" : "after this");
        return err_next(err, "pass a url instead");
    }
    snprintf(params, sizeof(params), "{\"entryId\":%lld}",
             (long long)json_int(yyjson_arr_get(entries, (size_t)at), "id", -1));
    return page_call(g->page, NULL, "Page.navigateToHistoryEntry", params, 0, g->call, NULL, err);
}

static int go_otherwise(struct going *g, struct err *err)
{
    struct browser *b = g->page->browser;
    char error[128];
    bool bad;

    if (g->how->go == PAGE_RELOAD
            ? page_call(g->page, NULL, "Page.reload", NULL, g->timeout_ms, g->call, NULL, err)
            : ask_history(g, err))
        return -1;
    if (wait_for_it(g, err))
        return -1;
    pthread_mutex_lock(&b->lock);
    bad = g->committed && g->page->document.failed;
    COPY(error, g->page->document.error);
    COPY(g->loader, g->page->document.loader);
    pthread_mutex_unlock(&b->lock);
    return bad ? failed(g, *error ? error : "net::ERR_FAILED", err) : 0;
}

/* ---- what came ---- */

void page_title(struct page *page, struct call *call, char out[BROWSER_TITLE_MAX])
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };
    const char *title;

    if (page_call(page, NULL, "Runtime.evaluate",
                  "{\"expression\":\"String(document.title).slice(0,300)\","
                  "\"returnByValue\":true,\"timeout\":500}",
                  TITLE_MS, call, &r, NULL))
        return;
    title = json_str(yyjson_obj_get(r.result, "result"), "value");
    if (title)
        copy_text(out, BROWSER_TITLE_MAX, title);
    page_keep_title(page, title);
}

static int describe(struct going *g, struct page_went *out, struct err *err)
{
    struct page *page = g->page;
    struct frame *f;
    bool halted;

    pthread_mutex_lock(&page->browser->lock);
    f = frame_find(page, page->target);
    COPY(out->url, page->url);
    COPY(out->title, page->title);
    if (!out->download && !g->same &&
        (!f || !strcmp(page->document.loader, f->loader) ||
         !strcmp(page->document.loader, g->loader))) {
        out->status = page->document.status;
        COPY(out->redirected_from, page->document.redirected_from);
    }
    halted = page->halted;
    pthread_mutex_unlock(&page->browser->lock);
    out->same_document = g->same;
    out->unfinished = g->unfinished;
    if (halted && !g->committed && !g->same && !out->download) /* says why */
        return page_call(page, NULL, "Page.enable", NULL, TITLE_MS, NULL, NULL, err);
    if (!halted && !out->download)
        page_title(page, g->call, out->title);
    return 0;
}

/* A tab that crashed starts afresh. */
static int begin(struct going *g, struct err *err)
{
    struct page *page = g->page;

    pthread_mutex_lock(&page->browser->lock);
    page->tree_known |= page->crashed;
    page->crashed = false;
    page_halt(page);
    pthread_mutex_unlock(&page->browser->lock);
    if (page_know(page, g->call, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    g->documents = page->main_documents;
    g->same_document = page->same_document;
    pthread_mutex_unlock(&page->browser->lock);
    return 0;
}

int page_navigate(struct page *page, const struct page_goto *how, struct call *call,
                  struct page_went *out, struct err *err)
{
    struct going g = { .page = page, .how = how, .call = call };
    int r;

    *out = (struct page_went){ 0 };
    g.timeout_ms = how->timeout_ms > 0 ? how->timeout_ms : DEFAULT_MS;
    g.deadline_ms = clock_ms() + g.timeout_ms;
    if (begin(&g, err))
        return -1;
    r = how->go == PAGE_GOTO ? go_to(&g, out, err) : go_otherwise(&g, err);
    if (r)
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    bool nothing = !g.committed && !g.same && !out->download && !page->halted;
    pthread_mutex_unlock(&page->browser->lock);
    if (nothing)
        return too_late(&g, err);
    return describe(&g, out, err);
}
