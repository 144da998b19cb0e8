#include "backend/browser/keeper.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/uploads.h"

#include <stdlib.h>
#include <string.h>

void uploads_done(struct uploads *u)
{
    for (size_t i = 0; i < UPLOAD_FILES_MAX; i++)
        file_read_result_done(&u->read[i]);
}

static int open_one(struct tool_call *call, struct browsing *b, const char *path, bool shared,
                    struct uploads *u, struct err *err)
{
    struct file_read_result *res = &u->read[u->count];
    struct upload_file *file = &u->files[u->count];
    const struct file_read_request req = {
        .path = path,
        .bytes = true,
        .limit = shared ? 1 : 0,
        .max_bytes = shared ? 1 : UPLOAD_INLINE_MAX + 1,
    };
    const char *slash;

    if (sandbox_file_read(b->sandbox, call->call, &req, res, err))
        return err_wrap(err, "paths");
    u->count++;
    slash = strrchr(res->path, '/');
    *file = (struct upload_file){ .name = slash ? slash + 1 : res->path };
    if (shared) {
        file->path = res->path;
        return 0;
    }
    if (res->size > UPLOAD_INLINE_MAX)
        return err_set(err, ERR_TOO_LARGE,
                       "paths: %.200s: this browser takes files of at most %d "
                       "MiB",
                       path, UPLOAD_INLINE_MAX >> 20);
    file->data = buf_str(&res->data);
    file->len = res->data.len;
    return 0;
}

int uploads_open(struct tool_call *call, struct browsing *b, const struct arg_strings *paths,
                 struct uploads *u, struct err *err)
{
    struct keeper *k = atomic_load(&b->sandbox->keeper);
    bool shared = keeper_link(k, b->browser)->same_files;

    if (paths->count > UPLOAD_FILES_MAX)
        return err_set(err, ERR_TOO_LARGE, "paths: more than %d files", UPLOAD_FILES_MAX);
    for (size_t i = 0; i < paths->count; i++)
        if (open_one(call, b, paths->items[i], shared, u, err))
            return -1;
    return 0;
}

static int reply(struct tool_call *call, struct browsing *b, const struct strings *taken,
                 const struct page_report *report, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    if (buf_adds(&text, taken->count ? "given to " : "no files now in ", err) ||
        render_name(&text, report->acted_on, err) || buf_adds(&text, " · ", err) ||
        browsing_place(&text, page_id(b->page), report->url, report->title, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < taken->count; i++) {
        jw_str(&w, taken->items[i]);
        if (render_name(&text, taken->items[i], err) || buf_adds(&text, "\n", err))
            return -1;
    }
    jw_aend(&w);
    jw_kstr(&w, "page_id", page_id(b->page));
    jw_kstr(&w, "url", report->url);
    browsing_events_json(&w, report);
    jw_end(&w);
    if (browsing_events(&text, report, err) || jw_done(&w) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_upload(struct tool_call *call, const struct browser_upload_args *args,
                        struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(strings) struct strings taken = { 0 };
    AUTO_FREE struct page_report *report = calloc(1, sizeof(*report));
    AUTO(uploads) struct uploads files = { 0 };
    struct input_target target;

    if (!report)
        return err_oom(err);
    if (browsing_begin(call, args->page_id, &b, err) ||
        (args->target && browsing_target(call, &b, args->target, &target, err)) ||
        uploads_open(call, &b, &args->paths, &files, err) ||
        input_upload(b.page, args->target ? &target : NULL, files.files, files.count, call->call,
                     &taken, report, err))
        return -1;
    return reply(call, &b, &taken, report, err);
}
