#include "base/clock.h"
#include "base/utf8.h"
#include "tools.gen.h"
#include "tools/plain.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdlib.h>
#include <string.h>

#define INDENT_MAX 24
#define DEPTH_MAX 200
#define LIST_COMMAND 160 /* bytes of a command where many are told */

/* In the order of the tree; depth -1: not yet. */
struct row {
    const struct process_info *p;
    int depth;
};

struct listing {
    const struct processes_result *res;
    struct row *rows;
    size_t count;
    bool *seen;
    size_t command_max;
};

static void below(struct listing *l, uint32_t parent, int depth)
{
    for (size_t i = 0; i < l->res->count; i++) {
        const struct process_info *p = &l->res->items[i];
        if (p->parent != parent || l->seen[i])
            continue;
        l->seen[i] = true;
        l->rows[l->count++] = (struct row){ p, depth };
        if (p->pid && depth < DEPTH_MAX)
            below(l, p->pid, depth + 1);
    }
}

/* Those whose parents go round in a circle, and those too deep, come last. */
static void order(struct listing *l)
{
    below(l, 0, 0);
    for (size_t i = 0; i < l->res->count; i++)
        if (!l->seen[i]) {
            l->seen[i] = true;
            l->rows[l->count++] = (struct row){ &l->res->items[i], 0 };
        }
}

static int handle(struct buf *out, const char *key, const char *id, struct err *err)
{
    return id && (buf_addf(out, err, " · %s ", key) || render_name(out, id, err)) ? -1 : 0;
}

static int line(struct buf *out, const struct listing *l, const struct row *r, struct err *err)
{
    const struct process_info *p = r->p;
    int64_t age = clock_wall_ms() - p->started_ms;

    if (buf_addf(out, err, "%*s%u %c ", r->depth < INDENT_MAX ? r->depth : INDENT_MAX, "", p->pid,
                 p->state) ||
        render_name(out, p->user, err) || buf_adds(out, " · cpu ", err) ||
        render_duration(out, p->cpu_ms, err) || buf_adds(out, " · rss ", err) ||
        render_bytes(out, (uint64_t)p->rss_kb * 1024, err) || buf_adds(out, " · up ", err) ||
        render_duration(out, age > 0 ? age : 0, err) ||
        handle(out, "process_id", p->process_id, err) ||
        handle(out, "session", p->session_id, err) || handle(out, "context", p->context_id, err) ||
        buf_adds(out, " · ", err) || plain_line(out, p->command, l->command_max, err))
        return -1;
    return buf_addc(out, '\n', err);
}

static void object(struct jw *w, const struct process_info *p, const char *command)
{
    char time[CLOCK_ISO_SIZE];

    jw_obj(w);
    jw_kint(w, "pid", p->pid);
    jw_kint(w, "ppid", p->parent);
    jw_kstr(w, "user", p->user);
    jw_kstr(w, "state", (char[]){ p->state, '\0' });
    jw_knum(w, "cpu_s", (double)p->cpu_ms / 1e3);
    jw_kint(w, "rss_kb", p->rss_kb);
    jw_kstr(w, "started_at", clock_iso(p->started_ms, time));
    jw_kstr(w, "command", command);
    if (p->process_id)
        jw_kstr(w, "process_id", p->process_id);
    if (p->session_id)
        jw_kstr(w, "session_id", p->session_id);
    if (p->context_id)
        jw_kstr(w, "context_id", p->context_id);
    jw_end(w);
}

/* Up to the budget; how many that were. */
static int list(const struct listing *l, size_t budget, struct buf *text, struct jw *w,
                struct err *err)
{
    size_t told = 0;

    jw_obj(w);
    jw_key(w, "processes");
    jw_arr(w);
    for (; told < l->count && w->out->len < budget && text->len < budget; told++) {
        AUTO(buf) struct buf command = BUF_MAX(8 * l->command_max + 16);
        if (plain_line(&command, l->rows[told].p->command, l->command_max, err) ||
            line(text, l, &l->rows[told], err))
            return -1;
        object(w, l->rows[told].p, buf_str(&command));
    }
    jw_aend(w);
    jw_kint(w, "total", (int64_t)l->res->total);
    jw_end(w);
    if (told == l->res->total)
        return 0;
    return buf_addf(text, err, "... and %zu more: pass the pid of one for those below it\n",
                    l->res->total - told);
}

static int reply(struct tool_call *call, const struct processes_result *res, bool one,
                 struct err *err)
{
    const struct tools_context *context = call->context;
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    AUTO_FREE struct row *rows = calloc(res->count + 1, sizeof(*rows));
    AUTO_FREE bool *seen = calloc(res->count + 1, sizeof(*seen));
    struct listing l = { .res = res,
                         .rows = rows,
                         .seen = seen,
                         .command_max = one ? PROCESS_COMMAND_ONE : LIST_COMMAND };
    struct jw w = JW(&json, err);

    if (!rows || !seen)
        return err_oom(err);
    order(&l);
    if (buf_addf(&text, err, "%zu process%s\n", res->total, res->total == 1 ? "" : "es") ||
        list(&l, context->default_max_bytes, &text, &w, err) || jw_done(&w) ||
        tool_structured(call, &json, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

int tool_terminal_processes(struct tool_call *call, const struct terminal_processes_args *args,
                            struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(processes_result) struct processes_result res = { 0 };
    struct processes_request req = { .pid = args->has_pid ? (uint32_t)args->pid : 0,
                                     .managed = args->managed };

    if (tools_sandbox(call, &sb, err) || sandbox_processes(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &res, args->has_pid, err);
}
