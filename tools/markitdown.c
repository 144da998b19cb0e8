#include "tools.gen.h"
#include "tools/fence.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <string.h>

#define TITLE_MAX 200

/* "/workspace/report.pdf · pdf · 12 pages · "Title" · by poppler" */
static int head(struct buf *out, const struct document_result *r, struct err *err)
{
    if (render_name(out, r->name, err) ||
        buf_addf(out, err, " · %s · %lld %s%s", r->format, (long long)r->pages, r->unit,
                 r->pages == 1 ? "" : "s"))
        return -1;
    if (*r->title &&
        (buf_adds(out, " · \"", err) || buf_addf(out, err, "%.*s\"", TITLE_MAX, r->title)))
        return -1;
    return strcmp(r->converter, "own") ? buf_addf(out, err, " · by %s", r->converter) : 0;
}

static int notes(struct buf *out, const struct document_result *r, struct err *err)
{
    for (size_t i = 0; i < r->notes.count; i++)
        if (buf_addf(out, err, "note: %s\n", r->notes.items[i]))
            return -1;
    return 0;
}

static int fence_document(struct buf *out, const struct document_result *r, const char *text,
                          size_t len, struct err *err)
{
    AUTO(buf) struct buf what = BUF_MAX(16384);

    if (*r->url)
        return fence(out, "document", r->url, text, len, err);
    if (buf_adds(&what, "document ", err) || render_name(&what, r->name, err))
        return -1;
    return fence(out, what.data, "", text, len, err);
}

static int saved(struct buf *out, struct tool_call *call, const struct document_result *r,
                 struct err *err)
{
    return buf_adds(out, "saved to ", err) || render_name(out, r->saved, err) ||
                   buf_addc(out, '\n', err) || tool_meta_str(call, "path", r->saved, err)
               ? -1
               : 0;
}

/* The call that gives the next part. */
static int next(struct buf *out, const struct markitdown_convert_args *args,
                const struct document_result *r, struct err *err)
{
    struct jw w = JW(out, err);

    if (r->to >= r->total)
        return 0;
    if (buf_adds(out, "Next: markitdown_convert uri=", err))
        return -1;
    jw_str(&w, args->uri);
    if (jw_done(&w) || (args->pages && buf_addf(out, err, " pages=%s", args->pages)))
        return -1;
    return buf_addf(out, err, " offset=%lld reads on (%lld bytes are left).\n", (long long)r->to,
                    (long long)(r->total - r->to));
}

static int render_markdown(struct tool_call *call, const struct markitdown_convert_args *args,
                           const struct document_result *r, struct buf *out, struct err *err)
{
    if (head(out, r, err) || buf_adds(out, " · ", err))
        return -1;
    if (!r->saved && (r->from || r->to < r->total)) {
        if (buf_addf(out, err, "bytes %lld to %lld of %lld", (long long)r->from, (long long)r->to,
                     (long long)r->total))
            return -1;
    } else if (render_bytes(out, (uint64_t)r->total, err)) {
        return -1;
    }
    if (buf_addc(out, '\n', err) || notes(out, r, err))
        return -1;
    if (r->saved)
        return saved(out, call, r, err);
    if (!r->text.len)
        return buf_adds(out, "there is no text in it\n", err);
    return fence_document(out, r, r->text.data, r->text.len, err) ? -1 : next(out, args, r, err);
}

static int open_and_convert(struct tool_call *call, const struct document_request *req,
                            struct document_result *res, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    return tools_sandbox(call, &sb, err) ? -1 : sandbox_document(sb, call->call, req, res, err);
}

int tool_markitdown_convert(struct tool_call *call, const struct markitdown_convert_args *args,
                            struct err *err)
{
    AUTO(document_result) struct document_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    struct document_request req = {
        .what = DOCUMENT_MARKDOWN,
        .uri = args->uri,
        .pages = args->pages,
        .offset = args->offset,
        .max_bytes = (size_t)args->max_bytes,
        .save_to = args->save_to,
    };

    if (open_and_convert(call, &req, &res, err) || render_markdown(call, args, &res, &text, err) ||
        tool_meta_str(call, "title", res.title, err) ||
        tool_meta_int(call, "pages", res.pages, err) ||
        tool_meta_int(call, "total_bytes", res.total, err) ||
        (!res.saved && res.to < res.total && tool_meta_int(call, "next_offset", res.to, err)))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

/* ---- extract ---- */

static int row_line(struct buf *out, yyjson_val *row, struct err *err)
{
    yyjson_val *cell;
    size_t i, n;

    yyjson_arr_foreach (row, i, n, cell) {
        const char *s = yyjson_get_str(cell);
        if ((i && buf_adds(out, " | ", err)) || buf_adds(out, s ? s : "", err))
            return -1;
    }
    return buf_addc(out, '\n', err);
}

static int rows_lines(struct buf *out, yyjson_val *rows, struct err *err)
{
    yyjson_val *row;
    size_t i, n;

    yyjson_arr_foreach (rows, i, n, row)
        if (row_line(out, row, err))
            return -1;
    return 0;
}

/* "level 1 · title Sales · page 2", and below it what is long. */
static int item_lines(struct buf *out, yyjson_val *item, struct err *err)
{
    yyjson_val *name, *value, *text = yyjson_obj_get(item, "text");
    bool first = true, lengthy = yyjson_get_len(text) > 120;
    size_t i, n;

    yyjson_obj_foreach (item, i, n, name, value) {
        if (yyjson_is_arr(value) || (lengthy && value == text))
            continue;
        if ((!first && buf_adds(out, " · ", err)) ||
            buf_addf(out, err, "%s ", yyjson_get_str(name)))
            return -1;
        first = false;
        if (yyjson_is_str(value) ? buf_adds(out, yyjson_get_str(value), err)
                                 : buf_addf(out, err, "%lld", (long long)yyjson_get_sint(value)))
            return -1;
    }
    if (buf_addc(out, '\n', err))
        return -1;
    if (lengthy && (buf_adds(out, yyjson_get_str(text), err) || buf_addc(out, '\n', err)))
        return -1;
    return rows_lines(out, yyjson_obj_get(item, "rows"), err);
}

static int items_text(struct buf *out, const struct document_result *r, struct err *err)
{
    AUTO(buf) struct buf lines = BUF_MAX(RENDER_MAX);
    yyjson_val *item;
    size_t i, n;

    yyjson_arr_foreach (r->items, i, n, item)
        if (item_lines(&lines, item, err))
            return -1;
    return lines.len ? fence_document(out, r, lines.data, lines.len, err) : 0;
}

static int extract_text(struct tool_call *call, const struct document_result *r, const char *what,
                        struct buf *out, struct err *err)
{
    size_t shown = yyjson_arr_size(r->items);

    if (head(out, r, err) || buf_addf(out, err, " · %s: ", what))
        return -1;
    if (!r->saved && shown < (size_t)r->count && buf_addf(out, err, "%zu of ", shown))
        return -1;
    if (buf_addf(out, err, "%lld\n", (long long)r->count) || notes(out, r, err))
        return -1;
    if (r->saved)
        return saved(out, call, r, err);
    if (items_text(out, r, err))
        return -1;
    return r->truncated
               ? buf_adds(out,
                          "Next: pages, sheet or range for a part of it, or save_to for all "
                          "of it in a file.\n",
                          err)
               : 0;
}

static int extract_json(const struct document_result *r, struct buf *json, struct err *err)
{
    struct jw w = JW(json, err);

    jw_obj(&w);
    jw_kstr(&w, "uri", r->name);
    jw_key(&w, "items");
    if (r->items) {
        jw_val(&w, r->items);
    } else {
        jw_arr(&w);
        jw_aend(&w);
    }
    jw_kint(&w, "count", r->count);
    jw_kbool(&w, "truncated", r->truncated);
    if (r->saved)
        jw_kstr(&w, "saved", r->saved);
    jw_end(&w);
    return jw_done(&w);
}

int tool_markitdown_extract(struct tool_call *call, const struct markitdown_extract_args *args,
                            struct err *err)
{
    static const enum document_what whats[] = {
        [MARKITDOWN_EXTRACT_WHAT_METADATA] = DOCUMENT_METADATA,
        [MARKITDOWN_EXTRACT_WHAT_OUTLINE] = DOCUMENT_OUTLINE,
        [MARKITDOWN_EXTRACT_WHAT_TABLES] = DOCUMENT_TABLES,
        [MARKITDOWN_EXTRACT_WHAT_LINKS] = DOCUMENT_LINKS,
        [MARKITDOWN_EXTRACT_WHAT_IMAGES] = DOCUMENT_IMAGES,
        [MARKITDOWN_EXTRACT_WHAT_TEXT] = DOCUMENT_TEXT,
    };
    struct tools_context *ctx = call->context;
    AUTO(document_result) struct document_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 2), json = BUF_MAX(RENDER_MAX * 2);
    struct document_request req = {
        .what = whats[args->what],
        .uri = args->uri,
        .pages = args->pages,
        .sheet = args->sheet,
        .range = args->range,
        .max_bytes = ctx->default_max_bytes,
        .save_to = args->save_to,
    };

    if (open_and_convert(call, &req, &res, err) ||
        extract_text(call, &res, document_whats[req.what], &text, err) ||
        extract_json(&res, &json, err) || tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}
