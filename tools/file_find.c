#include "base/clock.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <string.h>

static int entry_line(struct buf *out, const struct file_entry *e, struct err *err)
{
    char mode[11], when[CLOCK_ISO_SIZE];

    if (e->type == 'm')
        return buf_addf(out, err, "... %lld more in ", (long long)e->size) ||
                       render_name(out, e->path, err) || buf_addc(out, '\n', err)
                   ? -1
                   : 0;
    render_mode(e->type, e->mode, mode);
    clock_iso(e->mtime_ms, when);
    when[10] = ' ';
    when[16] = '\0';
    if (buf_addf(out, err, "%s %10lld %s ", mode, (long long)e->size, when) ||
        render_name(out, e->path, err) || (e->type == 'd' && buf_addc(out, '/', err)))
        return -1;
    if (e->target && (buf_adds(out, " -> ", err) || render_name(out, e->target, err)))
        return -1;
    return buf_addc(out, '\n', err);
}

int tool_file_list(struct tool_call *call, const struct file_list_args *args, struct err *err)
{
    static const enum file_sort sorts[] = {
        [FILE_LIST_SORT_NAME] = FILE_BY_NAME,
        [FILE_LIST_SORT_SIZE] = FILE_BY_SIZE,
        [FILE_LIST_SORT_MTIME] = FILE_BY_MTIME,
    };
    struct tools_context *ctx = call->context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_list_result) struct file_list_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 4);
    struct file_list_request req = {
        .path = args->path,
        .depth = args->depth,
        .glob = args->glob,
        .hidden = args->hidden,
        .ignore = args->has_ignore ? args->ignore : args->depth > 1,
        .sort = sorts[args->sort],
        .limit = args->limit,
        .cursor = args->cursor,
        .max_bytes = ctx->default_max_bytes,
    };

    if (tools_sandbox(call, &sb, err) || sandbox_file_list(sb, call->call, &req, &res, err) ||
        render_name(&text, res.path, err) || buf_addf(&text, err, " · %zu entries", res.count))
        return -1;
    if (res.truncated && res.total >= 0 && buf_addf(&text, err, " of %lld", (long long)res.total))
        return -1;
    if (buf_addc(&text, '\n', err))
        return -1;
    for (size_t i = 0; i < res.count; i++)
        if (entry_line(&text, &res.entries[i], err))
            return -1;
    if (res.next_cursor &&
        buf_addf(&text, err, "Next: file_list cursor=%s lists on.\n", res.next_cursor))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

/* grep's forms: "path:12:5: text" for a hit, "path-11- text" for context. */
static int match_line(struct buf *out, const struct file_match *m, struct err *err)
{
    char sep = m->kind == 'm' ? ':' : '-';

    if (render_name(out, m->path, err))
        return -1;
    if (!m->line)
        return buf_addc(out, '\n', err);
    if (buf_addf(out, err, "%c%lld%c", sep, (long long)m->line, sep))
        return -1;
    if (m->kind == 'm' && buf_addf(out, err, "%lld:", (long long)m->column))
        return -1;
    if (buf_addc(out, ' ', err) ||
        render_plain(out, m->text ? m->text : "", m->text ? strlen(m->text) : 0, err))
        return -1;
    return out->data[out->len - 1] == '\n' ? 0 : buf_addc(out, '\n', err);
}

static int search_header(struct buf *out, const struct file_search_result *r, bool names,
                         struct err *err)
{
    size_t hits = 0;

    for (size_t i = 0; i < r->count; i++)
        hits += r->matches[i].kind == 'm';
    if (buf_addf(out, err, "%zu %s%s below ", hits, names ? "path" : "match",
                 hits == 1 ? ""
                 : names   ? "s"
                           : "es") ||
        render_name(out, r->path, err) ||
        buf_addf(out, err, " · %lld file%s searched", (long long)r->files_scanned,
                 r->files_scanned == 1 ? "" : "s"))
        return -1;
    if (r->files_skipped && buf_addf(out, err, " · %lld skipped (binary, too large or unreadable)",
                                     (long long)r->files_skipped))
        return -1;
    return buf_addc(out, '\n', err);
}

int tool_file_search(struct tool_call *call, const struct file_search_args *args, struct err *err)
{
    struct tools_context *ctx = call->context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_search_result) struct file_search_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 4);
    bool names = args->mode == FILE_SEARCH_MODE_NAME;
    struct file_search_request req = {
        .pattern = args->pattern,
        .path = args->path,
        .names = names,
        .include = args->include.items,
        .include_count = args->include.count,
        .exclude = args->exclude.items,
        .exclude_count = args->exclude.count,
        .literal = args->literal,
        .ignore_case = args->ignore_case,
        .multiline = args->multiline,
        .context = args->context,
        .limit = args->limit,
        .cursor = args->cursor,
        .max_bytes = ctx->default_max_bytes,
    };

    if (tools_sandbox(call, &sb, err) || sandbox_file_search(sb, call->call, &req, &res, err) ||
        search_header(&text, &res, names, err))
        return -1;
    for (size_t i = 0; i < res.count; i++)
        if (match_line(&text, &res.matches[i], err))
            return -1;
    if (res.note && render_plain(&text, res.note, strlen(res.note), err))
        return -1;
    if (res.next_cursor &&
        buf_addf(&text, err, "Next: file_search cursor=%s finds more.\n", res.next_cursor))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
