#include "mcp/view.h"
#include "tools/resources.h"

#include <string.h>

#define CATALOGUE_MAX (512 * 1024)
#define BYTES_PER_TOKEN 4

/* What an entry of tools/list costs a model, about. */
static int64_t tokens(const struct tool_def *def)
{
    size_t bytes = strlen(def->name) + strlen(def->description) + strlen(def->input_schema);

    return (int64_t)((bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
}

int resources_tools(struct tool_call *call, const char *uri, struct err *err)
{
    AUTO(buf) struct buf json = BUF_MAX(CATALOGUE_MAX);
    struct jw w = JW(&json, err);
    int64_t total = 0;

    jw_obj(&w);
    jw_key(&w, "tools");
    jw_arr(&w);
    for (const struct tool_def *def = tool_defs; def->name; def++) {
        if (!view_has(call->view, def))
            continue;
        total += tokens(def);
        jw_obj(&w);
        jw_kstr(&w, "name", def->name);
        jw_kstr(&w, "title", def->title);
        jw_kstr(&w, "toolset", def->toolset);
        jw_kstr(&w, "description", def->description);
        jw_kbool(&w, "read_only", def->read_only);
        jw_kint(&w, "tokens", tokens(def));
        jw_end(&w);
    }
    jw_aend(&w);
    jw_kint(&w, "tokens", total);
    jw_kstr(&w, "tokens_are", "estimated: name, description and input schema, 4 bytes each");
    jw_end(&w);
    if (jw_done(&w))
        return -1;
    return resource_text(call, uri, "application/json", json.data, json.len, err);
}
