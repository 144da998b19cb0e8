#include "backend/browser/state.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_MS 5000
#define TURN_MS 1000 /* the page gets one turn to react */
#define DOWNLOAD_MS 200
#define EXPECTED_MS 1500 /* for the server to answer what a click downloads */
#define REQUESTS_MS 1500 /* requests alone are waited for so long */

void page_mark(struct page *page, struct page_mark *mark)
{
    page_peek(page, mark);
    pthread_mutex_lock(&page->browser->lock);
    responses_mark(page);
    pthread_mutex_unlock(&page->browser->lock);
}

void page_peek(struct page *page, struct page_mark *mark)
{
    pthread_mutex_lock(&page->browser->lock);
    *mark = (struct page_mark){
        .documents = page->main_documents,
        .requests = page->requests,
        .console_errors = page->console_errors,
        .opened = page->opened,
        .same_document = page->same_document,
        .loads = page->loads_started,
        .in_flight = page->in_flight_count,
        .dialog = *page->dialog_type,
        .number = page->browser->pages_made,
        .downloads = downloads_made(page->browser),
        .aborted = page->aborted,
    };
    pthread_mutex_unlock(&page->browser->lock);
}

/* Timers of no delay have run, and what they asked for has been sent. */
static int give_a_turn(struct page *page, struct call *call, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };

    if (page_call(page, NULL, "Runtime.evaluate",
                  "{\"expression\":\"new Promise(r=>setTimeout(()=>r("
                  "String(document.title).slice(0,300)),0))\",\"awaitPromise\":true,"
                  "\"returnByValue\":true}",
                  TURN_MS, call, &r, err))
        return -1;
    page_keep_title(page, json_str(yyjson_obj_get(r.result, "result"), "value"));
    return 0;
}

/* A document that did not become one is told as a download a moment later. */
static bool may_become_download(struct page *page, const struct page_mark *mark, int64_t since_ms)
{
    return page->browser->downloads && page->aborted_ms >= since_ms - TURN_MS &&
           page->aborted != mark->aborted && downloads_made(page->browser) == mark->downloads &&
           clock_ms() - page->aborted_ms < DOWNLOAD_MS;
}

void page_expect_download(struct page *page)
{
    pthread_mutex_lock(&page->browser->lock);
    page->download_by_ms = clock_ms() + EXPECTED_MS;
    pthread_mutex_unlock(&page->browser->lock);
}

/* Locked. */
static bool is_download_expected(struct page *page, const struct page_mark *mark)
{
    return page->browser->downloads && clock_ms() < page->download_by_ms &&
           downloads_made(page->browser) == mark->downloads;
}

/* Locked. */
static bool busy(struct page *page, const struct page_mark *mark, int64_t since_ms)
{
    struct frame *f = frame_find(page, page->target);
    bool loads = page->loads_started != mark->loads || page->main_documents != mark->documents;

    if (page->halted || !f)
        return false;
    if (loads && page->main_documents == mark->documents && page->loading)
        return true; /* not committed yet */
    if (page->main_documents != mark->documents &&
        (strcmp(f->life_loader, f->loader) || !(f->life & LIFE_DOM)))
        return true;
    if (downloads_running(page, mark->downloads) && clock_ms() - since_ms < REQUESTS_MS)
        return true;
    if (may_become_download(page, mark, since_ms) || is_download_expected(page, mark))
        return true;
    return page->requests != mark->requests && page->in_flight_count > mark->in_flight &&
           clock_ms() - since_ms < REQUESTS_MS;
}

static int wait_until_quiet(struct page *page, const struct page_mark *mark, int64_t max_ms,
                            struct call *call, bool *quiet, struct err *err)
{
    struct browser *b = page->browser;
    int64_t since_ms = clock_ms(), deadline_ms = since_ms + max_ms, soon_ms;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (r >= 0 && busy(page, mark, since_ms) && clock_ms() < deadline_ms) {
        soon_ms = may_become_download(page, mark, since_ms) ? page->aborted_ms + DOWNLOAD_MS
                                                            : since_ms + REQUESTS_MS;
        if (is_download_expected(page, mark))
            soon_ms = clock_earlier(soon_ms, page->download_by_ms);
        if (soon_ms <= clock_ms())
            soon_ms = deadline_ms;
        r = watch_wait(b, &w, clock_earlier(soon_ms, deadline_ms), call, err);
    }
    bool cut_short = page->in_flight_count > mark->in_flight || page->loading;
    *quiet = !busy(page, mark, since_ms) && !cut_short;
    page->download_by_ms = 0;
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    return r < 0 ? -1 : 0;
}

/* Locked. */
static void list_new_pages(struct page *page, const struct page_mark *mark, struct page_report *out)
{
    struct browser *b = page->browser;

    for (size_t i = 0; i < b->page_count; i++) {
        struct page *p = b->pages[i];
        if (p->number <= mark->number || strcmp(p->opener, page->id) ||
            out->new_page_count == COUNT_OF(out->new_pages))
            continue;
        COPY(out->new_pages[out->new_page_count], p->id);
        out->new_page_count++;
    }
}

/* Locked. */
static void describe(struct page *page, const struct page_mark *mark, struct page_report *out)
{
    COPY(out->url, page->url);
    COPY(out->title, page->title);
    out->navigated = page->main_documents != mark->documents;
    out->same_document = page->same_document != mark->same_document;
    out->requests = (unsigned)(page->requests - mark->requests);
    out->console_errors = (unsigned)(page->console_errors - mark->console_errors);
    out->dialog = *page->dialog_type;
    COPY(out->dialog_type, page->dialog_type);
    COPY(out->dialog_message, *page->dialog_type ? page->dialog_message : "");
    memcpy(out->events, page->events, page->event_count * sizeof(page->events[0]));
    out->event_count = page->event_count;
    page->event_count = 0;
    list_new_pages(page, mark, out);
}

int page_settle(struct page *page, const struct page_mark *mark, int64_t max_ms, struct call *call,
                struct page_report *out, struct err *err)
{
    struct err why = { 0 };
    bool quiet = false;

    *out = (struct page_report){ 0 };
    if (give_a_turn(page, call, &why) && why.code == ERR_CANCELLED) {
        if (err)
            *err = why;
        return -1;
    }
    if (wait_until_quiet(page, mark, max_ms > 0 ? max_ms : DEFAULT_MS, call, &quiet, err))
        return -1;
    pthread_mutex_lock(&page->browser->lock);
    describe(page, mark, out);
    out->unfinished = !quiet && !out->dialog && !page->closed && !page->crashed;
    pthread_mutex_unlock(&page->browser->lock);
    if ((out->navigated || out->same_document) && !out->dialog)
        page_title(page, call, out->title);
    return 0;
}
