/*
 * Whatever a browser says. Input: messages, one per line. The browser of this fuzzer answers every
 * command with an empty result, and says the lines once it was greeted; then its pages are looked
 * at and used. A hostile browser may make things fail, never crash or hang.
 *
 * covers: backend/browser/cdp_text.c backend/browser/cdp_slots.c backend/browser/targets.c
 * covers: backend/browser/frames.c backend/browser/requests.c backend/browser/dialog.c
 * seeds: tests/fuzz/seeds/cdp
 */
#include "backend/browser/page.h"
#include "base/log.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fake {
    struct cdp_wire base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf answers; /* lines */
    const uint8_t *at, *end;
    bool speaks, said, stopped;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int fake_send(struct cdp_wire *wire, const char *json, size_t len, struct err *err)
{
    struct fake *f = (struct fake *)wire;
    AUTO_JSON yyjson_doc *doc = json_parse(json, len, err);
    int64_t id = json_int(yyjson_doc_get_root(doc), "id", -1);

    must(doc && id > 0 && strlen(json) == len);
    pthread_mutex_lock(&f->lock);
    int r = buf_addf(&f->answers, err, "{\"id\":%lld,\"result\":{}}\n", (long long)id);
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return r;
}

static bool take_line(struct fake *f, struct buf *buf)
{
    const char *end = f->answers.len ? memchr(f->answers.data, '\n', f->answers.len) : NULL;

    if (end) {
        size_t n = (size_t)(end - f->answers.data);
        must(!buf_add(buf, f->answers.data, n, NULL));
        buf_drop_front(&f->answers, n + 1);
        return true;
    }
    if (!f->speaks || f->at == f->end) {
        f->said |= f->speaks;
        pthread_cond_broadcast(&f->changed);
        return false;
    }
    const uint8_t *stop = memchr(f->at, '\n', (size_t)(f->end - f->at));
    size_t n = (size_t)((stop ? stop : f->end) - f->at);
    must(!buf_add(buf, f->at, n, NULL));
    f->at += n + (stop != NULL);
    return true;
}

static int fake_receive(struct cdp_wire *wire, struct buf *buf, struct err *err)
{
    struct fake *f = (struct fake *)wire;
    bool got = false;

    (void)err;
    buf_clear(buf);
    pthread_mutex_lock(&f->lock);
    while (!f->stopped && !(got = take_line(f, buf)))
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    return got;
}

static void fake_stop(struct cdp_wire *wire)
{
    struct fake *f = (struct fake *)wire;

    pthread_mutex_lock(&f->lock);
    f->stopped = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void fake_free(struct cdp_wire *wire)
{
    struct fake *f = (struct fake *)wire;

    buf_done(&f->answers);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

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
    struct fake f = { .base = { fake_send, fake_receive, fake_stop, fake_free },
                      .answers = BUF_MAX(QUEUE_MAX),
                      .at = data,
                      .end = data + size };
    struct page *pages[BROWSER_PAGES_MAX];
    struct browser *browser;
    struct err err = { 0 };

    log_set_level(LOG_ERROR);
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.changed, NULL);
    must(!browser_new(&f.base, NULL, &browser, &err));
    pthread_mutex_lock(&f.lock);
    f.speaks = true;
    pthread_cond_broadcast(&f.changed);
    while (!f.said)
        pthread_cond_wait(&f.changed, &f.lock);
    pthread_mutex_unlock(&f.lock);
    size_t n = browser_pages(browser, pages);
    must(n <= BROWSER_PAGES_MAX);
    for (size_t i = 0; i < n && i < 3; i++)
        use(pages[i]);
    browser_free(browser);
    for (size_t i = 0; i < n; i++)
        page_unref(pages[i]);
    return 0;
}
