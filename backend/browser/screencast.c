#include "backend/browser/screencast.h"
#include "backend/browser/state.h"

#include <stdio.h>

static int begin(struct page *page, const struct screencast_sink *sink, struct err *err)
{
    bool busy;

    pthread_mutex_lock(&page->browser->lock);
    busy = page->screencast.frame;
    if (!busy)
        page->screencast = *sink;
    pthread_mutex_unlock(&page->browser->lock);
    if (!busy)
        return 0;
    err_set(err, ERR_BUSY, "the page %s is recorded already", page->id);
    return err_next(err, "recording_list tells by which recording; stop that one first");
}

static void forget(struct page *page)
{
    pthread_mutex_lock(&page->browser->lock);
    page->screencast = (struct screencast_sink){ 0 };
    pthread_mutex_unlock(&page->browser->lock);
}

int screencast_start(struct page *page, int width, int height, int quality,
                     const struct screencast_sink *sink, struct call *call, struct err *err)
{
    char params[128];

    snprintf(params, sizeof(params),
             "{\"format\":\"jpeg\",\"quality\":%d,\"maxWidth\":%d,\"maxHeight\":%d}", quality,
             width, height);
    if (begin(page, sink, err))
        return -1;
    /* one that a crash of the tab ended goes on for the browser: it is ended first */
    (void)!page_call(page, NULL, "Page.stopScreencast", NULL, 0, call, NULL, NULL);
    if (page_call(page, NULL, "Page.startScreencast", params, 0, call, NULL, err)) {
        forget(page);
        return -1;
    }
    return 0;
}

void screencast_stop(struct page *page)
{
    struct err ignored;

    forget(page);
    (void)!page_call(page, NULL, "Page.stopScreencast", NULL, 2000, NULL, NULL, &ignored);
}

void screencast_over(struct page *page, const char *why)
{
    struct screencast_sink sink = page->screencast;

    page->screencast = (struct screencast_sink){ 0 };
    if (sink.over)
        sink.over(sink.context, why);
}

/* Each one is acknowledged, also those that nobody wants, or no more would come. */
static void frame(struct browser *b, struct session *s, yyjson_val *params)
{
    const struct screencast_sink *sink = &s->page->screencast;
    yyjson_val *data = yyjson_obj_get(params, "data");
    char ack[64];

    snprintf(ack, sizeof(ack), "{\"sessionId\":%lld}", (long long)json_int(params, "sessionId", 0));
    browser_post(b, s->id, "Page.screencastFrameAck", ack);
    if (sink->frame && yyjson_is_str(data) && yyjson_get_len(data) <= SCREENCAST_FRAME_MAX)
        sink->frame(sink->context, yyjson_get_str(data), yyjson_get_len(data));
}

const struct page_event_row screencast_events[] = {
    { "Page.screencastFrame", frame },
    { NULL, NULL },
};
