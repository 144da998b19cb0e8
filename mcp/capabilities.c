#include "mcp/router.h"

static void add_empty(struct jw *w, const char *name)
{
    jw_key(w, name);
    jw_obj(w);
    jw_end(w);
}

int capabilities_make(struct server *srv, const struct server_config *config, struct err *err)
{
    struct jw w = JW(&srv->capabilities, err);

    buf_init(&srv->capabilities, 4096);
    jw_obj(&w);
    add_empty(&w, "tools");
    if (config->logging)
        add_empty(&w, "logging");
    if (config->resources)
        add_empty(&w, "resources");
    if (config->prompts)
        add_empty(&w, "prompts");
    if (config->resources || config->prompts)
        add_empty(&w, "completions");
    jw_end(&w);
    return jw_done(&w);
}
