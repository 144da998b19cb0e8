/*
 * Whatever a browser says. Input: messages, one per line. The browser of this fuzzer answers every
 * command with an empty result, and says the lines once it was greeted; then its pages are looked
 * at and used. A hostile browser may make things fail, never crash or hang.
 *
 * covers: backend/browser/cdp_text.c backend/browser/cdp_slots.c backend/browser/targets.c
 * covers: backend/browser/frames.c backend/browser/requests.c backend/browser/dialog.c
 * seeds: tests/fuzz/seeds/cdp
 */
#include "tests/fuzz/fake_browser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct page *page)
{
    static struct page_info info;
    static struct page_report report;
    struct page_frame *frames = NULL;
    struct page_mark mark;
    struct err err = { 0 };
    size_t n;

    page_info(page, &info);
    must(strlen(info.url) < BROWSER_URL_MAX && strlen(info.title) < BROWSER_TITLE_MAX);
    if (!page_frames(page, &frames, &n, &err))
        must(n <= PAGE_FRAMES_MAX && (!n || !*frames[0].parent));
    free(frames);
    page_mark(page, &mark);
    if (!page_settle(page, &mark, 1, NULL, &report, &err))
        must(report.event_count <= PAGE_EVENTS_MAX);
    if (page_dialog(page, true, NULL, NULL, NULL, &err))
        must(err.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page *pages[BROWSER_PAGES_MAX];
    struct fake f = { 0 };

    fake_begin(&f);
    fake_say(&f, data, size);
    size_t n = browser_pages(f.browser, pages);
    must(n <= BROWSER_PAGES_MAX);
    for (size_t i = 0; i < n && i < 3; i++)
        use(pages[i]);
    browser_free(f.browser);
    for (size_t i = 0; i < n; i++)
        page_unref(pages[i]);
    return 0;
}
