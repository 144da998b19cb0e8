#include "backend/browser/console.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/fence.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 50
#define LINES_BYTES 4096

/* What the console held before. */
struct before {
    uint64_t id;
    unsigned repeated;
};

static void remember(struct page *page, struct before *out)
{
    struct console_list list = { 0 };

    if (console_list(page, &list, NULL))
        return;
    if (list.count) {
        out->id = list.messages[list.count - 1].id;
        out->repeated = list.messages[list.count - 1].repeated;
    }
    console_list_done(&list);
}

static int add_line(struct buf *out, const struct console_message *m, unsigned times,
                    struct err *err)
{
    if (buf_addf(out, err, "%s: %s", console_levels[m->level], m->text) ||
        (times > 1 && buf_addf(out, err, " (%u times)", times)))
        return -1;
    return buf_addc(out, '\n', err);
}

/* The last lines that were printed since; *left_out: how many there were before them. */
static int add_lines(struct buf *out, const struct console_list *list, const struct before *before,
                     uint64_t *left_out, struct err *err)
{
    size_t first = list->count, bytes = 0;

    *left_out = 0;
    while (first && list->count - first < LINES_MAX) {
        const struct console_message *m = &list->messages[first - 1];
        bytes += strlen(m->text);
        if (m->id < before->id || (m->id == before->id && m->repeated == before->repeated) ||
            bytes > LINES_BYTES)
            break;
        first--;
    }
    if (first < list->count && list->messages[first].id > before->id)
        *left_out = list->messages[first].id - before->id - 1;
    for (size_t i = first; i < list->count; i++) {
        const struct console_message *m = &list->messages[i];
        unsigned old = m->id == before->id ? before->repeated + 1 : 0;
        if (add_line(out, m, m->repeated + 1 - old, err))
            return -1;
    }
    return 0;
}

static int add_console(struct buf *out, struct browsing *b, const char *url,
                       const struct before *before, struct err *err)
{
    AUTO(buf) struct buf lines = BUF_MAX(RENDER_MAX);
    struct console_list list = { 0 };
    uint64_t left_out;
    int r;

    if (console_list(b->page, &list, err))
        return -1;
    r = add_lines(&lines, &list, before, &left_out, err);
    console_list_done(&list);
    if (r || (!lines.len && !left_out))
        return r;
    return fence(out, "console", url, buf_str(&lines), lines.len, err) ||
                   (left_out &&
                    buf_addf(out, err, "%llu earlier lines: browser_console lists those kept\n",
                             (unsigned long long)left_out))
               ? -1
               : 0;
}

static int reply(struct tool_call *call, struct browsing *b, const struct page_value *value,
                 const struct page_report *report, const struct before *before, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(2 * PAGE_RESULT_MAX);

    if (buf_addf(&text, err, "%s%s · ", value->type, report->navigated ? ", navigated" : "") ||
        browsing_place(&text, page_id(b->page), report->url, report->title, err) ||
        browsing_events(&text, report, err))
        return -1;
    if (strcmp(value->type, "undefined") &&
        fence(&text, "result", report->url, buf_str(&value->json), value->json.len, err))
        return -1;
    if (value->truncated &&
        buf_adds(&text, "the result is not whole: let the script return less, or pass max_bytes\n",
                 err))
        return -1;
    if (add_console(&text, b, report->url, before, err))
        return -1;
    return tool_text(call, text.data, text.len, err) ||
                   tool_meta_str(call, "page_id", page_id(b->page), err)
               ? -1
               : 0;
}

int tool_browser_evaluate(struct tool_call *call, const struct browser_evaluate_args *args,
                          struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(page_value) struct page_value value = { 0 };
    struct input_target target;
    struct page_report report;
    struct page_mark mark;
    struct before before = { 0 };
    const struct page_script script = {
        .text = args->script,
        .arg = args->arg,
        .target = args->target ? &target : NULL,
        .max_bytes = (size_t)args->max_bytes,
    };

    if (browsing_begin(call, args->page_id, &b, err) ||
        (args->target && browsing_target(call, &b, args->target, &target, err)))
        return -1;
    page_mark(b.page, &mark);
    remember(b.page, &before);
    if (page_evaluate(b.page, &script, call->call, &value, err) ||
        page_settle(b.page, &mark, 0, call->call, &report, err))
        return -1;
    return reply(call, &b, &value, &report, &before, err);
}
