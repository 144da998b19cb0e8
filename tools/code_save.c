#include "base/id.h"
#include "tools/code_show.h"
#include "tools/picture.h"

#include <stdio.h>
#include <string.h>

#define FOLDER "/tmp/results"

static const char *extension(const char *mime)
{
    static const char *const known[][2] = {
        { "image/png", "png" },         { "image/jpeg", "jpg" },    { "image/gif", "gif" },
        { "image/webp", "webp" },       { "image/svg+xml", "svg" }, { "application/pdf", "pdf" },
        { "application/json", "json" }, { "text/html", "html" },    { "text/markdown", "md" },
        { "text/plain", "txt" },        { "text/latex", "tex" },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!strcmp(known[i][0], mime))
            return known[i][1];
    return "bin";
}

int code_save(struct tool_call *call, struct sandbox *sb, const struct code_output *o,
              char path[CODE_SAVED_MAX], struct err *err)
{
    AUTO(file_write_result) struct file_write_result res = { 0 };
    const char *picture = picture_mime(buf_str(&o->data), o->data.len);
    char id[ID_SIZE];
    struct file_write_request req = {
        .path = path,
        .data = buf_str(&o->data),
        .len = o->data.len,
        .mode = FILE_CREATE,
        .permissions = -1,
    };

    id_make("r", id);
    snprintf(path, CODE_SAVED_MAX, FOLDER "/%s.%s", id, extension(picture ? picture : o->mime));
    return sandbox_file_write(sb, call->call, &req, &res, err);
}

static int send_scaled(struct tool_call *call, struct sandbox *sb, const char *mime,
                       const struct code_output *o, struct err *err)
{
    AUTO(buf) struct buf small = BUF_MAX(PICTURE_BYTES_MAX);
    char path[CODE_SAVED_MAX];
    struct err why = { 0 };

    if (code_save(call, sb, o, path, &why))
        return tool_textf(call, err,
                          "A %s result of %zu bytes is too large to show and was not "
                          "kept (%s): make it smaller, or save it and file_read it.",
                          mime, o->data.len, why.msg);
    if (picture_scale(call, sb, path, &small, &why))
        return tool_textf(call, err, "A %s result of %zu bytes is too large to show (%s): it is %s",
                          mime, o->data.len, why.msg, path);
    if (tool_image(call, "image/jpeg", small.data, small.len, err))
        return -1;
    return tool_textf(call, err, "Scaled down; in full size it is %s", path);
}

int code_pictures(struct tool_call *call, struct sandbox *sb, const struct code_result *r,
                  struct err *err)
{
    for (size_t i = 0; i < r->result_count; i++) {
        const struct code_output *o = &r->results[i];
        const char *mime = picture_mime(buf_str(&o->data), o->data.len);
        if (!mime)
            continue;
        if (picture_fits(o->data.data, o->data.len)
                ? tool_image(call, mime, o->data.data, o->data.len, err)
                : send_scaled(call, sb, mime, o, err))
            return -1;
    }
    return 0;
}
