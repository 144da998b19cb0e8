#include "base/b64.h"
#include "tools.gen.h"
#include "tools/permissions.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <string.h>

int tools_expected_hash(const char *hash, struct err *err)
{
    if (!hash || !*hash || (strlen(hash) == 64 && strspn(hash, "0123456789abcdef") == 64))
        return 0;
    err_set(err, ERR_INVALID, "expect_sha256: not 64 lower-case hex digits");
    return err_next(err, "pass the sha256 that file_read or file_write gave");
}

static int write_json(struct buf *json, const struct file_write_result *r, struct err *err)
{
    struct jw w = JW(json, err);
    char mode[8];

    snprintf(mode, sizeof(mode), "%04o", r->mode);
    jw_obj(&w);
    jw_kstr(&w, "path", r->path);
    jw_kint(&w, "bytes_written", r->bytes_written);
    jw_kint(&w, "size", r->size);
    jw_kbool(&w, "created", r->created);
    if (r->sha256[0])
        jw_kstr(&w, "sha256", r->sha256);
    jw_kstr(&w, "mode", mode);
    jw_end(&w);
    return jw_done(&w);
}

static int reply(struct tool_call *call, const struct file_write_result *r, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);

    if (buf_adds(&text, r->created ? "created " : "wrote ", err) ||
        render_name(&text, r->path, err) || buf_adds(&text, " · ", err) ||
        render_bytes(&text, (uint64_t)r->bytes_written, err))
        return -1;
    if (r->size != r->bytes_written &&
        (buf_adds(&text, " · now ", err) || render_bytes(&text, (uint64_t)r->size, err)))
        return -1;
    if (r->sha256[0] && buf_addf(&text, err, " · sha256 %s", r->sha256))
        return -1;
    if (tool_text(call, text.data, text.len, err) || write_json(&json, r, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_file_write(struct tool_call *call, const struct file_write_args *args, struct err *err)
{
    static const enum file_write_mode modes[] = {
        [FILE_WRITE_MODE_OVERWRITE] = FILE_OVERWRITE,
        [FILE_WRITE_MODE_CREATE] = FILE_CREATE,
        [FILE_WRITE_MODE_APPEND] = FILE_APPEND,
    };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_write_result) struct file_write_result res = { 0 };
    AUTO(buf) struct buf raw = BUF_MAX(FILE_WRITE_MAX + 4);
    struct file_write_request req = {
        .path = args->path,
        .data = args->content,
        .len = strlen(args->content),
        .mode = modes[args->mode],
        .expect_sha256 = args->expect_sha256,
        .undoable = true,
    };

    if (permissions_parse(args->permissions, false, &req.permissions, err) ||
        tools_expected_hash(args->expect_sha256, err))
        return -1;
    if (args->encoding == FILE_WRITE_ENCODING_BASE64) {
        if (b64_decode(&raw, req.data, req.len, err))
            return err_wrap(err, "content");
        req.data = buf_str(&raw);
        req.len = raw.len;
    }
    if (tools_sandbox(call, &sb, err) || sandbox_file_write(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &res, err);
}

int tool_file_replace(struct tool_call *call, const struct file_replace_args *args, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    AUTO_FREE struct file_edit *edits = calloc(args->edits.count, sizeof(*edits));
    struct file_replace_request req = {
        .path = args->path,
        .edits = edits,
        .edit_count = args->edits.count,
        .dry_run = args->dry_run,
        .expect_sha256 = args->expect_sha256,
    };

    if (!edits)
        return err_oom(err);
    for (size_t i = 0; i < args->edits.count; i++)
        edits[i] = (struct file_edit){
            .old_text = args->edits.items[i].old,
            .new_text = args->edits.items[i].new,
            .count = args->edits.items[i].count,
            .regex = args->edits.items[i].regex,
        };
    if (tools_expected_hash(args->expect_sha256, err) || tools_sandbox(call, &sb, err) ||
        sandbox_file_replace(sb, call->call, &req, &res, err))
        return -1;
    if (buf_addf(&text, err, "%s%lld replacement%s · ",
                 args->dry_run ? "dry run, nothing written · " : "", (long long)res.replacements,
                 res.replacements == 1 ? "" : "s") ||
        render_name(&text, res.path, err) || buf_addf(&text, err, " · sha256 %s\n", res.sha256) ||
        buf_add(&text, buf_str(&res.diff), res.diff.len, err))
        return -1;
    if (tool_text(call, text.data, text.len, err))
        return -1;
    return tool_meta_str(call, "sha256", res.sha256, err);
}
