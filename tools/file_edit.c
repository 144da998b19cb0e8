#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

/* A parameter of another action: models mix them up, and mean something by them. */
static int misplaced(const struct file_edit_args *args, struct err *err)
{
    const bool insert = args->action == FILE_EDIT_ACTION_INSERT;
    const bool undo = args->action == FILE_EDIT_ACTION_UNDO;

    if (insert && !args->text)
        return err_set(err, ERR_INVALID, "text: is required for insert");
    if (!undo && !args->has_line)
        return err_set(err, ERR_INVALID, "line: is required for %s", insert ? "insert" : "delete");
    if (undo && (args->has_line || args->has_end_line || args->text))
        return err_set(err, ERR_INVALID, "undo takes only steps and expect_sha256");
    if (insert && args->has_end_line)
        return err_set(err, ERR_INVALID, "end_line: is for delete only");
    if (!insert && args->text) {
        err_set(err, ERR_INVALID, "text: is for insert only");
        return err_next(err, "replace lines with file_replace");
    }
    return 0;
}

static int headline(struct buf *out, const struct file_edit_args *args,
                    const struct file_lines_result *r, struct err *err)
{
    static const char *const did[] = {
        [FILE_EDIT_ACTION_INSERT] = "inserted",
        [FILE_EDIT_ACTION_DELETE] = "deleted",
        [FILE_EDIT_ACTION_UNDO] = "undid",
    };
    const char *unit = args->action == FILE_EDIT_ACTION_UNDO ? "step" : "line";

    if (buf_addf(out, err, "%s %lld %s%s · ", did[args->action], (long long)r->lines, unit,
                 r->lines == 1 ? "" : "s") ||
        render_name(out, r->path, err))
        return -1;
    if (r->removed ? buf_adds(out, " · removed: its creation was undone", err)
                   : buf_addf(out, err, " · sha256 %s", r->sha256))
        return -1;
    if (buf_addf(out, err, " · undo_depth %u", r->undo_depth))
        return -1;
    return r->note ? buf_addf(out, err, " · %s", r->note) : 0;
}

int tool_file_edit(struct tool_call *call, const struct file_edit_args *args, struct err *err)
{
    static const enum file_edit_action actions[] = {
        [FILE_EDIT_ACTION_INSERT] = FILE_EDIT_INSERT,
        [FILE_EDIT_ACTION_DELETE] = FILE_EDIT_DELETE,
        [FILE_EDIT_ACTION_UNDO] = FILE_EDIT_UNDO,
    };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_lines_result) struct file_lines_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    struct file_lines_request req = {
        .path = args->path,
        .action = actions[args->action],
        .line = args->line,
        .end_line = args->end_line,
        .text = args->text,
        .steps = args->steps,
        .expect_sha256 = args->expect_sha256,
    };

    if (misplaced(args, err) || tools_expected_hash(args->expect_sha256, err) ||
        tools_sandbox(call, &sb, err) || sandbox_file_lines(sb, call->call, &req, &res, err) ||
        headline(&text, args, &res, err) || buf_addc(&text, '\n', err) ||
        buf_add(&text, buf_str(&res.diff), res.diff.len, err) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return res.removed ? 0 : tool_meta_str(call, "sha256", res.sha256, err);
}
