#include "backend/browser/storage.h"
#include "tools.gen.h"
#include "tools/browser_network.h"
#include "tools/browsing.h"
#include "tools/fence.h"
#include "tools/render.h"

#include <string.h>

#define VALUE_SHOWN 1024 /* bytes of a value in a list */

/* ---- browser_cookies ---- */

static const char *const same_sites[] = { NULL, "Strict", "Lax", "None" };

static void cookie_json(struct jw *w, yyjson_val *c, bool reveal)
{
    const char *value = json_str(c, "value"), *same = json_str(c, "sameSite");

    jw_obj(w);
    jw_kstr(w, "name", json_str(c, "name"));
    if (reveal)
        jw_kstr(w, "value", value);
    jw_kint(w, "size", value ? (int64_t)strlen(value) : 0);
    jw_kstr(w, "domain", json_str(c, "domain"));
    jw_kstr(w, "path", json_str(c, "path"));
    if (!json_bool(c, "session", false))
        jw_knum(w, "expires", yyjson_get_num(yyjson_obj_get(c, "expires")));
    jw_kbool(w, "http_only", json_bool(c, "httpOnly", false));
    jw_kbool(w, "secure", json_bool(c, "secure", false));
    if (same)
        jw_kstr(w, "same_site", same);
    jw_end(w);
}

static int cookie_line(struct buf *out, yyjson_val *c, bool reveal, struct err *err)
{
    const char *value = json_str(c, "value");

    if (render_name(out, json_str(c, "name"), err) || buf_addc(out, '=', err))
        return -1;
    if (reveal ? render_name(out, value ? value : "", err)
               : buf_addf(out, err, "(%zu bytes)", value ? strlen(value) : 0))
        return -1;
    return buf_addf(out, err, " · %s%s%s%s%s\n", json_str(c, "domain"), json_str(c, "path"),
                    json_bool(c, "session", false) ? " · until the browser ends" : "",
                    json_bool(c, "httpOnly", false) ? " · httpOnly" : "",
                    json_bool(c, "secure", false) ? " · secure" : "");
}

static int list_cookies(struct tool_call *call, struct browsing *b,
                        const struct browser_cookies_args *args, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX * 4), text = BUF_MAX(RENDER_MAX * 4);
    AUTO(buf) struct buf told = BUF_MAX(RENDER_MAX * 4 + 1024);
    struct jw w = JW(&json, err);
    yyjson_val *all, *one;
    size_t i, n, listed = 0;

    if (storage_cookies(b->page, args->url, call->call, &reply, &all, err))
        return -1;
    jw_obj(&w);
    jw_key(&w, "cookies");
    jw_arr(&w);
    yyjson_arr_foreach (all, i, n, one) {
        if (args->name && strcmp(args->name, json_str(one, "name")) != 0)
            continue;
        if (listed++ < STORAGE_COOKIES_MAX) {
            cookie_json(&w, one, args->reveal);
            if (cookie_line(&text, one, args->reveal, err))
                return -1;
        }
    }
    jw_aend(&w);
    jw_kint(&w, "total", (int64_t)listed);
    jw_end(&w);
    if (jw_done(&w) ||
        buf_addf(&told, err, "%s · %zu cookie%s\n", page_id(b->page), listed,
                 listed == 1 ? "" : "s") ||
        buf_add(&told, text.data, text.len, err) || tool_text(call, told.data, told.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

static void write_cookie(struct jw *w, const struct browser_cookies_cookies_item *c,
                         const char *url)
{
    jw_obj(w);
    jw_kstr(w, "name", c->name);
    jw_kstr(w, "value", c->value ? c->value : "");
    if (c->domain)
        jw_kstr(w, "domain", c->domain);
    else
        jw_kstr(w, "url", c->url ? c->url : url);
    if (c->path)
        jw_kstr(w, "path", c->path);
    if (c->expires > 0)
        jw_knum(w, "expires", c->expires);
    jw_kbool(w, "httpOnly", c->http_only);
    jw_kbool(w, "secure", c->secure);
    if (c->same_site >= 0)
        jw_kstr(w, "sameSite", same_sites[c->same_site + 1]);
    jw_end(w);
}

static int counted(struct tool_call *call, const struct browsing *b, const char *what, size_t n,
                   struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(256);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_key(&w, "cookies");
    jw_arr(&w);
    jw_aend(&w);
    jw_kint(&w, "total", (int64_t)n);
    jw_end(&w);
    return jw_done(&w) ||
                   tool_textf(call, err, "%s · %s %zu cookie%s\n", page_id(b->page), what, n,
                              n == 1 ? "" : "s") ||
                   tool_structured(call, &json, err)
               ? -1
               : 0;
}

static int set_cookies(struct tool_call *call, struct browsing *b,
                       const struct browser_cookies_args *args, struct err *err)
{
    AUTO(buf) struct buf list = BUF_MAX(STORAGE_MAX);
    struct jw w = JW(&list, err);
    struct page_info info;

    if (!args->cookies.count) {
        err_set(err, ERR_INVALID, "cookies: none is given");
        return err_next(err, "pass cookies such as [{\"name\": \"a\", \"value\": \"1\"}]");
    }
    page_info(b->page, &info);
    jw_arr(&w);
    for (size_t i = 0; i < args->cookies.count; i++)
        write_cookie(&w, &args->cookies.items[i], args->url ? args->url : info.url);
    jw_aend(&w);
    if (jw_done(&w))
        return -1;
    if (storage_set_cookies(b->page, list.data, call->call, err)) {
        if (!err || err->code != ERR_INVALID)
            return -1;
        err_set(err, ERR_INVALID, "cookies: the browser takes not all of them");
        return err_next(err, "each needs a name and a url or domain that may have it");
    }
    return counted(call, b, "set", args->cookies.count, err);
}

static int delete_cookies(struct tool_call *call, struct browsing *b,
                          const struct browser_cookies_args *args, struct err *err)
{
    size_t n;

    if (!args->name) {
        err_set(err, ERR_INVALID, "name is missing");
        return err_next(err, "pass the cookie's name, or action clear for all of them");
    }
    if (storage_delete_cookie(b->page, args->name, args->url, call->call, &n, err))
        return -1;
    return counted(call, b, "deleted", n, err);
}

static int clear_cookies(struct tool_call *call, struct browsing *b,
                         const struct browser_cookies_args *args UNUSED, struct err *err)
{
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    yyjson_val *all;

    if (storage_cookies(b->page, NULL, call->call, &reply, &all, err) ||
        storage_clear_cookies(b->page, call->call, err))
        return -1;
    return counted(call, b, "deleted", yyjson_arr_size(all), err);
}

int tool_browser_cookies(struct tool_call *call, const struct browser_cookies_args *args,
                         struct err *err)
{
    static int (*const actions[])(struct tool_call *, struct browsing *,
                                  const struct browser_cookies_args *, struct err *) = {
        [BROWSER_COOKIES_ACTION_LIST] = list_cookies,
        [BROWSER_COOKIES_ACTION_SET] = set_cookies,
        [BROWSER_COOKIES_ACTION_DELETE] = delete_cookies,
        [BROWSER_COOKIES_ACTION_CLEAR] = clear_cookies,
    };
    AUTO(browsing) struct browsing b = { 0 };

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    return actions[args->action](call, &b, args, err);
}

/* ---- browser_storage ---- */

static int reply_items(struct tool_call *call, struct browsing *b, yyjson_val *items,
                       enum storage_do what, struct err *err)
{
    static const char *const said[] = { "", "", "set", "deleted", "deleted" };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX * 4), text = BUF_MAX(RENDER_MAX);
    const char *did = said[what];
    bool shown_too = what == STORAGE_LIST || what == STORAGE_GET;
    const struct tools_context *ctx = call->context;
    struct jw w = JW(&json, err);
    size_t i, n, max = what == STORAGE_GET ? ctx->max_bytes : VALUE_SHOWN;
    struct page_info info;
    yyjson_val *one;
    bool cut = false;

    page_info(b->page, &info);
    jw_obj(&w);
    jw_key(&w, "items");
    jw_arr(&w);
    yyjson_arr_foreach (items, i, n, one) {
        const char *key = json_str(one, "key"), *value = json_str(one, "value");
        size_t len = value ? strlen(value) : 0, shown = len < max ? len : max;
        if (text.len + shown + strlen(key) > ctx->default_max_bytes && i) {
            cut = true;
            break;
        }
        jw_obj(&w);
        jw_kstr(&w, "key", key);
        jw_key(&w, "value");
        jw_strn(&w, value, shown);
        if (shown < len)
            jw_kint(&w, "size", (int64_t)len);
        jw_end(&w);
        if (buf_addf(&text, err, "%s = ", key) || buf_add(&text, value, shown, err) ||
            (shown < len && buf_addf(&text, err, "... (%zu bytes: action get has all)", len)) ||
            buf_addc(&text, '\n', err))
            return -1;
    }
    jw_aend(&w);
    jw_kint(&w, "total", (int64_t)n);
    if (cut)
        jw_kbool(&w, "truncated", true);
    jw_end(&w);
    AUTO(buf) struct buf all = BUF_MAX(RENDER_MAX + 1024);
    if (jw_done(&w) ||
        buf_addf(&all, err, "%s · %s%s%zu item%s\n", page_id(b->page), did, *did ? " " : "", n,
                 n == 1 ? "" : "s") ||
        (text.len && shown_too && fence(&all, "storage", info.url, text.data, text.len, err)) ||
        tool_text(call, all.data, all.len, err))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_storage(struct tool_call *call, const struct browser_storage_args *args,
                         struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(cdp_reply) struct cdp_reply reply = { 0 };
    enum storage_do what = (enum storage_do)args->action;
    bool needs_key = what == STORAGE_GET || what == STORAGE_SET || what == STORAGE_DELETE;
    yyjson_val *items;

    if ((needs_key && !args->key) || (what == STORAGE_SET && !args->value)) {
        err_set(err, ERR_INVALID, "%s is missing", args->key ? "value" : "key");
        return err_next(err, "action set needs key and value, get and delete a key");
    }
    if (browsing_begin(call, args->page_id, &b, err) ||
        storage_items(b.page, args->kind == BROWSER_STORAGE_KIND_SESSION, what, args->key,
                      args->value, call->call, &reply, &items, err))
        return -1;
    if (what == STORAGE_GET && !yyjson_arr_size(items)) {
        err_set(err, ERR_NOT_FOUND, "key: there is no %.200s", args->key);
        return err_next(err, "action list names all keys");
    }
    return reply_items(call, &b, items, what, err);
}

/* ---- browser_state ---- */

static const char *s_of(size_t n)
{
    return n == 1 ? "" : "s";
}

static int reply_state(struct tool_call *call, const struct browsing *b, const char *did,
                       const char *path, const struct storage_count *n, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(64 * 1024);
    struct jw w = JW(&json, err);

    jw_obj(&w);
    jw_kstr(&w, "path", path);
    jw_kint(&w, "cookies", (int64_t)n->cookies);
    jw_kint(&w, "origins", (int64_t)n->origins);
    jw_kint(&w, "items", (int64_t)n->items);
    jw_end(&w);
    if (jw_done(&w) ||
        tool_textf(call, err, "%s · %s %s: %zu cookie%s, %zu item%s of %zu origin%s\n",
                   page_id(b->page), did, path, n->cookies, s_of(n->cookies), n->items,
                   s_of(n->items), n->origins, s_of(n->origins)))
        return -1;
    return tool_structured(call, &json, err);
}

int tool_browser_state(struct tool_call *call, const struct browser_state_args *args,
                       struct err *err)
{
    AUTO(browsing) struct browsing b = { 0 };
    AUTO(buf) struct buf state = BUF_MAX(STORAGE_MAX);
    AUTO_FREE char *path = NULL;
    struct storage_count n;

    if (browsing_begin(call, args->page_id, &b, err))
        return -1;
    if (args->action == BROWSER_STATE_ACTION_SAVE) {
        if (storage_save(b.page, args->origins.items, args->origins.count, call->call, &state, &n,
                         err) ||
            network_save(call, b.sandbox, args->path, state.data, state.len, &path, err))
            return -1;
        return reply_state(call, &b, "saved to", path, &n, err);
    }
    if (network_load(call, b.sandbox, args->path, &state, err))
        return -1;
    if (storage_load(b.page, state.data, state.len, args->origins.items, args->origins.count,
                     call->call, &n, err)) {
        err_wrap(err, "%.200s", args->path);
        return err_next(err, "it has to be a file that action save, or Playwright, wrote");
    }
    return reply_state(call, &b, "loaded", args->path, &n, err);
}
