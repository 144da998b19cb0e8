#include "backend/browser/console.h"
#include "backend/browser/net_log.h"
#include "base/clock.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/fence.h"
#include "tools/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chosen {
    const struct console_message *rows[CONSOLE_MAX]; /* newest first */
    size_t count;
    bool more;
};

/* Of a cursor, which is the id of the oldest message that was shown; 0: none is given. */
static int read_cursor(const char *text, uint64_t *below, struct err *err)
{
    char *end = NULL;

    *below = text ? strtoull(text, &end, 10) : 0;
    if (!text || (*below && !*end))
        return 0;
    err_set(err, ERR_INVALID, "cursor: it is not one of browser_console");
    return err_next(err, "pass the cursor of an earlier reply, or none for the newest");
}

static void choose(const struct console_list *all, enum console_level level, uint64_t below,
                   struct net_regex *filter, size_t limit, struct chosen *out)
{
    for (size_t i = all->count; i && !out->more; i--) {
        const struct console_message *m = &all->messages[i - 1];
        if (m->level > level || (below && m->id >= below) ||
            (filter && !net_regex_matches(filter, m->text)))
            continue;
        if (out->count == limit)
            out->more = true;
        else
            out->rows[out->count++] = m;
    }
}

/* Of what fits into max bytes: the newest. */
static size_t fitting(const struct chosen *c, bool stack, size_t max)
{
    size_t bytes = 0, n = 0;

    while (n < c->count) {
        const struct console_message *m = c->rows[n];
        bytes += strlen(m->text) + strlen(m->url) + (stack ? strlen(m->stack) : 0) + 32;
        if (n && bytes > max)
            break;
        n++;
    }
    return n;
}

static int add_line(struct buf *out, const struct console_message *m, bool stack, struct err *err)
{
    if (buf_addf(out, err, "%llu [%s] %s", (unsigned long long)m->id, console_levels[m->level],
                 m->text) ||
        (*m->url && buf_addf(out, err, " (%s:%lld)", m->url, (long long)m->line)) ||
        (m->repeated &&
         buf_addf(out, err, " (and %u time%s more)", m->repeated, m->repeated == 1 ? "" : "s")) ||
        buf_addc(out, '\n', err))
        return -1;
    return stack ? buf_adds(out, m->stack, err) : 0;
}

static void add_json(struct jw *w, const struct console_message *m, bool stack)
{
    char time[CLOCK_ISO_SIZE];

    jw_obj(w);
    jw_kint(w, "id", (int64_t)m->id);
    jw_kstr(w, "level", console_levels[m->level]);
    jw_kstr(w, "text", m->text);
    if (*m->url) {
        jw_kstr(w, "url", m->url);
        jw_kint(w, "line", m->line);
    }
    if (m->repeated)
        jw_kint(w, "repeated", m->repeated);
    if (stack && *m->stack)
        jw_kstr(w, "stack", m->stack);
    jw_kstr(w, "time", clock_iso(m->time_ms, time));
    jw_end(w);
}

static int reply(struct tool_call *call, struct browsing *b, const struct console_list *all,
                 const struct chosen *c, size_t n, bool stack, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX * 4), lines = BUF_MAX(RENDER_MAX * 2);
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 2);
    struct jw w = JW(&json, err);
    struct page_info info;
    char cursor[24];
    bool more = c->more || n < c->count;

    page_info(b->page, &info);
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_key(&w, "messages");
    jw_arr(&w);
    for (size_t i = n; i; i--) {
        add_json(&w, c->rows[i - 1], stack);
        if (add_line(&lines, c->rows[i - 1], stack, err))
            return -1;
    }
    jw_aend(&w);
    jw_key(&w, "counts");
    jw_obj(&w);
    for (int i = 0; i < CONSOLE_LEVELS; i++)
        jw_kint(&w, console_levels[i], (int64_t)all->counts[i]);
    jw_end(&w);
    if (more) {
        snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)c->rows[n - 1]->id);
        jw_kstr(&w, "cursor", cursor);
    }
    if (all->dropped)
        jw_kint(&w, "dropped", (int64_t)all->dropped);
    jw_end(&w);
    if (jw_done(&w) ||
        buf_addf(&text, err, "%s · %zu message%s", page_id(b->page), n, n == 1 ? "" : "s"))
        return -1;
    for (int i = 0; i < CONSOLE_LEVELS; i++)
        if (all->counts[i] && buf_addf(&text, err, " · %llu %s", (unsigned long long)all->counts[i],
                                       console_levels[i]))
            return -1;
    if (buf_addc(&text, '\n', err) ||
        (n && fence(&text, "console", info.url, lines.data, lines.len, err)) ||
        (more && buf_addf(&text, err, "older ones: browser_console cursor=%s\n", cursor)) ||
        (all->dropped && buf_addf(&text, err, "%llu older ones are no longer kept\n",
                                  (unsigned long long)all->dropped)) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_console(struct tool_call *call, const struct browser_console_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(console_list) struct console_list all = { 0 };
    AUTO_PTR(net_regex) struct net_regex *filter = NULL;
    AUTO_FREE struct chosen *c = calloc(1, sizeof(*c));
    const struct tools_context *ctx = call->context;
    uint64_t below;

    if (!c)
        return err_oom(err);
    if (args->filter && net_regex_new(args->filter, &filter, err))
        return err_wrap(err, "filter");
    if (read_cursor(args->cursor, &below, err) || browsing_begin(call, args->page_id, &b, err) ||
        console_list(b.page, &all, err))
        return -1;
    choose(&all, (enum console_level)args->level, below, filter, (size_t)args->limit, c);
    return reply(call, &b, &all, c, fitting(c, args->stack, ctx->default_max_bytes), args->stack,
                 err);
}
