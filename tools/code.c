#include "tools.gen.h"
#include "tools/code_show.h"
#include "tools/picture.h"
#include "tools/recording_tap.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <string.h>

#define VALUE_MAX (16 * 1024) /* of one text result shown inline */

static const char *const statuses[] = {
    [CODE_OK] = "ok",
    [CODE_ERROR] = "error",
    [CODE_TIMEOUT] = "timed_out",
    [CODE_RUNNING] = "running",
};

static int header(struct buf *out, const struct code_result *r, struct err *err)
{
    const char *state = r->status == CODE_TIMEOUT ? "timed out" : statuses[r->status];

    if (buf_addf(out, err, "%s · ", state) || render_duration(out, r->duration_ms, err))
        return -1;
    if (r->context_id[0] &&
        (buf_adds(out, " · context_id ", err) || render_name(out, r->context_id, err)))
        return -1;
    if (r->execution_count &&
        buf_addf(out, err, " · execution %lld", (long long)r->execution_count))
        return -1;
    if (r->process_id[0] && buf_addf(out, err, " · process_id %s", r->process_id))
        return -1;
    return buf_addc(out, '\n', err);
}

static int section_str(struct buf *out, const char *name, const char *text, struct err *err)
{
    return text ? code_section(out, name, text, strlen(text), VALUE_MAX, err) : 0;
}

static int error_section(struct buf *out, const struct code_result *r, struct err *err)
{
    if (r->traceback && *r->traceback)
        return section_str(out, "error", r->traceback, err);
    if (!r->error_name)
        return 0;
    if (buf_addf(out, err, "--- error\n%s: ", r->error_name))
        return -1;
    return render_plain(out, r->error_value ? r->error_value : "",
                        r->error_value ? strlen(r->error_value) : 0, err);
}

static int footer(struct buf *out, const struct code_result *r, struct err *err)
{
    if (render_denied(out, &r->denied, err))
        return -1;
    if (r->note && render_plain(out, r->note, strlen(r->note), err))
        return -1;
    if (r->status != CODE_RUNNING)
        return 0;
    return buf_addf(out, err,
                    "Next: terminal_output process_id=%s cursor=%s wait_s=20 reads on; "
                    "terminal_kill id=%s stops it.\n",
                    r->process_id, r->cursor, r->process_id);
}

static int meta(struct tool_call *call, const struct code_result *r, struct err *err)
{
    if (tool_meta_str(call, "status", statuses[r->status], err) ||
        tool_meta_int(call, "duration_ms", r->duration_ms, err) ||
        tool_meta_str(call, "context_id", r->context_id, err))
        return -1;
    if (!r->process_id[0])
        return 0;
    return tool_meta_str(call, "process_id", r->process_id, err) ||
                   tool_meta_str(call, "cursor", r->cursor, err)
               ? -1
               : 0;
}

static int reply(struct tool_call *call, struct sandbox *sb, const struct code_result *r,
                 struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 4);

    if (header(&text, r, err) ||
        render_stream(&text, "stdout", &r->out, r->process_id, r->hole_cursor, err) ||
        render_stream(&text, "stderr", &r->errs, r->process_id, r->hole_cursor, err) ||
        error_section(&text, r, err) || section_str(&text, "result", r->text, err) ||
        code_rich_sections(call, sb, &text, r, err) || footer(&text, r, err))
        return -1;
    if (tool_text(call, text.data, text.len, err) || code_pictures(call, sb, r, err))
        return -1;
    return meta(call, r, err);
}

const char *code_language_name(int choice)
{
    static const char *const languages[] = {
        [CODE_EXECUTE_LANGUAGE_PYTHON] = "python",
        [CODE_EXECUTE_LANGUAGE_JAVASCRIPT] = "javascript",
        [CODE_EXECUTE_LANGUAGE_BASH] = "bash",
        [CODE_EXECUTE_LANGUAGE_TYPESCRIPT] = "typescript",
        [CODE_EXECUTE_LANGUAGE_R] = "r",
    };

    return choice < 0 ? NULL : languages[choice];
}

int tool_code_execute(struct tool_call *call, const struct code_execute_args *args, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(code_result) struct code_result res = { 0 };
    AUTO_FREE struct env_var *env = NULL;
    AUTO_PTR(exec_tap) struct exec_tap *tap = NULL;
    struct code_request req = {
        .tool = "code_execute",
        .code = args->code,
        .language = code_language_name(args->language),
        .context_id = args->context_id,
        .cwd = args->cwd,
        .env_count = args->env.count,
        .timeout_ms = tools_ms(args->timeout_s),
        .yield_ms = tools_ms(args->yield_s),
        .stay = tools_stay(call),
        .max_bytes = (size_t)args->max_bytes,
    };

    if (tools_env(&args->env, &env, err))
        return -1;
    req.env = env;
    if (tools_sandbox(call, &sb, err))
        return -1;
    if (args->language == CODE_EXECUTE_LANGUAGE_BASH)
        req.tap = tap = recording_tap(call, args->context_id, args->code);
    if (sandbox_code(sb, call->call, &req, &res, err))
        return -1;
    recording_tap_result(tap, &res.out, &res.errs, res.status == CODE_ERROR);
    return reply(call, sb, &res, err);
}
