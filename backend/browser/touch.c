#include "backend/browser/touch.h"
#include "backend/browser/state.h"

bool page_touches(struct page *page)
{
    bool on;

    pthread_mutex_lock(&page->browser->lock);
    on = page->touch;
    pthread_mutex_unlock(&page->browser->lock);
    return on;
}

static int finger(struct page *page, const char *type, const double at[2], unsigned modifiers,
                  struct call *call, struct err *err)
{
    AUTO(buf) struct buf params = BUF_MAX(1024);
    struct jw w = JW(&params, err);

    jw_obj(&w);
    jw_kstr(&w, "type", type);
    jw_key(&w, "touchPoints");
    jw_arr(&w);
    if (at) {
        jw_obj(&w);
        jw_knum(&w, "x", at[0]);
        jw_knum(&w, "y", at[1]);
        jw_end(&w);
    }
    jw_aend(&w);
    jw_kint(&w, "modifiers", modifiers);
    jw_end(&w);
    return jw_done(&w)
               ? -1
               : page_call(page, NULL, "Input.dispatchTouchEvent", params.data, 0, call, NULL, err);
}

int touch_tap(struct page *page, double x, double y, unsigned modifiers, int count,
              struct call *call, struct err *err)
{
    const double at[] = { x, y };

    for (int i = 0; i < count; i++)
        if (finger(page, "touchStart", at, modifiers, call, err) ||
            finger(page, "touchEnd", NULL, modifiers, call, err))
            return -1;
    return 0;
}
