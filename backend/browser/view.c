#include "backend/browser/view.h"
#include "backend/browser/state.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

#define WIDTH 1280 /* as --window-size */
#define HEIGHT 720

static double number(yyjson_val *obj, const char *key)
{
    double v = yyjson_get_num(yyjson_obj_get(obj, key));

    return isfinite(v) ? v : 0;
}

int page_view(struct page *page, struct call *call, struct page_view *out, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };
    yyjson_val *view, *content;

    if (page_call(page, NULL, "Page.getLayoutMetrics", NULL, 0, call, &r, err))
        return -1;
    view = yyjson_obj_get(r.result, "cssVisualViewport");
    content = yyjson_obj_get(r.result, "cssContentSize");
    *out = (struct page_view){
        .x = number(view, "pageX"),
        .y = number(view, "pageY"),
        .width = number(view, "clientWidth"),
        .height = number(view, "clientHeight"),
        .page_width = number(content, "width"),
        .page_height = number(content, "height"),
    };
    return 0;
}

/* Whether that is a page in a window whose bars take from the size that was asked for. */
static bool take_fit(struct page *page)
{
    struct browser *b = page->browser;
    bool fit = !b->joined && strncmp(b->version, "Headless", 8) != 0;

    pthread_mutex_lock(&b->lock);
    fit = fit && !page->fitted && !*page->opener;
    page->fitted = true;
    pthread_mutex_unlock(&b->lock);
    return fit;
}

void page_fit(struct page *page, struct call *call)
{
    AUTO(cdp_reply) struct cdp_reply window = { 0 };
    char params[96];

    if (!take_fit(page))
        return;
    snprintf(params, sizeof(params), "{\"targetId\":\"%s\"}", page->target);
    if (cdp_call(page->browser->cdp, "", "Browser.getWindowForTarget", params, 0, call, &window,
                 NULL))
        return;
    snprintf(params, sizeof(params), "{\"windowId\":%lld,\"width\":%d,\"height\":%d}",
             (long long)json_int(window.result, "windowId", 0), WIDTH, HEIGHT);
    cdp_tell(page->browser->cdp, "", "Browser.setContentsSize", params);
}

double page_ratio(struct page *page, struct call *call)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };
    double v = 0;

    if (!page_call(page, NULL, "Runtime.evaluate",
                   "{\"expression\":\"devicePixelRatio\",\"returnByValue\":true}", 0, call, &r,
                   NULL))
        v = number(yyjson_obj_get(r.result, "result"), "value");
    return v > 0.1 && v < 10 ? v : 1;
}

int64_t page_heap(struct page *page, struct call *call)
{
    AUTO(cdp_reply) struct cdp_reply r = { 0 };

    if (page_call(page, NULL, "Runtime.getHeapUsage", NULL, 0, call, &r, NULL))
        return -1;
    double used = number(r.result, "usedSize");
    return used > 0 && used < 1e15 ? (int64_t)used : -1;
}
