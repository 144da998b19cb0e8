#include "base/json.h"
#include "tools.gen.h"
#include "tools/code_show.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdlib.h>
#include <time.h>

static const char *const states[] = {
    [CONTEXT_IDLE] = "idle",
    [CONTEXT_BUSY] = "busy",
    [CONTEXT_STARTING] = "starting",
    [CONTEXT_DEAD] = "dead",
};

static void when(int64_t ms, char out[32])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void put_json(struct jw *w, const struct context_info *c)
{
    char created[32];

    when(c->created_ms, created);
    jw_obj(w);
    jw_kstr(w, "context_id", c->id);
    jw_kstr(w, "language", c->language);
    jw_kstr(w, "state", states[c->state]);
    if (c->name)
        jw_kstr(w, "name", c->name);
    if (c->cwd)
        jw_kstr(w, "cwd", c->cwd);
    jw_kstr(w, "created_at", created);
    jw_kint(w, "execution_count", c->execution_count);
    jw_end(w);
}

static int put_line(struct buf *out, const struct context_info *c, struct err *err)
{
    if (render_name(out, c->id, err) ||
        buf_addf(out, err, " · %s · %s", c->language, states[c->state]) ||
        (c->name && buf_addf(out, err, " · %s", c->name)) ||
        buf_addf(out, err, " · %lld run · ", (long long)c->execution_count))
        return -1;
    return (c->cwd && render_name(out, c->cwd, err)) || buf_addc(out, '\n', err) ? -1 : 0;
}

static int reply(struct tool_call *call, const struct context_result *r, bool tell_limit,
                 struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX), text = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_key(&w, "contexts");
    jw_arr(&w);
    for (size_t i = 0; i < r->count; i++)
        put_json(&w, &r->items[i]);
    jw_aend(&w);
    if (r->note)
        jw_kstr(&w, "note", r->note);
    if (r->idle_ms && tell_limit)
        jw_kint(&w, "idle_timeout_s", r->idle_ms / 1000);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    for (size_t i = 0; i < r->count; i++)
        if (put_line(&text, &r->items[i], err))
            return -1;
    if (!r->count && !r->note && buf_adds(&text, "No contexts.\n", err))
        return -1;
    if (r->note && render_plain(&text, r->note, strlen(r->note), err))
        return -1;
    if (r->idle_ms && tell_limit &&
        buf_addf(&text, err, "One that is not used for %lld s ends, with its variables.\n",
                 (long long)(r->idle_ms / 1000)))
        return -1;
    if (tool_structured(call, &json, err))
        return -1;
    return tool_text(call, text.data, text.len, err);
}

int tool_code_context(struct tool_call *call, const struct code_context_args *args, struct err *err)
{
    static const enum context_action actions[] = {
        [CODE_CONTEXT_ACTION_CREATE] = CONTEXT_CREATE,
        [CODE_CONTEXT_ACTION_LIST] = CONTEXT_LIST,
        [CODE_CONTEXT_ACTION_GET] = CONTEXT_GET,
        [CODE_CONTEXT_ACTION_RESTART] = CONTEXT_RESTART,
        [CODE_CONTEXT_ACTION_INTERRUPT] = CONTEXT_INTERRUPT,
        [CODE_CONTEXT_ACTION_DELETE] = CONTEXT_DELETE,
    };
    AUTO(context_result) struct context_result res = { 0 };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    struct context_request req = {
        .action = actions[args->action],
        .context_id = args->context_id,
        .language = code_language_name(args->language),
        .cwd = args->cwd,
        .name = args->name,
    };

    if (tools_sandbox(call, &sb, err) || sandbox_context(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &res, req.action == CONTEXT_CREATE || req.action == CONTEXT_LIST, err);
}
