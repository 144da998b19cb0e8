#include "backend/browser/download.h"
#include "backend/browser/upload.h"
#include "tests/browser/drive.h"

#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    [DOWNLOAD_RUNNING] = "running",     [DOWNLOAD_READY] = "ready",
    [DOWNLOAD_CLAIMED] = "claimed",     [DOWNLOAD_DONE] = "done",
    [DOWNLOAD_CANCELLED] = "cancelled", [DOWNLOAD_FAILED] = "failed",
};

static void write_one(struct jw *w, const struct download *d)
{
    jw_obj(w);
    jw_kstr(w, "id", d->id);
    jw_kstr(w, "name", d->name);
    jw_kstr(w, "page", d->page);
    jw_kstr(w, "file", d->file);
    jw_kstr(w, "state", states[d->state]);
    jw_kstr(w, "reason", d->reason);
    jw_kint(w, "received", d->received);
    jw_end(w);
}

static int do_downloads(const struct drive *d)
{
    const struct download_config config = {
        .dir = json_str(d->args, "dir"),
        .file_max = json_int(d->args, "file_max", 0),
        .all_max = json_int(d->args, "all_max", 0),
    };

    if (browser_downloads(d->browser, &config, d->call, d->err))
        return -1;
    jw_null(d->out);
    return 0;
}

static int do_downloaded(const struct drive *d)
{
    AUTO_FREE struct download *all = NULL;
    size_t n;

    if (download_list(d->browser, &all, &n, d->err))
        return -1;
    jw_arr(d->out);
    for (size_t i = 0; i < n; i++)
        write_one(d->out, &all[i]);
    jw_aend(d->out);
    return 0;
}

static int keep(void *context, const char *data, size_t len, struct err *err)
{
    return buf_add(context, data, len, err);
}

/* Takes the oldest that is ready over the connection. */
static int do_take(const struct drive *d)
{
    AUTO(buf) struct buf body = BUF_MAX(8 * 1024 * 1024);
    AUTO_FREE struct download *one = malloc(sizeof(*one));

    if (!one || !download_claim(d->browser, one))
        return err_set(d->err, ERR_NOT_FOUND, "none is ready");
    if (download_take(d->browser, one, d->call, keep, &body, d->err)) {
        download_placed(d->browser, one->id, NULL, 0, d->err->msg);
        return -1;
    }
    download_placed(d->browser, one->id, "/taken", (int64_t)body.len, NULL);
    jw_obj(d->out);
    jw_kstr(d->out, "name", one->name);
    jw_kint(d->out, "size", (int64_t)body.len);
    jw_key(d->out, "head");
    jw_strn(d->out, buf_str(&body), body.len < 64 ? body.len : 64);
    jw_end(d->out);
    return 0;
}

static int do_check(const struct drive *d)
{
    const struct input_target target = { .selector = json_str(d->args, "target") };
    AUTO_FREE struct page_report *report = calloc(1, sizeof(*report));
    bool changed = false;

    if (!report || input_check(d->page, &target, json_bool(d->args, "checked", true), d->call,
                               &changed, report, d->err))
        return -1;
    jw_bool(d->out, changed);
    return 0;
}

/* "files": {name: content}, which go over the connection; "drop" them, or give them to an input. */
static int do_upload(const struct drive *d)
{
    AUTO(strings) struct strings taken = { 0 };
    AUTO_FREE struct page_report *report = calloc(1, sizeof(*report));
    struct upload_file files[UPLOAD_FILES_MAX];
    const struct input_target target = { .selector = json_str(d->args, "target") };
    yyjson_val *name, *content;
    size_t i, max, n = 0;

    yyjson_obj_foreach (yyjson_obj_get(d->args, "files"), i, max, name, content)
        if (n < UPLOAD_FILES_MAX)
            files[n++] = (struct upload_file){
                .name = yyjson_get_str(name),
                .data = yyjson_get_str(content),
                .len = yyjson_get_len(content),
            };
    if (!report)
        return err_oom(d->err);
    if (json_bool(d->args, "drop", false)
            ? input_drop(d->page, &target, files, n, d->call, report, d->err)
            : input_upload(d->page, target.selector ? &target : NULL, files, n, d->call, &taken,
                           report, d->err))
        return -1;
    jw_arr(d->out);
    for (i = 0; i < taken.count; i++)
        jw_str(d->out, taken.items[i]);
    jw_aend(d->out);
    return 0;
}

const struct drive_row drive_files_rows[] = {
    { "downloads", do_downloads }, { "downloaded", do_downloaded }, { "take", do_take },
    { "check", do_check },         { "upload", do_upload },         { NULL, NULL },
};
