#include "tools.gen.h"
#include "tools/plain.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <string.h>

#define LINE_BYTES 1000

static const char *const ends[] = {
    [WAIT_END_TIMEOUT] = "timeout", [WAIT_END_EXIT] = "exit", [WAIT_END_PATTERN] = "pattern",
    [WAIT_END_PORT] = "port",       [WAIT_END_URL] = "url",
};

/* "exited 3", "running", "killed" */
static int state(struct buf *out, const struct wait_result *r, struct err *err)
{
    if (buf_adds(out, render_exec_status(r->status), err))
        return -1;
    return r->status == EXEC_EXITED ? buf_addf(out, err, " %d", r->exit_code) : 0;
}

static int head(struct buf *out, const struct wait_result *r, const char *wanted, struct err *err)
{
    if (r->matched ? buf_addf(out, err, "%s after ", ends[r->end])
                   : buf_addf(out, err, "no %s: %s after ", wanted,
                              r->end == WAIT_END_EXIT ? "the process ended" : "timeout"))
        return -1;
    if (render_duration(out, r->elapsed_ms, err) ||
        (r->http_status && buf_addf(out, err, " · HTTP %d", r->http_status)))
        return -1;
    return r->process && (buf_adds(out, " · ", err) || state(out, r, err)) ? -1 : 0;
}

static int write_text(struct buf *out, const struct wait_request *req, const struct wait_result *r,
                      struct err *err)
{
    const char *wanted = req->pattern ? "pattern" : req->port ? "port" : req->url ? "url" : "exit";

    if (head(out, r, wanted, err) || buf_addc(out, '\n', err))
        return -1;
    if (r->line && (buf_adds(out, r->end == WAIT_END_PATTERN ? "line: " : "last line: ", err) ||
                    plain_line(out, r->line, LINE_BYTES, err) || buf_addc(out, '\n', err)))
        return -1;
    if (r->note && render_plain(out, r->note, strlen(r->note), err))
        return -1;
    if (render_denied(out, &r->denied, err))
        return -1;
    return *r->cursor ? buf_addf(out, err, "cursor %s\n", r->cursor) : 0;
}

static int write_json(struct buf *out, const struct wait_result *r, struct err *err)
{
    AUTO(buf) struct buf line = BUF_MAX(RENDER_MAX);
    struct jw w = JW(out, err);

    if (r->line && plain_line(&line, r->line, LINE_BYTES, err))
        return -1;
    jw_obj(&w);
    jw_kbool(&w, "matched", r->matched);
    jw_kstr(&w, "what", ends[r->end]);
    jw_kint(&w, "elapsed_ms", r->elapsed_ms);
    if (r->process)
        jw_kstr(&w, "status", render_exec_status(r->status));
    if (r->process && r->status == EXEC_EXITED)
        jw_kint(&w, "exit_code", r->exit_code);
    if (r->http_status)
        jw_kint(&w, "http_status", r->http_status);
    if (r->line)
        jw_kstr(&w, "line", buf_str(&line));
    if (*r->cursor)
        jw_kstr(&w, "cursor", r->cursor);
    if (r->note)
        jw_kstr(&w, "note", r->note);
    jw_end(&w);
    return jw_done(&w);
}

static int check(const struct terminal_wait_args *args, struct err *err)
{
    int others = !!args->pattern + args->has_port + !!args->url;

    if (!others && !args->process_id) {
        err_set(err, ERR_INVALID, "there is nothing to wait for");
        return err_next(err, "pass process_id, alone or with pattern, or port, or url");
    }
    if (others > 1) {
        err_set(err, ERR_INVALID, "pattern, port and url are waited for one at a time");
        return err_next(err, "call once for each");
    }
    if (args->pattern && !args->process_id)
        return err_set(err, ERR_INVALID,
                       "pattern: needs a process_id, whose output it is sought in");
    if (args->cursor && !args->pattern)
        return err_set(err, ERR_INVALID, "cursor: is where pattern is sought from");
    return 0;
}

int tool_terminal_wait(struct tool_call *call, const struct terminal_wait_args *args,
                       struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(wait_result) struct wait_result res = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct wait_request req = {
        .process_id = args->process_id,
        .pattern = args->pattern,
        .cursor = args->cursor,
        .port = args->has_port ? (int)args->port : 0,
        .url = args->url,
        .timeout_ms = tools_ms(args->timeout_s),
    };

    if (check(args, err) || tools_sandbox(call, &sb, err) ||
        sandbox_wait(sb, call->call, &req, &res, err))
        return -1;
    if (write_text(&text, &req, &res, err) || write_json(&json, &res, err) ||
        tool_structured(call, &json, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}
