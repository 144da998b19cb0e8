#include "base/clock.h"
#include "tools.gen.h"
#include "tools/plain.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_COMMAND 160 /* bytes of a command where many are told */

/* What follows the seconds: a fraction, then Z or +HH:MM. */
static bool parse_zone(const char *at, int64_t *ms, int64_t *offset_s)
{
    int hours, minutes, used = 0;

    *ms = 0;
    if (*at == '.') {
        *ms = (int64_t)(strtod(at, NULL) * 1000);
        at += 1 + strspn(at + 1, "0123456789");
    }
    *offset_s = 0;
    if (!strcmp(at, "Z") || !strcmp(at, "z"))
        return true;
    if ((*at != '+' && *at != '-') || !isdigit((unsigned char)at[1]) ||
        sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || at[1 + used])
        return false;
    *offset_s = (*at == '-' ? -1 : 1) * (hours * 3600ll + minutes * 60);
    return true;
}

static int parse_since(const char *text, int64_t *out, struct err *err)
{
    struct tm tm = { 0 };
    const char *rest;
    char *end;
    double ago = strtod(text, &end);
    int64_t offset, ms;

    if (end != text && !*end && ago >= 0 && ago < 1e10) {
        *out = clock_wall_ms() - (int64_t)(ago * 1000);
        return 0;
    }
    rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest && parse_zone(rest, &ms, &offset)) {
        *out = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
        return 0;
    }
    err_set(err, ERR_INVALID, "since: \"%.60s\" is neither a time nor seconds", text);
    return err_next(err, "pass one such as 2026-11-21T10:00:00Z, or 3600 for the last hour");
}

/* "exit 0", "running", "killed" */
static int outcome(struct buf *out, const struct execution *e, struct err *err)
{
    return e->status == EXEC_EXITED ? buf_addf(out, err, "exit %d", e->exit_code)
                                    : buf_adds(out, render_exec_status(e->status), err);
}

static int line(struct buf *out, const struct execution *e, const char *command, struct err *err)
{
    char time[CLOCK_ISO_SIZE];

    return buf_addf(out, err, "%s %s %s · ", clock_iso(e->started_ms, time), e->id, e->tool) ||
                   outcome(out, e, err) || buf_adds(out, " · ", err) ||
                   render_duration(out, e->duration_ms, err) || buf_adds(out, " · ", err) ||
                   render_bytes(out, e->out + e->errs, err) ||
                   buf_addf(out, err, " · %s\n", command)
               ? -1
               : 0;
}

static void object(struct jw *w, const struct execution *e, const char *command)
{
    char time[CLOCK_ISO_SIZE];

    jw_obj(w);
    jw_kstr(w, "id", e->id);
    jw_kstr(w, "tool", e->tool);
    jw_kstr(w, "command", command);
    jw_kstr(w, "status", render_exec_status(e->status));
    if (e->status == EXEC_EXITED)
        jw_kint(w, "exit_code", e->exit_code);
    jw_kstr(w, "started_at", clock_iso(e->started_ms, time));
    jw_kint(w, "duration_ms", e->duration_ms);
    jw_kint(w, "bytes", (int64_t)(e->out + e->errs));
    jw_end(w);
}

struct answer {
    const struct history_result *res;
    struct buf text, json;
    struct jw w; /* into json */
};

static void answer_done(struct answer *a)
{
    buf_done(&a->text);
    buf_done(&a->json);
}

static int add(struct answer *a, const struct execution *e, bool whole, struct err *err)
{
    AUTO(buf) struct buf command = BUF_MAX(16 * EXECUTION_COMMAND);
    size_t max = whole ? EXECUTION_COMMAND : LIST_COMMAND;

    if ((whole ? plain_line(&command, e->command, max, err)
               : plain_first_line(&command, e->command, max, err)) ||
        line(&a->text, e, buf_str(&command), err))
        return -1;
    object(&a->w, e, buf_str(&command));
    return 0;
}

/* Up to the budget; what did not fit is for the next page. */
static int list(struct answer *a, size_t budget, struct err *err)
{
    const struct history_result *r = a->res;
    const char *next = r->next_cursor;
    size_t told = 0;

    jw_key(&a->w, "executions");
    jw_arr(&a->w);
    for (; told < r->count && a->json.len < budget && a->text.len < budget; told++)
        if (add(a, &r->items[told], false, err))
            return -1;
    jw_aend(&a->w);
    if (told < r->count)
        next = r->items[told - 1].id;
    if (!*next)
        return r->count ? 0 : buf_adds(&a->text, "nothing was run\n", err);
    jw_kstr(&a->w, "next_cursor", next);
    return buf_addf(&a->text, err, "older ones: cursor=%s\n", next);
}

static int stream(struct answer *a, const char *name, const struct stream_text *s, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    size_t cut = s->omitted ? s->hole : s->text.len;

    if (render_stream(&a->text, name, s, "", "", err))
        return -1;
    if (render_plain(&text, buf_str(&s->text), cut, err) ||
        (s->omitted &&
         (buf_addf(&text, err, "[... %llu bytes omitted ...]\n", (unsigned long long)s->omitted) ||
          render_plain(&text, buf_str(&s->text) + cut, s->text.len - cut, err))))
        return -1;
    jw_kstr(&a->w, name, buf_str(&text));
    return 0;
}

static int one(struct answer *a, struct err *err)
{
    const struct history_result *r = a->res;
    AUTO(buf) struct buf note = BUF_MAX(256);

    jw_key(&a->w, "executions");
    jw_arr(&a->w);
    if (add(a, &r->items[0], true, err))
        return -1;
    jw_aend(&a->w);
    if (stream(a, "stdout", &r->text, err) || stream(a, "stderr", &r->errs, err))
        return -1;
    if (r->readable && buf_addf(&note, err, "terminal_output process_id=%s cursor=0-0 reads it all",
                                r->items[0].id))
        return -1;
    if (!r->readable && (r->text.omitted || r->errs.omitted) &&
        buf_adds(&note, "what was omitted is no longer kept", err))
        return -1;
    if (!note.len)
        return 0;
    jw_kstr(&a->w, "note", note.data);
    return buf_addf(&a->text, err, "%s\n", note.data);
}

int tool_terminal_history(struct tool_call *call, const struct terminal_history_args *args,
                          struct err *err)
{
    const struct tools_context *context = call->context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(history_result) struct history_result res = { 0 };
    AUTO(answer)
    struct answer a = {
        .res = &res, .text = BUF_MAX(RENDER_MAX), .json = BUF_MAX(RENDER_MAX), .w = JW(&a.json, err)
    };
    struct history_request req = { .execution_id = args->execution_id,
                                   .limit = args->limit,
                                   .cursor = args->cursor };

    if ((args->since && parse_since(args->since, &req.since_ms, err)) ||
        tools_sandbox(call, &sb, err) || sandbox_history(sb, call->call, &req, &res, err))
        return -1;
    jw_obj(&a.w);
    if (args->execution_id ? one(&a, err) : list(&a, context->default_max_bytes, err))
        return -1;
    jw_end(&a.w);
    if (jw_done(&a.w) || tool_structured(call, &a.json, err))
        return -1;
    return tool_text(call, a.text.data, a.text.len, err);
}
