#include "backend/browser/fill.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

struct filling {
    struct browsing b;
    struct buf lines;
    struct page_report one, all;
    size_t done;
};

/* `one` is what came last; all of it is told together. */
static void merge(struct page_report *all, const struct page_report *one)
{
    struct page_report was = *all;

    *all = *one;
    *all->acted_on = *all->note = '\0';
    all->navigated |= was.navigated;
    all->same_document |= was.same_document;
    all->requests += was.requests;
    all->console_errors += was.console_errors;
    for (unsigned i = 0; i < was.new_page_count && all->new_page_count < COUNT_OF(all->new_pages);
         i++)
        memcpy(all->new_pages[all->new_page_count++], was.new_pages[i], ID_SIZE);
    for (unsigned i = 0; i < was.event_count && all->event_count < COUNT_OF(all->events); i++)
        all->events[all->event_count++] = was.events[i];
}

static int add_line(struct filling *f, const struct filled *did, struct err *err)
{
    struct buf *out = &f->lines;

    if (buf_addf(out, err, "%zu. %s ", f->done, did->did) ||
        render_name(out, f->one.acted_on, err) ||
        (*did->now && (buf_adds(out, ", which now holds \"", err) ||
                       render_name(out, did->now, err) || buf_addc(out, '"', err))) ||
        (*f->one.note && (buf_adds(out, "; ", err) || render_name(out, f->one.note, err))))
        return -1;
    return buf_addc(out, '\n', err);
}

static int failed(const struct filling *f, const char *target, struct err *err)
{
    char before[48] = "nothing is filled";

    if (f->done == 1)
        snprintf(before, sizeof(before), "field 1 is filled");
    else if (f->done)
        snprintf(before, sizeof(before), "fields 1 to %zu are filled", f->done);
    return err_wrap(err, "%s; field %zu, %.100s", before, f->done + 1, target);
}

static int fill_all(struct tool_call *call, struct filling *f,
                    const struct browser_fill_form_args *args, struct err *err)
{
    struct input_target target;
    struct filled did;

    for (size_t i = 0; i < args->fields.count && !f->all.dialog; i++) {
        const char *name = args->fields.items[i].target;
        if (browsing_target(call, &f->b, name, &target, err) ||
            input_fill(f->b.page, &target, args->fields.items[i].value, call->call, &did, &f->one,
                       err))
            return failed(f, name, err);
        f->done++;
        merge(&f->all, &f->one);
        if (add_line(f, &did, err))
            return -1;
    }
    return 0;
}

static int submit(struct tool_call *call, struct filling *f, const char *name, struct err *err)
{
    const struct input_click how = { .count = 1 };
    struct input_target target;

    if (browsing_target(call, &f->b, name, &target, err) ||
        input_click(f->b.page, &target, &how, call->call, &f->one, err))
        return err_wrap(err, "all fields are filled; submit, %.100s", name);
    merge(&f->all, &f->one);
    return buf_adds(&f->lines, "clicked ", err) || render_name(&f->lines, f->one.acted_on, err) ||
                   buf_addc(&f->lines, '\n', err)
               ? -1
               : 0;
}

static int run(struct tool_call *call, struct filling *f, const struct browser_fill_form_args *args,
               struct err *err)
{
    size_t wanted = args->fields.count;
    char did[96];

    if (browsing_begin(call, args->page_id, &f->b, err) || fill_all(call, f, args, err))
        return -1;
    bool whole = f->done == wanted && !f->all.dialog;
    if (args->submit && whole && submit(call, f, args->submit, err))
        return -1;
    snprintf(did, sizeof(did), "filled %zu of %zu fields%s", f->done, wanted,
             args->submit && !whole ? ", did not submit: a dialog opened" : "");
    return tool_text(call, f->lines.data, f->lines.len, err) ||
                   browsing_report(call, &f->b, did, &f->all, args->snapshot, err)
               ? -1
               : 0;
}

int tool_browser_fill_form(struct tool_call *call, const struct browser_fill_form_args *args,
                           struct err *err)
{
    AUTO_FREE struct filling *f = calloc(1, sizeof(*f));
    int r;

    if (!f)
        return err_oom(err);
    f->lines = BUF_MAX(RENDER_MAX);
    r = run(call, f, args, err);
    browsing_done(&f->b);
    buf_done(&f->lines);
    return r;
}
