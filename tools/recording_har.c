#include "backend/browser/har.h"
#include "base/io.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/recording.h"

#include <stdio.h>

#define SERVE_MS 1000

struct har_source {
    struct browsing at;
    struct har *har;
};

static int64_t serve(struct recording *r, int64_t at_ms UNUSED, const char **why)
{
    struct har_source *h = r->own;
    struct har_facts facts;

    har_facts(h->har, &facts);
    r->meta.frames = (int64_t)facts.entries;
    if (browser_alive(h->at.browser))
        return SERVE_MS;
    *why = "the browser ended";
    return -1;
}

static int finish(struct recording *r, int64_t at_ms UNUSED, struct err *err)
{
    struct har_source *h = r->own;
    AUTO(buf) struct buf text = BUF_MAX(HAR_TEXT_MAX);
    struct har_facts facts;

    if (har_write(h->har, true, NULL, &text, &facts, err))
        return -1;
    r->meta.frames = (int64_t)facts.entries;
    return io_write_all(r->file.data_fd, buf_str(&text), text.len)
               ? err_sys(err, errno, "write the recording")
               : 0;
}

static void source_free(struct har_source *h)
{
    har_free(h->har);
    browsing_done(&h->at);
    free(h);
}

static void release(struct recording *r)
{
    source_free(TAKE(r->own));
}

static const struct recording_kind kind = {
    .id = RECORDING_HAR,
    .serve = serve,
    .finish = finish,
    .release = release,
};

static int open_source(struct tool_call *call, const char *source, struct har_source *h,
                       struct recording_meta *meta, struct err *err)
{
    struct har_options how = { .bodies = HAR_BODIES_TEXT, .redact = true };

    if (source ? browsing_begin(call, source, &h->at, err) : browsing_open(call, &h->at, err))
        return -1;
    how.page = source ? h->at.page : NULL;
    snprintf(meta->source, sizeof(meta->source), "%s", source ? source : "");
    snprintf(meta->sandbox, sizeof(meta->sandbox), "%s", h->at.sandbox->id);
    return har_start(h->at.browser, &how, &h->har, err);
}

int recording_start_har(struct tool_call *call, const struct recording_start_args *args,
                        struct recording_meta *meta, struct recording **out, struct err *err)
{
    struct har_source *h = calloc(1, sizeof(*h));
    struct recording *r;

    if (!h)
        return err_oom(err);
    if (open_source(call, args->source, h, meta, err) ||
        recording_make(call, &kind, meta, tools_ms((double)args->max_s), &r, err)) {
        source_free(h);
        return -1;
    }
    r->own = h;
    recording_run(r);
    *out = r;
    return 0;
}
