#include "backend/browser/headers.h"
#include "tools.gen.h"
#include "tools/browser_network.h"
#include "tools/render.h"

#include <stdlib.h>

static void strings_json(struct jw *w, const char *key, const struct strings *all)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < all->count; i++)
        jw_str(w, all->items[i]);
    jw_aend(w);
}

static void rule_json(struct jw *w, const struct headers_rule *r)
{
    jw_obj(w);
    strings_json(w, "origins", &r->origins);
    strings_json(w, "headers", &r->headers);
    if (r->credentials)
        jw_kbool(w, "basic_auth", true);
    jw_end(w);
}

static int rule_text(struct buf *out, const struct headers_rule *r, struct err *err)
{
    if (!r->origins.count && buf_adds(out, "all origins", err))
        return -1;
    for (size_t i = 0; i < r->origins.count; i++)
        if ((i && buf_adds(out, ", ", err)) || render_name(out, r->origins.items[i], err))
            return -1;
    if (r->credentials && buf_adds(out, " · basic auth", err))
        return -1;
    for (size_t i = 0; i < r->headers.count; i++)
        if (buf_adds(out, " · ", err) || render_name(out, r->headers.items[i], err))
            return -1;
    return buf_addc(out, '\n', err);
}

static int reply(struct tool_call *call, struct browsing *b, struct err *err)
{
    AUTO(headers_rules) struct headers_rules all = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX * 4), json = BUF_MAX(RENDER_MAX * 4);
    struct jw w = JW(&json, err);

    if (headers_list(b->browser, &all, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "rules");
    jw_arr(&w);
    for (size_t i = 0; i < all.count; i++) {
        rule_json(&w, &all.rules[i]);
        if (rule_text(&text, &all.rules[i], err))
            return -1;
    }
    jw_aend(&w);
    jw_kbool(&w, "offline", all.offline);
    jw_end(&w);
    if ((all.offline && buf_adds(&text, "offline\n", err)) ||
        (!text.len && buf_adds(&text, "no rules\n", err)) || jw_done(&w) ||
        tool_text(call, text.data, text.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static int set(struct tool_call *call, struct browsing *b, const struct browser_headers_args *args,
               struct err *err)
{
    AUTO_FREE struct route_header *headers = calloc(args->headers.count + 1, sizeof(*headers));
    struct headers_spec spec = {
        .headers = headers,
        .header_count = args->headers.count,
        .origins = args->origins.items,
        .origin_count = args->origins.count,
        .username = args->username,
        .password = args->password,
    };

    if (!headers)
        return err_oom(err);
    for (size_t i = 0; i < args->headers.count; i++)
        headers[i] =
            (struct route_header){ args->headers.items[i].name, args->headers.items[i].value };
    return headers_set(b->browser, &spec, call->call, err);
}

int tool_browser_headers(struct tool_call *call, const struct browser_headers_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    bool rule = args->headers.count || args->username || args->password;

    if (args->origins.count && !rule) {
        err_set(err, ERR_INVALID, "nothing is to be sent to these origins");
        return err_next(err, "pass headers, or username and password");
    }
    if (browsing_open(call, &b, err) ||
        (args->clear && headers_clear(b.browser, call->call, err)) ||
        (rule && set(call, &b, args, err)) ||
        (args->has_offline && headers_offline(b.browser, args->offline, call->call, err)))
        return -1;
    return reply(call, &b, err);
}
