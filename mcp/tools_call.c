#include "base/log.h"
#include "mcp/asking.h"
#include "mcp/router.h"
#include "mcp/scope.h"

#include <string.h>

static void *args_space(struct server_call *c, size_t size)
{
    if (size > c->args_size) {
        void *p = realloc(c->args, size);
        if (!p)
            return NULL;
        c->args = p;
        c->args_size = size;
    }
    return c->args;
}

static int run(struct server_call *c, struct err *err)
{
    AUTO(args_storage) struct args_storage storage = { 0 };
    const struct tool_def *def = c->tool.def;
    yyjson_val *arguments = yyjson_obj_get(c->params, "arguments");
    void *args = args_space(c, def->args->struct_size + 1);

    if (!args)
        return err_oom(err);
    if (c->conn->srv->digests)
        origin_digest(arguments, &c->tool.origin);
    if (args_bind(def->args, yyjson_is_obj(arguments) ? arguments : NULL, args, &storage, err))
        return -1;
    /* the document may be many times what was bound, and the tool may run for long */
    if (mrtr_drop_document(c, err) ||
        (c->conn->srv->before && c->conn->srv->before(&c->tool, args, err)))
        return -1;
    return def->run(&c->tool, args, err);
}

static const char *outcome(const struct server_call *c, const struct err *failed)
{
    if (!failed)
        return "ok";
    return c->asking && c->asking->pending ? "input_required" : err_code_name(failed->code);
}

static void finished(struct server_call *c, const struct err *failed, int64_t duration_ms)
{
    struct server *srv = c->conn->srv;
    const char *trace = c->tool.origin.trace.id;

    if (log_enabled(LOG_INFO))
        log_info("call tool=%s ms=%lld outcome=%s%s%s", c->tool.def->name, (long long)duration_ms,
                 outcome(c, failed), *trace ? " trace=" : "", trace);
    if (srv->finished)
        srv->finished(srv->hooks_context, &c->tool, failed, duration_ms);
}

static const struct work work = { .run = run, .write = result_write, .finished = finished };

static const struct tool_def *lookup(const struct server *srv, yyjson_val *name)
{
    const struct tool_def *def = NULL;

    if (strlen(yyjson_get_str(name)) == yyjson_get_len(name))
        def = tool_find(yyjson_get_str(name));
    return def && !(def->needs & ~srv->can) ? def : NULL;
}

static void unknown_tool(struct inbound *in, const char *name)
{
    refused(in->srv, REFUSED_UNKNOWN_TOOL);
    reply_error(in, 200, RPC_PARAMS, NULL, "Unknown tool: %.100s", name);
}

void tools_call(struct inbound *in)
{
    yyjson_val *params = in->msg.params, *name = yyjson_obj_get(params, "name");
    yyjson_val *arguments = yyjson_obj_get(params, "arguments");
    const struct tool_def *def = yyjson_is_str(name) ? lookup(in->srv, name) : NULL;
    unsigned needs = def && def->read_only ? SCOPE_READ : SCOPE_EXECUTE;

    if (!yyjson_is_str(name))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.name must be a string");
    else if (!def)
        unknown_tool(in, yyjson_get_str(name));
    else if (arguments && !yyjson_is_null(arguments) && !yyjson_is_obj(arguments))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.arguments must be an object");
    else if (needs & ~in->conn->scopes)
        scope_refuse(in, needs);
    else
        worker_start(in, &work, def);
}
