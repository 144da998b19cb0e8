#include "tests/browser/drive.h"

#include <string.h>

static void put_info(struct jw *w, const struct page_info *info)
{
    jw_obj(w);
    jw_kstr(w, "id", info->id);
    jw_kstr(w, "opener", info->opener);
    jw_kstr(w, "context", info->context);
    jw_kstr(w, "url", info->url);
    jw_kstr(w, "title", info->title);
    jw_kbool(w, "loading", info->loading);
    jw_kbool(w, "crashed", info->crashed);
    jw_kbool(w, "closed", info->closed);
    jw_kstr(w, "dialog", info->dialog ? info->dialog_type : NULL);
    jw_kstr(w, "dialog_message", info->dialog_message);
    jw_kint(w, "in_flight", info->in_flight);
    jw_kint(w, "console_errors", (int64_t)info->console_errors);
    jw_kint(w, "documents", (int64_t)info->documents);
    jw_end(w);
}

static void put_page(struct jw *w, struct page *page)
{
    struct page_info info;

    page_info(page, &info);
    put_info(w, &info);
}

static int do_open(const struct drive *d)
{
    AUTO_PTR(page) struct page *page = NULL;

    if (browser_open(d->browser, json_str(d->args, "context"), d->call, &page, d->err))
        return -1;
    put_page(d->out, page);
    return 0;
}

static int do_pages(const struct drive *d)
{
    struct page *pages[BROWSER_PAGES_MAX];
    size_t n = browser_pages(d->browser, pages);

    jw_arr(d->out);
    for (size_t i = 0; i < n; i++) {
        put_page(d->out, pages[i]);
        page_unref(pages[i]);
    }
    jw_aend(d->out);
    return 0;
}

static int do_info(const struct drive *d)
{
    put_page(d->out, d->page);
    return 0;
}

static int do_frames(const struct drive *d)
{
    AUTO_FREE struct page_frame *frames = NULL;
    size_t n;

    if (page_frames(d->page, &frames, &n, d->err))
        return -1;
    jw_arr(d->out);
    for (size_t i = 0; i < n; i++) {
        int64_t world = 0;
        (void)!page_world(d->page, &frames[i], d->call, &world, NULL);
        jw_obj(d->out);
        jw_kstr(d->out, "id", frames[i].id);
        jw_kstr(d->out, "parent", frames[i].parent);
        jw_kstr(d->out, "session", frames[i].session);
        jw_kstr(d->out, "url", frames[i].url);
        jw_kbool(d->out, "remote", frames[i].remote);
        jw_kint(d->out, "world", world);
        jw_end(d->out);
    }
    jw_aend(d->out);
    return 0;
}

static int index_of(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; name && i < n; i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return 0;
}

static int do_goto(const struct drive *d)
{
    static const char *const waits[] = { "commit", "dom", "load", "idle" };
    static const char *const goes[] = { "goto", "back", "forward", "reload" };
    const char *wait = json_str(d->args, "wait");
    struct page_went went;
    struct page_goto how = {
        .go = (enum page_go)index_of(goes, 4, json_str(d->args, "go")),
        .url = json_str(d->args, "url"),
        .wait = (enum page_wait)index_of(waits, 4, wait ? wait : "dom"),
        .timeout_ms = json_int(d->args, "timeout_ms", 0),
    };

    if (page_navigate(d->page, &how, d->call, &went, d->err))
        return -1;
    jw_obj(d->out);
    jw_kstr(d->out, "url", went.url);
    jw_kstr(d->out, "title", went.title);
    jw_kstr(d->out, "redirected_from", went.redirected_from);
    jw_kint(d->out, "status", went.status);
    jw_kbool(d->out, "download", went.download);
    jw_kbool(d->out, "same_document", went.same_document);
    jw_kbool(d->out, "unfinished", went.unfinished);
    jw_end(d->out);
    return 0;
}

static int do_eval(const struct drive *d)
{
    AUTO(page_value) struct page_value value = { 0 };
    struct page_script script = {
        .text = json_str(d->args, "script"),
        .arg = json_str(d->args, "arg"),
        .session = json_str(d->args, "session"),
        .frame = json_str(d->args, "frame"),
        .node = json_int(d->args, "node", 0),
        .timeout_ms = json_int(d->args, "timeout_ms", 0),
        .max_bytes = (size_t)json_int(d->args, "max_bytes", 0),
    };

    if (page_evaluate(d->page, &script, d->call, &value, d->err))
        return -1;
    jw_obj(d->out);
    jw_kstr(d->out, "type", value.type);
    jw_kbool(d->out, "truncated", value.truncated);
    jw_kstr(d->out, "json", buf_str(&value.json));
    jw_end(d->out);
    return 0;
}

static int do_shot(const struct drive *d)
{
    AUTO(page_picture) struct page_picture picture = { 0 };
    yyjson_val *clip = yyjson_obj_get(d->args, "clip");
    struct page_shot shot = {
        .format = json_str(d->args, "format"),
        .full_page = json_bool(d->args, "full_page", false),
        .clip = clip != NULL,
        .x = yyjson_get_num(yyjson_arr_get(clip, 0)),
        .y = yyjson_get_num(yyjson_arr_get(clip, 1)),
        .width = yyjson_get_num(yyjson_arr_get(clip, 2)),
        .height = yyjson_get_num(yyjson_arr_get(clip, 3)),
    };

    if (page_screenshot(d->page, &shot, d->call, &picture, d->err))
        return -1;
    jw_obj(d->out);
    jw_kint(d->out, "width", picture.width);
    jw_kint(d->out, "height", picture.height);
    jw_knum(d->out, "scale", picture.scale);
    jw_kint(d->out, "quality", picture.quality);
    jw_kstr(d->out, "format", picture.format);
    jw_kstr(d->out, "base64", buf_str(&picture.base64));
    jw_end(d->out);
    return 0;
}

/* Any command: without a page it goes to the browser. */
static int do_cdp(const struct drive *d)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO_FREE char *params = yyjson_val_write(yyjson_obj_get(d->args, "params"), 0, NULL);
    const char *method = json_str(d->args, "method"), *session = json_str(d->args, "session");
    int64_t ms = json_int(d->args, "timeout_ms", 0);
    int r = d->page ? page_call(d->page, session, method, params, ms, d->call, &reply, d->err)
                    : cdp_call(browser_cdp(d->browser), session, method, params, ms, d->call,
                               &reply, d->err);

    if (!r)
        jw_val(d->out, reply.result);
    return r;
}

static int do_dialog(const struct drive *d)
{
    struct page_info info;

    if (page_dialog(d->page, json_bool(d->args, "accept", false), json_str(d->args, "text"),
                    d->call, &info, d->err))
        return -1;
    put_info(d->out, &info);
    return 0;
}

static int do_close(const struct drive *d)
{
    return page_close(d->page, d->call, d->err);
}

static int do_activate(const struct drive *d)
{
    return page_activate(d->page, d->call, d->err);
}

static int do_count(const struct drive *d)
{
    const char *type = json_str(d->args, "type");

    jw_int(d->out, (int64_t)browser_count(d->browser, type ? type : "page"));
    return 0;
}

static int do_alive(const struct drive *d)
{
    jw_bool(d->out, browser_alive(d->browser));
    return 0;
}

static int do_quit(const struct drive *d)
{
    return browser_quit(d->browser, d->err);
}

const struct drive_row drive_rows[] = {
    { "open", do_open },     { "pages", do_pages },       { "info", do_info },
    { "frames", do_frames }, { "goto", do_goto },         { "eval", do_eval },
    { "shot", do_shot },     { "cdp", do_cdp },           { "dialog", do_dialog },
    { "close", do_close },   { "activate", do_activate }, { "count", do_count },
    { "alive", do_alive },   { "quit", do_quit },         { NULL, NULL },
};
