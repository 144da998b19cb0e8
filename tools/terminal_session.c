#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdlib.h>
#include <string.h>

#define RESIZE_MS 300 /* for what draws itself anew */

#define ON(action) (1u << TERMINAL_SESSION_ACTION_##action)
#define TYPING ON(SEND)
#define WAITING (ON(SEND) | ON(OPEN))

static int check_use(const struct terminal_session_args *a, struct err *err)
{
    const struct {
        const char *name;
        bool given;
        unsigned actions; /* that take it */
    } uses[] = {
        { "text", a->text, TYPING },
        { "keys", a->keys.count, TYPING },
        { "wait_for", a->wait_for, WAITING },
        { "command", a->command, ON(OPEN) },
        { "cwd", a->cwd, ON(OPEN) },
        { "env", a->env.count, ON(OPEN) },
        { "cols", a->has_cols, ON(OPEN) | ON(RESIZE) },
        { "rows", a->has_rows, ON(OPEN) | ON(RESIZE) },
    };

    if (!a->session_id && !((1u << a->action) & (ON(OPEN) | ON(LIST)))) {
        err_set(err, ERR_INVALID, "session_id: is required for this action");
        return err_next(err, "action=open gives one, action=list shows those there are");
    }
    if (a->action == TERMINAL_SESSION_ACTION_RESIZE && (!a->has_cols || !a->has_rows))
        return err_set(err, ERR_INVALID, "cols and rows: both are required for this action");
    for (size_t i = 0; i < COUNT_OF(uses); i++)
        if (uses[i].given && !(uses[i].actions & (1u << a->action))) {
            err_set(err, ERR_INVALID, "%s: does not belong to this action", uses[i].name);
            return err_next(err, "%s",
                            uses[i].actions & ON(SEND) ? "call again with action=send"
                                                       : "pass it with action=open");
        }
    return 0;
}

static int parse_keys(const struct terminal_session_args *args, struct pty_key **out,
                      struct err *err)
{
    AUTO_FREE struct pty_key *keys = calloc(args->keys.count + 1, sizeof(*keys));

    if (!keys)
        return err_oom(err);
    for (size_t i = 0; i < args->keys.count; i++)
        if (pty_key_parse(args->keys.items[i], &keys[i], err))
            return -1;
    *out = TAKE(keys);
    return 0;
}

/* ---- what is answered ---- */

static size_t colour_len(const char *p, size_t len)
{
    size_t n = 2;

    if (len < 3 || p[0] != '\033' || p[1] != '[')
        return 0;
    while (n < len && (p[n] == ';' || (p[n] >= '0' && p[n] <= '9')))
        n++;
    return n < len && p[n] == 'm' ? n + 1 : 0;
}

/* Colours stay, every other control goes. */
static int add_ansi(struct buf *out, const char *p, size_t len, struct err *err)
{
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = colour_len(p + i, len - i);
        if (n || p[i] == '\n' || ((unsigned char)p[i] >= ' ' && p[i] != 0x7f)) {
            n = n ? n : 1;
            if (buf_add(out, p + i, n, err))
                return -1;
        } else {
            n = 1;
        }
    }
    return 0;
}

static int add_lines(struct buf *out, const struct buf *lines, bool ansi, struct err *err)
{
    return ansi ? add_ansi(out, buf_str(lines), lines->len, err)
                : render_plain(out, buf_str(lines), lines->len, err);
}

static int add_end(struct buf *out, const struct pty_result *r, struct err *err)
{
    if (r->alive)
        return buf_adds(out, " · alive", err);
    if (r->signal)
        return buf_addf(out, err, " · ended by signal %d (%s)", r->signal, strsignal(r->signal));
    return r->exit_code < 0 ? buf_adds(out, " · ended", err)
                            : buf_addf(out, err, " · exit %d", r->exit_code);
}

static int add_header(struct buf *out, const struct pty_result *r, const char *wait_for,
                      struct err *err)
{
    if (buf_adds(out, "session_id ", err) || render_name(out, r->session_id, err) ||
        add_end(out, r, err) ||
        buf_addf(out, err, " · %dx%d · cursor row %d col %d%s%s", r->cols, r->rows, r->row, r->col,
                 r->hidden ? " (hidden)" : "", r->alternate ? " · full-screen program" : ""))
        return -1;
    if (wait_for && buf_adds(out, r->matched ? " · matched" : " · no match", err))
        return -1;
    if (*r->title && (buf_adds(out, " · title ", err) || render_name(out, r->title, err)))
        return -1;
    return buf_addc(out, '\n', err);
}

static int add_scrolled(struct buf *out, const struct pty_result *r, bool ansi, struct err *err)
{
    if (!r->scrolled.len && !r->missed)
        return 0;
    if (buf_adds(out, "--- scrolled off since the last look\n", err))
        return -1;
    if (r->missed && buf_addf(out, err, "[... %lld lines omitted ...]\n", (long long)r->missed))
        return -1;
    return add_lines(out, &r->scrolled, ansi, err);
}

static int add_notes(struct buf *out, const struct pty_result *r, const char *wait_for,
                     struct err *err)
{
    if (r->cut && buf_adds(out, "[the rows above did not fit]\n", err))
        return -1;
    if (r->costly && buf_adds(out, "wait_for takes too many steps to match; simplify it.\n", err))
        return -1;
    if (wait_for && !r->matched && r->alive &&
        buf_adds(out,
                 "Next: action=send with wait_for and no text waits on; what is shown may "
                 "already answer it.\n",
                 err))
        return -1;
    return r->note ? render_plain(out, r->note, strlen(r->note), err) : 0;
}

static int put_meta(struct tool_call *call, const struct pty_result *r, const char *wait_for,
                    struct err *err)
{
    if (tool_meta_str(call, "session_id", r->session_id, err) ||
        tool_meta_int(call, "alive", r->alive, err) || tool_meta_int(call, "cols", r->cols, err) ||
        tool_meta_int(call, "rows", r->rows, err))
        return -1;
    if (!r->alive && r->exit_code >= 0 && tool_meta_int(call, "exit_code", r->exit_code, err))
        return -1;
    return wait_for ? tool_meta_int(call, "matched", r->matched, err) : 0;
}

static int reply(struct tool_call *call, const struct terminal_session_args *args,
                 const struct pty_result *r, struct err *err)
{
    bool ansi = args->format == TERMINAL_SESSION_FORMAT_ANSI;
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);

    if (add_header(&text, r, args->wait_for, err) || add_scrolled(&text, r, ansi, err) ||
        buf_adds(&text, "--- screen\n", err) || add_lines(&text, &r->screen, ansi, err) ||
        add_notes(&text, r, args->wait_for, err) || tool_text(call, text.data, text.len, err))
        return -1;
    return put_meta(call, r, args->wait_for, err);
}

/* ---- actions ---- */

static int list(struct tool_call *call, struct sandbox *sb, struct err *err)
{
    AUTO(pty_list) struct pty_list l = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    const struct pty_request req = { 0 };

    if (sandbox_pty_list(sb, call->call, &req, &l, err) ||
        buf_addf(&text, err, "%zu interactive session%s\n", l.count, l.count == 1 ? "" : "s"))
        return -1;
    for (size_t i = 0; i < l.count; i++) {
        const struct pty_entry *e = &l.entries[i];
        const struct pty_result end = { .alive = e->alive, .exit_code = e->exit_code };
        if (render_name(&text, e->session_id, err) || add_end(&text, &end, err) ||
            buf_addf(&text, err, " · %dx%d · opened ", e->cols, e->rows) ||
            render_duration(&text, e->age_ms, err) || buf_adds(&text, " ago · unused for ", err) ||
            render_duration(&text, e->idle_ms, err) || buf_adds(&text, " · ", err) ||
            render_name(&text, *e->command ? e->command : "login shell", err) ||
            (e->ended && (buf_adds(&text, " · ", err) || buf_adds(&text, e->ended, err))) ||
            buf_addc(&text, '\n', err))
            return -1;
    }
    return tool_text(call, text.data, text.len, err);
}

static int close_session(struct tool_call *call, struct sandbox *sb, const char *session_id,
                         struct err *err)
{
    AUTO(pty_result) struct pty_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    const struct pty_request req = { .session_id = session_id };

    if (sandbox_pty_close(sb, call->call, &req, &res, err) ||
        buf_adds(&text, "closed · session_id ", err) || render_name(&text, session_id, err) ||
        buf_adds(&text, " · all its processes have ended\n", err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

/* A look has nothing to wait for. */
static int64_t yield_ms(const struct terminal_session_args *args)
{
    if (args->action == TERMINAL_SESSION_ACTION_RESIZE)
        return RESIZE_MS;
    return (1u << args->action) & WAITING ? tools_ms(args->yield_s) : 0;
}

static int act(struct tool_call *call, struct sandbox *sb, const struct terminal_session_args *args,
               struct err *err)
{
    AUTO(pty_result) struct pty_result res = { 0 };
    AUTO_FREE struct env_var *env = NULL;
    AUTO_FREE struct pty_key *keys = NULL;
    struct pty_request req = {
        .session_id = args->session_id,
        .command = args->command,
        .cwd = args->cwd,
        .env_count = args->env.count,
        .rows = (int)args->rows,
        .cols = (int)args->cols,
        .text = args->text,
        .text_len = args->text ? strlen(args->text) : 0,
        .key_count = args->keys.count,
        .wait_for = args->wait_for,
        .yield_ms = yield_ms(args),
        .ansi = args->format == TERMINAL_SESSION_FORMAT_ANSI,
        .max_bytes = ((struct tools_context *)call->context)->default_max_bytes,
    };

    if (tools_env(&args->env, &env, err) || parse_keys(args, &keys, err))
        return -1;
    req.env = env;
    req.keys = keys;
    if (args->action == TERMINAL_SESSION_ACTION_OPEN
            ? sandbox_pty_open(sb, call->call, &req, &res, err)
            : sandbox_pty_act(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, args, &res, err);
}

int tool_terminal_session(struct tool_call *call, const struct terminal_session_args *args,
                          struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;

    if (check_use(args, err) || tools_sandbox(call, &sb, err))
        return -1;
    if (args->action == TERMINAL_SESSION_ACTION_LIST)
        return list(call, sb, err);
    if (args->action == TERMINAL_SESSION_ACTION_CLOSE)
        return close_session(call, sb, args->session_id, err);
    return act(call, sb, args, err);
}
