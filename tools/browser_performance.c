#include "backend/browser/page_trace.h"
#include "backend/browser/vitals.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"
#include "tools/saving.h"

#include <math.h>
#include <string.h>

#define RELOAD_MS 30000

struct figure {
    const char *key, *label;
    size_t offset;
};

static const struct figure times[] = {
    { "lcp_ms", "LCP", offsetof(struct vitals, lcp) },
    { "fcp_ms", "FCP", offsetof(struct vitals, fcp) },
    { "inp_ms", "INP", offsetof(struct vitals, inp) },
    { "ttfb_ms", "TTFB", offsetof(struct vitals, ttfb) },
    { "dom_ms", "DOM", offsetof(struct vitals, dom) },
    { "load_ms", "load", offsetof(struct vitals, load) },
};

static double at(const struct vitals *v, const struct figure *f)
{
    return *(const double *)(const void *)((const char *)v + f->offset);
}

static double tenths(double ms)
{
    return round(ms * 10) / 10;
}

static int vitals_text(struct buf *out, const struct vitals *v, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (at(v, &times[i]) >= 0 &&
            buf_addf(out, err, "%s %.1f ms · ", times[i].label, at(v, &times[i])))
            return -1;
    if (buf_addf(out, err, "CLS %.4f · %lld long tasks, %.0f ms · %lld requests, ", v->cls,
                 (long long)v->long_tasks, v->long_tasks_ms, (long long)v->requests) ||
        render_bytes(out, (uint64_t)v->bytes, err) || buf_addc(out, '\n', err))
        return -1;
    if (!*v->lcp_element)
        return 0;
    return buf_adds(out, "largest: ", err) || render_name(out, v->lcp_element, err) ||
                   buf_addc(out, '\n', err)
               ? -1
               : 0;
}

static void vitals_json(struct jw *w, const struct vitals *v, const char *id, const char *url,
                        const struct saving *saving)
{
    jw_obj(w);
    jw_kstr(w, "page_id", id);
    jw_kstr(w, "url", url);
    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (at(v, &times[i]) >= 0)
            jw_knum(w, times[i].key, tenths(at(v, &times[i])));
    if (*v->lcp_element)
        jw_kstr(w, "lcp_element", v->lcp_element);
    jw_knum(w, "cls", round(v->cls * 1e4) / 1e4);
    jw_kint(w, "long_tasks", v->long_tasks);
    jw_knum(w, "long_tasks_ms", tenths(v->long_tasks_ms));
    jw_kint(w, "requests", v->requests);
    jw_kint(w, "bytes", v->bytes);
    if (saving->saved)
        jw_kstr(w, "path", saving->saved);
    jw_end(w);
}

static int take(void *context, const char *data, size_t len, struct err *err)
{
    return saving_add(context, data, len, err);
}

static int look(struct tool_call *call, struct browsing *b,
                const struct browser_performance_args *args, struct vitals *v, struct err *err)
{
    struct page_goto reload = {
        .go = PAGE_RELOAD,
        .wait = PAGE_WAIT_LOAD,
        .timeout_ms = RELOAD_MS,
    };
    struct page_went went;
    char armed[VITALS_ID];
    int r;

    if (!args->reload)
        return page_vitals(b->page, tools_ms(args->time_s), call->call, v, err);
    if (page_vitals_arm(b->page, call->call, armed, err))
        return -1;
    r = page_navigate(b->page, &reload, call->call, &went, err) ||
        page_vitals(b->page, tools_ms(args->time_s), call->call, v, err);
    page_vitals_disarm(b->page, armed);
    return r ? -1 : 0;
}

/* The same with a trace of it in a file. */
static int look_and_trace(struct tool_call *call, struct browsing *b,
                          const struct browser_performance_args *args, struct vitals *v,
                          struct saving *saving, struct err *err)
{
    int r;

    if (!args->save_to)
        return look(call, b, args, v, err);
    if (page_trace_begin(b->page, call->call, err))
        return -1;
    r = look(call, b, args, v, err);
    if (r)
        return page_trace_end(b->page, call->call, NULL, NULL, NULL) ? -1 : r;
    return page_trace_end(b->page, call->call, take, saving, err);
}

int tool_browser_performance(struct tool_call *call, const struct browser_performance_args *args,
                             struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(64 * 1024), text = BUF_MAX(64 * 1024);
    AUTO(saving) struct saving saving = { .call = call->call, .path = args->save_to };
    struct jw w = JW(&json, err);
    struct page_info info;
    struct vitals v;

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    saving.sandbox = b.sandbox;
    if (look_and_trace(call, &b, args, &v, &saving, err))
        return -1;
    page_info(b.page, &info);
    vitals_json(&w, &v, page_id(b.page), info.url, &saving);
    if (jw_done(&w) || browsing_place(&text, page_id(b.page), info.url, info.title, err) ||
        vitals_text(&text, &v, err) ||
        (saving.saved &&
         (buf_addf(&text, err, "trace in %s, ", saving.saved) ||
          render_bytes(&text, (uint64_t)saving.bytes, err) || buf_addc(&text, '\n', err))) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}
