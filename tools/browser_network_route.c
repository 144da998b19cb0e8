#include "backend/browser/route.h"
#include "tools.gen.h"
#include "tools/browser_network.h"
#include "tools/render.h"

#include <stdlib.h>
#include <string.h>

static void rule_json(struct jw *w, const struct route_info *r)
{
    jw_obj(w);
    jw_kstr(w, "pattern", r->pattern);
    jw_kstr(w, "action", r->action);
    jw_kint(w, "hits", (int64_t)r->hits);
    if (r->left >= 0)
        jw_kint(w, "left", r->left);
    jw_end(w);
}

static int rule_text(struct buf *out, const struct route_info *r, struct err *err)
{
    if (render_name(out, r->pattern, err) ||
        buf_addf(out, err, " · %s · %llu hit%s", r->action, (unsigned long long)r->hits,
                 r->hits == 1 ? "" : "s"))
        return -1;
    return r->left >= 0 ? buf_addf(out, err, " · %lld left\n", (long long)r->left)
                        : buf_addc(out, '\n', err);
}

/* removed: -1 nothing was to be. */
static int reply(struct tool_call *call, struct browsing *b, int64_t removed, struct err *err)
{
    AUTO_FREE struct route_info *rules = calloc(ROUTES_MAX, sizeof(*rules));
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX), json = BUF_MAX(RENDER_MAX);
    struct jw w = JW(&json, err);
    size_t n;

    if (!rules)
        return err_oom(err);
    n = b->browser ? route_list(b->browser, rules, ROUTES_MAX) : 0;
    if (removed >= 0 && buf_addf(&text, err, "removed %lld\n", (long long)removed))
        return -1;
    jw_obj(&w);
    jw_key(&w, "routes");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        rule_json(&w, &rules[i]);
        if (rule_text(&text, &rules[i], err))
            return -1;
    }
    jw_aend(&w);
    if (removed >= 0)
        jw_kint(&w, "removed", removed);
    jw_end(&w);
    if ((!n && buf_adds(&text, "no rules\n", err)) || jw_done(&w) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int add(struct tool_call *call, struct browsing *b, const struct browser_route_args *args,
               struct err *err)
{
    AUTO_FREE struct route_header *headers = calloc(args->headers.count + 1, sizeof(*headers));
    AUTO(buf) struct buf file = BUF_MAX(ROUTE_BODY_MAX);
    struct route_spec spec = {
        .pattern = args->pattern,
        .abort = args->abort,
        .status = (int)args->status,
        .body = args->body,
        .body_len = args->body ? strlen(args->body) : 0,
        .headers = headers,
        .header_count = args->headers.count,
        .delay_ms = args->delay_ms,
        .times = args->times,
    };

    if (!headers)
        return err_oom(err);
    if (!args->pattern) {
        err_set(err, ERR_INVALID, "pattern is missing");
        return err_next(err, "pass a URL glob such as **/api/**, or action list or remove");
    }
    if (args->body && args->body_file)
        return err_set(err, ERR_INVALID, "pass body or body_file, not both");
    for (size_t i = 0; i < args->headers.count; i++)
        headers[i] =
            (struct route_header){ args->headers.items[i].name, args->headers.items[i].value };
    if (args->body_file) {
        if (network_load(call, b->sandbox, args->body_file, &file, err))
            return err_wrap(err, "body_file");
        spec.body = buf_str(&file);
        spec.body_len = file.len;
    }
    return route_add(b->browser, &spec, call->call, err);
}

int tool_browser_route(struct tool_call *call, const struct browser_route_args *args,
                       struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    size_t removed = 0;

    if (args->action == BROWSER_ROUTE_ACTION_ADD)
        return browsing_open(call, &b, err) || add(call, &b, args, err) ? -1
                                                                        : reply(call, &b, -1, err);
    if (tools_sandbox(call, &b.sandbox, err))
        return -1;
    b.browser = sandbox_browser_running(b.sandbox);
    if (args->action == BROWSER_ROUTE_ACTION_LIST)
        return reply(call, &b, -1, err);
    if (b.browser && route_remove(b.browser, args->pattern, call->call, &removed, err))
        return -1;
    if (args->pattern && !removed) {
        err_set(err, ERR_NOT_FOUND, "no rule for \"%.100s\"", args->pattern);
        return err_next(err, "browser_route action=list tells them");
    }
    return reply(call, &b, (int64_t)removed, err);
}
