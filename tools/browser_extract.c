#include "backend/browser/extract.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/fence.h"
#include "tools/render.h"
#include "tools/saving.h"

#include <string.h>

static const char *const ages[] = {
    [EXTRACT_FRESH] = "",
    [EXTRACT_AGAIN] = "",
    [EXTRACT_CHANGED] = "the page has changed since the first part was read; this goes on with "
                        "the text of then (offset=0 reads it as it is now)\n",
    [EXTRACT_MOVED] = "the page has another document since the first part was read; this is a "
                      "part of the new one (offset=0 reads it from its beginning)\n",
};

struct part {
    const struct extraction *x;
    enum extract_age age;
    size_t from, to;
};

static int head(struct buf *out, const struct browser_extract_args *args, const struct part *p,
                const char *page_id, struct err *err)
{
    const char *name = extract_format_name((enum extract_format)args->format);

    if (browsing_place(out, page_id, p->x->url, p->x->title, err) ||
        buf_addf(out, err, "%s%s%s · ", name, *p->x->how ? " · " : "", p->x->how))
        return -1;
    if (args->save_to)
        return render_bytes(out, p->x->len, err);
    if (p->from || p->to < p->x->len)
        return buf_addf(out, err, "bytes %zu to %zu of %zu", p->from, p->to, p->x->len);
    return render_bytes(out, p->x->len, err);
}

static int cut_note(struct buf *out, const struct extraction *x, struct err *err)
{
    if (!*x->cut)
        return buf_adds(out, "\n", err);
    return buf_addf(out, err,
                    " · the page is too large (%s): the rest of it is missing; pass a "
                    "target to read a part of it\n",
                    x->cut);
}

/* The call that gives the next part. */
static int next(struct buf *out, const struct browser_extract_args *args, const struct part *p,
                const char *page_id, struct err *err)
{
    struct jw w = JW(out, err);

    if (p->to >= p->x->len)
        return 0;
    if (buf_adds(out, "Next: browser_extract page_id=", err) || buf_adds(out, page_id, err) ||
        buf_addf(out, err, " format=%s offset=%zu",
                 extract_format_name((enum extract_format)args->format), p->to))
        return -1;
    if (args->target) {
        if (buf_adds(out, " target=", err))
            return -1;
        jw_str(&w, args->target);
        if (jw_done(&w))
            return -1;
    }
    return buf_addf(out, err, "%s reads on (%zu bytes are left).\n",
                    args->main_only ? "" : " main_only=false", p->x->len - p->to);
}

static int meta(struct tool_call *call, const struct part *p, const char *page_id, struct err *err)
{
    if (tool_meta_str(call, "page_id", page_id, err) ||
        tool_meta_str(call, "url", p->x->url, err) ||
        tool_meta_int(call, "total_bytes", (int64_t)p->x->len, err))
        return -1;
    return p->to < p->x->len ? tool_meta_int(call, "next_offset", (int64_t)p->to, err) : 0;
}

static const char *empty(const struct browser_extract_args *args)
{
    if (args->format <= (int)EXTRACT_HTML)
        return "no text is shown there now; browser_wait waits for some, browser_screenshot shows "
               "what there is\n";
    return "nothing of that kind is there\n";
}

static int reply(struct tool_call *call, const struct browser_extract_args *args,
                 const struct part *p, const char *page_id, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);

    if (head(&text, args, p, page_id, err) || cut_note(&text, p->x, err) ||
        buf_adds(&text, ages[p->age], err))
        return -1;
    if (!p->x->len) {
        if (buf_adds(&text, empty(args), err))
            return -1;
    } else if (fence(&text, "page content", p->x->url, p->x->content + p->from, p->to - p->from,
                     err) ||
               next(&text, args, p, page_id, err)) {
        return -1;
    }
    return meta(call, p, page_id, err) ? -1 : tool_text(call, text.data, text.len, err);
}

static int save(struct tool_call *call, struct browsing *b, const struct browser_extract_args *args,
                const struct part *p, struct err *err)
{
    AUTO(saving)
    struct saving s = {
        .sandbox = b->sandbox,
        .call = call->call,
        .path = args->save_to,
    };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);

    if (saving_add(&s, p->x->content, p->x->len, err))
        return err_wrap(err, "save_to");
    if (head(&text, args, p, page_id(b->page), err) || cut_note(&text, p->x, err) ||
        buf_adds(&text, "saved to ", err) || render_name(&text, s.saved, err) ||
        buf_adds(&text, "\n", err) || tool_meta_str(call, "path", s.saved, err))
        return -1;
    return meta(call, p, page_id(b->page), err) ? -1 : tool_text(call, text.data, text.len, err);
}

static int choose_part(struct part *p, const struct browser_extract_args *args, struct err *err)
{
    size_t offset = (size_t)args->offset;

    if (offset && offset >= p->x->len) {
        err_set(err, ERR_INVALID, "offset: the content has %zu bytes only", p->x->len);
        return err_next(err, "pass the offset that the part before named");
    }
    while (offset && ((unsigned char)p->x->content[offset] & 0xc0) == 0x80)
        offset--;
    p->from = offset;
    p->to = extract_part(p->x->content, p->x->len, offset, (size_t)args->max_bytes);
    return 0;
}

int tool_browser_extract(struct tool_call *call, const struct browser_extract_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO_PTR(extraction) struct extraction *x = NULL;
    struct input_target target;
    struct part part = { 0 };
    struct extract_how how = {
        .format = (enum extract_format)args->format,
        .name = args->target,
        .main_only = args->main_only,
        .again = args->offset > 0,
    };

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    if (args->target) {
        if (browsing_target(call, &b, args->target, &target, err))
            return -1;
        how.target = &target;
    }
    if (page_extract(b.page, &how, call->call, &x, &part.age, err))
        return -1;
    part.x = x;
    if (args->save_to)
        return save(call, &b, args, &part, err);
    return choose_part(&part, args, err) ? -1 : reply(call, args, &part, page_id(b.page), err);
}
