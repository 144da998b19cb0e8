#include "tools/resources.h"

#include <string.h>

#define POLICY_MAX (256 * 1024)

static void add_list(struct jw *w, const char *key, const struct strings *s)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < s->count; i++)
        jw_str(w, s->items[i]);
    jw_aend(w);
}

/* The facts below a prefix ("resources."), without it. */
static void add_facts(struct jw *w, const char *key, const char *prefix,
                      const struct sandbox_info *info)
{
    size_t n = strlen(prefix);

    jw_key(w, key);
    jw_obj(w);
    for (size_t i = 0; i < info->fact_count; i++)
        if (!strncmp(info->facts[i].name, prefix, n))
            jw_kstr(w, info->facts[i].name + n, info->facts[i].value);
    jw_end(w);
}

static void add_result_limits(struct jw *w, const struct tools_context *ctx)
{
    jw_key(w, "result_limits");
    jw_obj(w);
    jw_kint(w, "default_max_bytes", (int64_t)ctx->default_max_bytes);
    jw_kint(w, "max_bytes", (int64_t)ctx->max_bytes);
    jw_kint(w, "resource_file_bytes", RESOURCES_FILE_MAX);
    jw_kint(w, "write_bytes", FILE_WRITE_MAX);
    jw_end(w);
}

int resources_policy(struct tool_call *call, const char *uri, struct err *err)
{
    const struct tools_context *ctx = call->context;
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(sandbox_info) struct sandbox_info info = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(POLICY_MAX), said = BUF_MAX(4096);
    struct jw w = JW(&json, err);

    if (resources_sandbox(call, NULL, &sb, err) ||
        sandbox_info(sb, call->call, INFO_POLICY, &info, err) ||
        backend_describe(ctx->backend, &said, err))
        return -1;
    jw_obj(&w);
    jw_kstr(&w, "backend", sb->backend->ops->name);
    jw_kstr(&w, "summary", buf_str(&said));
    add_list(&w, "isolation", &info.layers);
    add_list(&w, "degraded", &info.degraded);
    add_list(&w, "network", &info.egress);
    add_list(&w, "protected_paths", &info.protected_paths);
    add_facts(&w, "limits", "resources.", &info);
    add_result_limits(&w, ctx);
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    return resource_text(call, uri, "application/json", json.data, json.len, err);
}
