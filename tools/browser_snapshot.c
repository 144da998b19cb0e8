#include "backend/browser/snapshot.h"
#include "tools.gen.h"
#include "tools/browsing.h"
#include "tools/fence.h"
#include "tools/render.h"

#include <string.h>

static int header(struct buf *out, const struct page_info *info, const struct snapshot *s,
                  struct err *err)
{
    if (browsing_place(out, info->id, info->url, info->title, err))
        return -1;
    out->len--; /* the line goes on */
    if (buf_addf(out, err, " · generation %llu · %zu element%s", (unsigned long long)s->generation,
                 s->elements, s->elements == 1 ? "" : "s") ||
        (s->changed &&
         buf_addf(out, err, " · %zu change%s", s->changes, s->changes == 1 ? "" : "s")) ||
        (info->console_errors &&
         buf_addf(out, err, " · %llu console error%s", (unsigned long long)info->console_errors,
                  info->console_errors == 1 ? "" : "s")) ||
        (info->loading && buf_adds(out, " · still loading", err)))
        return -1;
    return buf_addc(out, '\n', err);
}

static int remarks(struct buf *out, const struct snapshot_how *how, const struct snapshot *s,
                   struct err *err)
{
    if (how->mode == SNAPSHOT_CHANGES && !s->changed && !how->target &&
        buf_adds(out, "all of it: it navigated, or there was no snapshot before\n", err))
        return -1;
    if (s->modal && buf_adds(out, "only the modal dialog: what is behind it takes no input\n", err))
        return -1;
    if (s->changed && !s->changes)
        return buf_adds(out, "nothing changed\n", err);
    return 0;
}

static int footer(struct buf *out, const struct snapshot *s, struct err *err)
{
    if (s->cut && buf_adds(out, "the page is larger than what was looked at\n", err))
        return -1;
    return s->folded ? buf_adds(out,
                                "… = left out: browser_snapshot with target=REF shows it, "
                                "browser_find looks in all of it\n",
                                err)
                     : 0;
}

int browsing_snapshot(struct tool_call *call, struct browsing *b, const struct snapshot_how *how,
                      struct buf *out, struct err *err)
{
    static const struct snapshot_how whole = { .mode = SNAPSHOT_FULL };
    AUTO(snapshot) struct snapshot s = { 0 };
    struct tools_context *context = call->context;
    struct snapshot_how own = how ? *how : whole;
    struct page_info info;

    own.caller = call->principal;
    if (!own.max_bytes)
        own.max_bytes = context->default_max_bytes;
    if (own.max_bytes > context->max_bytes)
        own.max_bytes = context->max_bytes;
    if (page_snapshot(b->page, &own, call->call, &s, err))
        return -1;
    page_refresh_title(b->page, call->call);
    page_info(b->page, &info);
    if (header(out, &info, &s, err) || remarks(out, &own, &s, err))
        return -1;
    if (s.text.len && fence(out, "page", info.url, s.text.data, s.text.len, err))
        return -1;
    return footer(out, &s, err);
}

int tool_browser_snapshot(struct tool_call *call, const struct browser_snapshot_args *args,
                          struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    AUTO_FREE char *target = args->target ? strdup(args->target) : NULL;
    struct input_target element;
    struct snapshot_how how = {
        .mode = (enum snapshot_mode)args->mode,
        .depth = (int)args->depth,
        .max_bytes = (size_t)args->max_bytes,
    };

    if (args->target && !target)
        return err_oom(err);
    if (target && snapshot_is_ref(target, &how.rest) && how.rest)
        target[strlen(target) - 1] = '\0';
    if (browsing_begin(call, args->page_id, &b, err) ||
        (target && browsing_target(call, &b, target, &element, err)))
        return -1;
    if (target)
        how.target = &element;
    if (browsing_snapshot(call, &b, &how, &text, err) ||
        tool_meta_str(call, "page_id", page_id(b.page), err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

/* ---- browser_find ---- */

static int render_hit(struct buf *out, yyjson_val *hit, struct err *err)
{
    const char *role = json_str(hit, "role"), *name = json_str(hit, "name");
    const char *context = json_str(hit, "context"), *path = json_str(hit, "path");
    bool named = name && *name,
         more = context && *context && (!named || strcmp(context, name) != 0);

    if (buf_addf(out, err, "- %s", role ? role : "") ||
        (named &&
         (buf_adds(out, " \"", err) || render_name(out, name, err) || buf_addc(out, '"', err))) ||
        buf_addf(out, err, " [%s]", json_str(hit, "ref")) ||
        (more && (buf_adds(out, named ? " … " : ": ", err) || render_name(out, context, err))) ||
        (path && *path && (buf_adds(out, " · in ", err) || render_name(out, path, err))))
        return -1;
    return buf_addc(out, '\n', err);
}

static int render_hits(struct buf *out, struct browsing *b, const struct buf *json, size_t total,
                       struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(json->data, json->len, err);
    AUTO(buf) struct buf lines = BUF_MAX(RENDER_MAX);
    yyjson_val *hits, *hit;
    struct page_info info;
    size_t i, n;

    if (!doc)
        return -1;
    hits = yyjson_obj_get(yyjson_doc_get_root(doc), "matches");
    yyjson_arr_foreach (hits, i, n, hit)
        if (render_hit(&lines, hit, err))
            return -1;
    page_info(b->page, &info);
    n = yyjson_arr_size(hits);
    if (browsing_place(out, info.id, info.url, info.title, err))
        return -1;
    out->len--; /* the line goes on */
    if ((n < total ? buf_addf(out, err, " · %zu of %zu matches\n", n, total)
                   : buf_addf(out, err, " · %zu match%s\n", n, n == 1 ? "" : "es")))
        return -1;
    return n ? fence(out, "page", info.url, lines.data, lines.len, err)
             : buf_adds(out, "try a part of the text, or look with browser_snapshot\n", err);
}

int tool_browser_find(struct tool_call *call, const struct browser_find_args *args, struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    size_t total;
    const struct snapshot_query query = {
        .text = args->text,
        .regex = args->regex,
        .role = args->role,
        .limit = (size_t)args->limit,
    };

    if (!args->text && !args->regex && !args->role) {
        err_set(err, ERR_INVALID, "nothing to look for");
        return err_next(err, "pass text, regex or role");
    }
    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "page_id", page_id(b.page));
    if (page_find(b.page, &query, call->call, &w, &total, err))
        return -1;
    jw_end(&w);
    if (jw_done(&w) || render_hits(&text, &b, &json, total, err) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}
