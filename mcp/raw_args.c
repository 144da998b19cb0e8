#include "mcp/router.h"
#include "mcp/schema.h"

#include <string.h>

int raw_args_make(struct server *srv, struct err *err)
{
    srv->schemas = calloc(tool_def_count + 1, sizeof(*srv->schemas));
    if (!srv->schemas)
        return err_oom(err);
    srv->schemas[tool_def_count] = json_parse("{}", 2, err);
    if (!srv->schemas[tool_def_count])
        return -1;
    for (size_t i = 0; i < tool_def_count; i++) {
        const struct tool_def *def = &tool_defs[i];
        if (def->args)
            continue;
        srv->schemas[i] = json_parse(def->input_schema, strlen(def->input_schema), err);
        if (!srv->schemas[i] || schema_verify(yyjson_doc_get_root(srv->schemas[i]), err))
            return err_wrap(err, "input schema of %s", def->name);
    }
    return 0;
}

void raw_args_done(struct server *srv)
{
    for (size_t i = 0; srv->schemas && i <= tool_def_count; i++)
        yyjson_doc_free(srv->schemas[i]);
    free(srv->schemas);
    srv->schemas = NULL;
}

int raw_args_check(const struct server *srv, const struct tool_def *def, yyjson_val *arguments,
                   yyjson_val **out, struct err *err)
{
    yyjson_val *schema = yyjson_doc_get_root(srv->schemas[def - tool_defs]);

    *out = yyjson_is_obj(arguments) ? arguments : yyjson_doc_get_root(srv->schemas[tool_def_count]);
    return schema_check(schema, *out, err);
}
