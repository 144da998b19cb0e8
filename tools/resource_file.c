#include "tools/resources.h"

#include <string.h>

static int too_large(const struct file_read_result *r, struct err *err)
{
    err_set(err, ERR_TOO_LARGE, "%s has %lld bytes, more than a resource can hold", r->path,
            (long long)r->size);
    return err_next(err, "read it in parts with the tool file_read (offset, limit, max_bytes)");
}

int resources_file(struct tool_call *call, const char *uri, const struct arg_map *vars,
                   struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_read_result) struct file_read_result res = { 0 };
    struct err failed = { 0 };
    struct file_read_request req = {
        .path = prompt_value(vars, "path"),
        .bytes = true,
        .max_bytes = RESOURCES_FILE_MAX,
    };
    const char *mime;
    bool text;

    if (resources_sandbox(call, prompt_value(vars, "id"), &sb, err) ||
        sandbox_file_read(sb, call->call, &req, &res, err))
        return -1;
    if (res.truncated)
        return too_large(&res, err);
    mime = resources_mime(res.path, buf_str(&res.data), res.data.len, &text);
    if (!(text ? resource_text(call, uri, mime, buf_str(&res.data), res.data.len, &failed)
               : resource_blob(call, uri, mime, buf_str(&res.data), res.data.len, &failed)))
        return 0;
    if (failed.code == ERR_TOO_LARGE)
        return too_large(&res, err);
    if (err)
        *err = failed;
    return -1;
}
