#include "mcp/router.h"
#include "mcp/subs.h"

static void add_empty(struct jw *w, const char *name)
{
    jw_key(w, name);
    jw_obj(w);
    jw_end(w);
}

static void add_list(struct jw *w, const char *name, bool changes, bool subscribe)
{
    jw_key(w, name);
    jw_obj(w);
    if (subscribe)
        jw_kbool(w, "subscribe", true);
    if (changes)
        jw_kbool(w, "listChanged", true);
    jw_end(w);
}

static int make(struct buf *out, const struct server_config *config, bool modern, struct err *err)
{
    struct jw w = JW(out, err);

    buf_init(out, 4096);
    jw_obj(&w);
    add_list(&w, "tools", config->list_changed & 1u << LIST_TOOLS, false);
    if (config->logging)
        add_empty(&w, "logging");
    if (config->resources)
        add_list(&w, "resources", config->list_changed & 1u << LIST_RESOURCES, config->watch);
    if (config->prompts)
        add_list(&w, "prompts", config->list_changed & 1u << LIST_PROMPTS, false);
    if (config->resources || config->prompts)
        add_empty(&w, "completions");
    if (config->tasks && modern) {
        jw_key(&w, "extensions");
        jw_obj(&w);
        add_empty(&w, "io.modelcontextprotocol/tasks");
        jw_end(&w);
    }
    jw_end(&w);
    return jw_done(&w);
}

int capabilities_make(struct server *srv, const struct server_config *config, struct err *err)
{
    for (int modern = 0; modern < 2; modern++)
        if (make(&srv->capabilities[modern], config, modern, err))
            return -1;
    return 0;
}
