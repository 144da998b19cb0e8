#include "tools.gen.h"
#include "tools/code_show.h"
#include "tools/recording_tap.h"
#include "tools/render.h"
#include "tools/resources.h"
#include "tools/tools.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int exec_meta(struct tool_call *call, const struct exec_result *r, struct err *err)
{
    uint64_t evicted = r->out.evicted + r->errs.evicted;

    if (tool_meta_str(call, "status", render_exec_status(r->status), err) ||
        tool_meta_int(call, "duration_ms", r->duration_ms, err))
        return -1;
    if (r->status == EXEC_EXITED && tool_meta_int(call, "exit_code", r->exit_code, err))
        return -1;
    if (r->process_id[0] && (tool_meta_str(call, "process_id", r->process_id, err) ||
                             tool_meta_str(call, "cursor", r->cursor, err)))
        return -1;
    if ((r->signal && tool_meta_int(call, "signal", r->signal, err)) ||
        (r->status == EXEC_RUNNING && tool_meta_int(call, "idle_ms", r->idle_ms, err)) ||
        (evicted && tool_meta_int(call, "evicted_bytes", (int64_t)evicted, err)))
        return -1;
    return tool_meta_int(call, "omitted_bytes", (int64_t)(r->out.omitted + r->errs.omitted), err);
}

static int reply_exec(struct tool_call *call, struct sandbox *sb, const struct exec_result *r,
                      struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 2);

    if (render_exec(&text, r, err) ||
        (r->late && code_rich_sections(call, sb, &text, r->late, err)) ||
        tool_text(call, text.data, text.len, err) ||
        (r->late && code_pictures(call, sb, r->late, err)) ||
        resources_link_output(call, sb, r, err))
        return -1;
    return exec_meta(call, r, err);
}

int tool_terminal_execute(struct tool_call *call, const struct terminal_execute_args *args,
                          struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(exec_result) struct exec_result res = { 0 };
    AUTO_FREE struct env_var *env = NULL;
    AUTO_PTR(exec_tap) struct exec_tap *tap = NULL;
    struct exec_request req = {
        .tool = "terminal_execute",
        .command = args->command,
        .cwd = args->cwd,
        .session_id = args->session_id,
        .stdin_data = args->stdin,
        .stdin_len = args->stdin ? strlen(args->stdin) : 0,
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
    req.tap = tap = recording_tap(call, args->session_id, args->command);
    if (sandbox_exec(sb, call->call, &req, &res, err))
        return -1;
    recording_tap_result(tap, &res.out, &res.errs, res.status == EXEC_RUNNING ? 0 : res.exit_code);
    return reply_exec(call, sb, &res, err);
}

/* An empty answer of a search says where it looked. */
static int note_no_match(const struct terminal_output_args *args, struct exec_result *r,
                         struct err *err)
{
    const char *text = args->cursor ? "No line from that cursor on matches."
                                    : "No line since your last position matches; cursor=0-0 "
                                      "searches from the beginning.";

    if (!args->grep || r->out.text.len || r->errs.text.len || r->note)
        return 0;
    r->note = strdup(text);
    return r->note ? 0 : err_oom(err);
}

int tool_terminal_output(struct tool_call *call, const struct terminal_output_args *args,
                         struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(exec_result) struct exec_result res = { 0 };
    struct output_request req = {
        .process_id = args->process_id,
        .cursor = args->cursor,
        .tail = args->tail,
        .grep = args->grep,
        .wait_ms = tools_ms(args->wait_s),
        .max_bytes = (size_t)args->max_bytes,
    };

    if (tools_sandbox(call, &sb, err) || sandbox_output(sb, call->call, &req, &res, err) ||
        note_no_match(args, &res, err))
        return -1;
    return reply_exec(call, sb, &res, err);
}

static int parse_signal(const char *text, int *out, struct err *err)
{
    const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
    char *end;
    long n = strtol(text, &end, 10);

    if (*text && !*end && n > 0 && n < NSIG) {
        *out = (int)n;
        return 0;
    }
    for (int i = 1; i < NSIG; i++) {
        const char *abbrev = sigabbrev_np(i);
        if (abbrev && !strcasecmp(abbrev, name)) {
            *out = i;
            return 0;
        }
    }
    err_set(err, ERR_INVALID, "signal: \"%s\" is not a signal", text);
    return err_next(err, "use a name such as TERM, INT, HUP or KILL, or a number");
}

static int kill_json(struct buf *json, const struct kill_result *r, struct err *err)
{
    struct jw w = JW(json, err);

    jw_obj(&w);
    jw_key(&w, "killed");
    jw_arr(&w);
    for (size_t i = 0; i < r->killed.count; i++)
        jw_str(&w, r->killed.items[i]);
    jw_aend(&w);
    jw_kstr(&w, "status", render_exec_status(r->status));
    if (r->status != EXEC_RUNNING && r->exit_code >= 0)
        jw_kint(&w, "exit_code", r->exit_code);
    jw_end(&w);
    return jw_done(&w);
}

int tool_terminal_kill(struct tool_call *call, const struct terminal_kill_args *args,
                       struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(kill_result) struct kill_result res = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct kill_request req = { .id = args->id, .grace_ms = tools_ms(args->grace_s) };

    if (parse_signal(args->signal, &req.signal, err) || tools_sandbox(call, &sb, err) ||
        sandbox_kill(sb, call->call, &req, &res, err))
        return -1;
    if (buf_addf(&text, err, "%s%s",
                 res.killed.count ? "" : "was over already: ", render_exec_status(res.status)) ||
        (res.status == EXEC_EXITED && buf_addf(&text, err, " %d", res.exit_code)))
        return -1;
    for (size_t i = 0; i < res.killed.count; i++)
        if (buf_adds(&text, i ? ", " : " · signalled ", err) ||
            buf_adds(&text, res.killed.items[i], err))
            return -1;
    if (kill_json(&json, &res, err) || tool_structured(call, &json, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
