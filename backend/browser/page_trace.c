#include "backend/browser/page_trace.h"
#include "backend/browser/page_stream.h"
#include "backend/browser/state.h"
#include "base/clock.h"

#include <string.h>

/* What DevTools' performance panel shows. */
static const char begin[] =
    "{\"transferMode\":\"ReturnAsStream\",\"traceConfig\":{\"recordMode\":\"recordUntilFull\","
    "\"includedCategories\":[\"-*\",\"devtools.timeline\",\"disabled-by-default-devtools."
    "timeline\","
    "\"disabled-by-default-devtools.timeline.frame\",\"disabled-by-default-devtools.screenshot\","
    "\"v8.execute\",\"disabled-by-default-v8.cpu_profiler\",\"blink.user_timing\",\"loading\","
    "\"latencyInfo\",\"toplevel\"]}}";

static void complete(struct browser *b UNUSED, struct session *s, yyjson_val *params)
{
    const char *stream = json_str(params, "stream");

    COPY(s->page->trace, stream ? stream : "");
    s->page->traced = true;
}

const struct page_event_row trace_events[] = {
    { "Tracing.tracingComplete", complete },
    { NULL, NULL },
};

int page_trace_begin(struct page *page, struct call *call, struct err *err)
{
    struct err why = { 0 };

    pthread_mutex_lock(&page->browser->lock);
    page->traced = false;
    pthread_mutex_unlock(&page->browser->lock);
    if (!page_call(page, NULL, "Tracing.start", begin, 0, call, NULL, &why))
        return 0;
    if (why.code == ERR_INVALID && strstr(why.msg, "already")) {
        err_set(err, ERR_BUSY, "another trace of this browser is going on");
        return err_next(err, "wait for it, or leave save_to out");
    }
    if (err)
        *err = why;
    return -1;
}

static int wait_for_it(struct page *page, struct call *call, char out[STREAM_HANDLE_MAX + 1],
                       struct err *err)
{
    int64_t deadline_ms = clock_ms() + TRACE_END_MS;
    struct browser *b = page->browser;
    struct watch w;
    int r;

    pthread_mutex_lock(&b->lock);
    r = watch_begin(b, &w, err);
    while (!r && !page->traced)
        r = watch_wait(b, &w, deadline_ms, call, err);
    if (r > 0)
        r = err_set(err, ERR_TIMEOUT, "the browser did not finish its trace");
    copy_text(out, STREAM_HANDLE_MAX + 1, page->trace);
    watch_end(b, &w);
    pthread_mutex_unlock(&b->lock);
    return r;
}

static int drop(void *context UNUSED, const char *data UNUSED, size_t len UNUSED,
                struct err *err UNUSED)
{
    return 0;
}

int page_trace_end(struct page *page, struct call *call,
                   int (*take)(void *context, const char *data, size_t len, struct err *err),
                   void *context, struct err *err)
{
    char stream[STREAM_HANDLE_MAX + 1];
    size_t total;

    if (page_call(page, NULL, "Tracing.end", NULL, 0, call, NULL, err) ||
        wait_for_it(page, call, stream, err))
        return -1;
    return page_stream_read(page, stream, TRACE_MAX, call, take ? take : drop, context, &total,
                            err);
}
