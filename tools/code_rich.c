#include "base/utf8.h"
#include "tools/code_show.h"
#include "tools/picture.h"
#include "tools/render.h"

#include <string.h>

#define ROOM_MAX (24 * 1024) /* all of a cell's text results together */
#define NAMED_MAX 8          /* left-out results that are named */

#define CHART "application/vnd.sandbox-mcp.chart+json"
#define OTHER_MAX (4 * 1024)

/* How much of a result a reader gets: a `copy` only where nothing says the same in text. */
static const struct form {
    const char *mime;
    size_t max;
    bool copy;
} forms[] = {
    { "text/plain", 16 * 1024, false },
    { "text/markdown", 16 * 1024, false },
    { "application/json", 16 * 1024, false },
    { "text/latex", 8 * 1024, false },
    { CHART, 8 * 1024, false },
    { "text/html", OTHER_MAX, true },
    { "application/vnd.plotly.v1+json", OTHER_MAX, true },
    { "image/svg+xml", 2 * 1024, false },
    { "application/javascript", 2 * 1024, false },
    { "application/pdf", 0, false },
};

struct left_out {
    struct tool_call *call;
    struct sandbox *sb;
    struct buf names;
    size_t count;
};

static const struct form *form_of(const char *mime)
{
    static const struct form other = { NULL, OTHER_MAX, false }, picture = { NULL, 0, false };

    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if (!strcmp(forms[i].mime, mime))
            return &forms[i];
    return strncmp(mime, "image/", 6) ? &other : &picture;
}

/* "<Figure size 640x480 with 1 Axes>" says less than the form beside it. */
static bool tells(const char *text)
{
    size_t len = text ? strlen(text) : 0;

    return len && !(text[0] == '<' && text[len - 1] == '>');
}

static bool is_plain(const struct code_output *o)
{
    return !strcmp(o->mime, "text/plain");
}

/*
 * The forms of one value stand together, text/plain last; that of a cell's own value is r->text.
 * Behind the last of those that begin at `from`.
 */
static size_t bundle_end(const struct code_result *r, size_t from)
{
    while (from < r->result_count && !is_plain(&r->results[from]))
        from++;
    return from < r->result_count ? from + 1 : from;
}

static bool said_in_text(const struct code_result *r, size_t from, size_t to)
{
    bool said = !is_plain(&r->results[to - 1]) && tells(r->text);

    for (size_t i = from; i < to && !said; i++) {
        const struct code_output *o = &r->results[i];
        said = (is_plain(o) && tells(buf_str(&o->data))) || !strcmp(o->mime, "text/markdown") ||
               !strcmp(o->mime, CHART);
    }
    return said;
}

int code_section(struct buf *out, const char *name, const char *text, size_t len, size_t max,
                 struct err *err)
{
    size_t keep = len > max ? utf8_cut(text, max) : len;

    if (!len)
        return 0;
    if (buf_adds(out, "--- ", err) || render_name(out, name, err) || buf_addc(out, '\n', err) ||
        render_plain(out, text, keep, err))
        return -1;
    return len > keep ? buf_addf(out, err, "[... %zu bytes omitted ...]\n", len - keep) : 0;
}

/* Where it is, unless something beside it says the same; nothing when it cannot be kept. */
static int saved(const struct left_out *left, const struct code_output *o, struct buf *out,
                 struct err *err)
{
    char path[CODE_SAVED_MAX];

    if (form_of(o->mime)->copy || code_save(left->call, left->sb, o, path, NULL))
        return 0;
    return buf_addf(out, err, ", in %s", path);
}

static int leave_out(struct left_out *left, const struct code_output *o, struct err *err)
{
    if (left->count++ >= NAMED_MAX)
        return 0;
    if (buf_adds(&left->names, left->count == 1 ? "not shown: " : ", ", err) ||
        render_name(&left->names, o->mime, err) || buf_adds(&left->names, " (", err))
        return -1;
    if (!o->data.len)
        return buf_adds(&left->names, "too large)", err);
    return render_bytes(&left->names, o->data.len, err) || saved(left, o, &left->names, err) ||
                   buf_addc(&left->names, ')', err)
               ? -1
               : 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int show(struct buf *out, const struct code_result *r, struct left_out *left,
                struct err *err)
{
    size_t room = ROOM_MAX, begin = 0, end = 0;
    bool said = false;

    for (size_t i = 0; i < r->result_count; i++) {
        const struct code_output *o = &r->results[i];
        const struct form *form = form_of(o->mime);
        bool plain = is_plain(o);
        if (i == end) {
            begin = i;
            end = bundle_end(r, i);
            said = said_in_text(r, begin, end);
        }
        size_t max = form->copy && said ? 0 : smaller(form->max, room);
        if (picture_mime(buf_str(&o->data), o->data.len) || (!o->data.len && !o->truncated) ||
            (plain && r->text && !strcmp(r->text, buf_str(&o->data))) ||
            (plain && i > begin && !tells(buf_str(&o->data))))
            continue;
        if (!max || !o->data.len) {
            if (leave_out(left, o, err))
                return -1;
            continue;
        }
        if (code_section(out, plain ? "display" : o->mime, buf_str(&o->data), o->data.len, max,
                         err))
            return -1;
        room -= smaller(room, o->data.len);
        if (o->data.len > max && leave_out(left, o, err))
            return -1;
    }
    return 0;
}

static int created(struct buf *out, const struct strings *files, struct err *err)
{
    for (size_t i = 0; i < files->count; i++)
        if (buf_adds(out, i ? ", " : "files created: ", err) ||
            render_name(out, files->items[i], err))
            return -1;
    return files->count ? buf_addc(out, '\n', err) : 0;
}

int code_rich_sections(struct tool_call *call, struct sandbox *sb, struct buf *out,
                       const struct code_result *r, struct err *err)
{
    struct left_out left = { .call = call, .sb = sb, .names = BUF_MAX(RENDER_MAX) };
    int result = show(out, r, &left, err);

    if (!result && left.count)
        result = buf_adds(out, buf_str(&left.names), err);
    if (!result && left.count > NAMED_MAX)
        result = buf_addf(out, err, " and %zu more", left.count - NAMED_MAX);
    if (!result && left.count)
        result = buf_addc(out, '\n', err);
    if (!result && r->results_dropped)
        result = buf_addf(out, err,
                          "%zu more results had no room and are lost: show fewer in one cell, or "
                          "save them to files.\n",
                          r->results_dropped);
    if (!result)
        result = created(out, &r->files_created, err);
    buf_done(&left.names);
    return result;
}
