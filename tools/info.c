#include "base/clock.h"
#include "tools.gen.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <string.h>

/* One row per list: its member of the result, and how it is headed in the text. */
static const struct {
    const char *key, *label;
    size_t offset;
} lists[] = {
    { "isolation", "isolation", offsetof(struct sandbox_info, layers) },
    { "degraded", "degraded", offsetof(struct sandbox_info, degraded) },
    { "egress", "egress", offsetof(struct sandbox_info, egress) },
    { "packages", "packages", offsetof(struct sandbox_info, packages) },
    { "processes", "processes", offsetof(struct sandbox_info, processes) },
    { "ports", "ports", offsetof(struct sandbox_info, ports) },
    { "protected_paths", "not to be written in live directories",
      offsetof(struct sandbox_info, protected_paths) },
};

static const struct strings *list_at(const struct sandbox_info *info, size_t i)
{
    return (const struct strings *)(const void *)((const char *)info + lists[i].offset);
}

static void list_json(struct jw *w, const char *key, const struct strings *s)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < s->count; i++)
        jw_str(w, s->items[i]);
    jw_aend(w);
}

static void time_json(struct jw *w, const char *key, int64_t wall_ms)
{
    char text[CLOCK_ISO_SIZE];

    if (wall_ms)
        jw_kstr(w, key, clock_iso(wall_ms, text));
}

int render_info_json(struct buf *json, const struct sandbox_info *info, const char *backend,
                     struct err *err)
{
    struct jw w = JW(json, err);

    jw_obj(&w);
    jw_kstr(&w, "sandbox_id", info->id);
    if (info->name)
        jw_kstr(&w, "name", info->name);
    jw_kstr(&w, "backend", backend);
    jw_kstr(&w, "state", info->state);
    jw_kstr(&w, "workspace", info->workspace);
    jw_kstr(&w, "home", info->home);
    time_json(&w, "created_at", info->created_ms);
    time_json(&w, "expires_at", info->expires_ms);
    if (info->idle_timeout_s)
        jw_kint(&w, "idle_timeout_s", info->idle_timeout_s);
    jw_key(&w, "facts");
    jw_obj(&w);
    for (size_t i = 0; i < info->fact_count; i++)
        jw_kstr(&w, info->facts[i].name, info->facts[i].value);
    jw_end(&w);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (list_at(info, i)->count || i < 2)
            list_json(&w, lists[i].key, list_at(info, i));
    jw_end(&w);
    return jw_done(&w);
}

static int info_text(struct buf *out, const struct sandbox_info *info, const char *backend,
                     struct err *err)
{
    if (buf_addf(out, err, "sandbox %s%s%s · %s · backend %s\nworkspace %s · home %s\n", info->id,
                 info->name ? " " : "", info->name ? info->name : "", info->state, backend,
                 info->workspace, info->home))
        return -1;
    for (size_t i = 0; i < info->fact_count; i++)
        if (buf_addf(out, err, "%s = %s\n", info->facts[i].name, info->facts[i].value))
            return -1;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const struct strings *s = list_at(info, i);
        if (s->count && buf_addf(out, err, "--- %s\n", lists[i].label))
            return -1;
        for (size_t k = 0; k < s->count; k++)
            if (render_plain(out, s->items[k], strlen(s->items[k]), err))
                return -1;
    }
    return 0;
}

static unsigned flags(const struct arg_strings *include, struct err *err)
{
    static const char *const names[] = { "health", "metrics", "packages",
                                         "policy", "ports",   "processes" };
    unsigned set = 0;

    for (size_t i = 0; i < include->count; i++) {
        size_t k = 0;
        while (k < COUNT_OF(names) && strcmp(names[k], include->items[i]))
            k++;
        if (k == COUNT_OF(names)) {
            err_set(err, ERR_INVALID, "include[%zu]: \"%s\" is unknown", i, include->items[i]);
            err_next(err, "use health, metrics, packages, policy, ports or processes");
        }
        set |= 1u << k;
    }
    return set;
}

int tool_sandbox_info(struct tool_call *call, const struct sandbox_info_args *args, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(sandbox_info) struct sandbox_info info = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(RENDER_MAX * 4), text = BUF_MAX(RENDER_MAX * 4);
    struct err bad = { 0 };
    unsigned include = flags(&args->include, &bad);

    if (bad.code) {
        *err = bad;
        return -1;
    }
    if (tools_sandbox(call, &sb, err) || sandbox_info(sb, call->call, include, &info, err))
        return -1;
    if (info_text(&text, &info, sb->backend->ops->name, err) ||
        tool_text(call, text.data, text.len, err) ||
        render_info_json(&json, &info, sb->backend->ops->name, err))
        return -1;
    return tool_structured(call, &json, err);
}
