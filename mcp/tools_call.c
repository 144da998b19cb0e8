#include "base/log.h"
#include "mcp/asking.h"
#include "mcp/param_header.h"
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

static int run_before(struct server_call *c, const void *args, struct err *err)
{
    const struct server *srv = c->conn->srv;

    return srv->before && srv->before(&c->tool, args, err) ? -1 : 0;
}

/* The tool reads the document itself, which therefore stays. */
static int run_raw(struct server_call *c, yyjson_val *arguments, struct err *err)
{
    const struct tool_def *def = c->tool.def;
    yyjson_val *args;

    if (raw_args_check(c->conn->srv, def, arguments, &args, err) || run_before(c, args, err))
        return -1;
    return def->run(&c->tool, args, err);
}

static int run(struct server_call *c, struct err *err)
{
    AUTO(args_storage) struct args_storage storage = { 0 };
    const struct tool_def *def = c->tool.def;
    const struct arg_table *table = def->args;
    yyjson_val *arguments = yyjson_obj_get(c->params, "arguments");
    void *args;

    if (c->conn->srv->digests)
        origin_digest(arguments, &c->tool.origin);
    if (!table)
        return run_raw(c, arguments, err);
    if (def->args_read_only && view_read_only(c->tool.view))
        table = def->args_read_only;
    args = args_space(c, table->struct_size + 1);
    if (!args)
        return err_oom(err);
    if (args_bind(table, yyjson_is_obj(arguments) ? arguments : NULL, args, &storage, err))
        return -1;
    /* the document may be many times what was bound, and the tool may run for long */
    if (mrtr_drop_document(c, err) || run_before(c, args, err))
        return -1;
    return def->run(&c->tool, args, err);
}

static void finished(struct server_call *c, const struct err *failed, int64_t duration_ms)
{
    struct server *srv = c->conn->srv;
    const char *trace = c->tool.origin.trace.id;

    if (log_enabled(LOG_INFO))
        log_info("call tool=%s ms=%lld outcome=%s%s%s", c->tool.def->name, (long long)duration_ms,
                 failed ? err_code_name(failed->code) : "ok", *trace ? " trace=" : "", trace);
    if (srv->finished)
        srv->finished(srv->hooks_context, &c->tool, failed, duration_ms);
}

static int run_told(struct server_call *c, struct err *err)
{
    const struct tool_tap *tap = c->conn->srv->tap;
    int r;

    if (!tap)
        return run(c, err);
    tap->began(&c->tool, yyjson_obj_get(c->params, "arguments"));
    r = run(c, err);
    tap->ended(&c->tool, r ? err : NULL);
    return r;
}

static const struct work work = { .run = run_told, .write = result_write, .finished = finished };

/* One that the caller can see, or could with more scopes. */
static const struct tool_def *lookup(const struct tool_view *view, yyjson_val *name)
{
    const struct tool_def *def = NULL;

    if (strlen(yyjson_get_str(name)) == yyjson_get_len(name))
        def = tool_find(yyjson_get_str(name));
    return def && (view_has(view, def) || view_lacks(view, def)) ? def : NULL;
}

static void unknown_tool(struct inbound *in, const char *name)
{
    refused(in->srv, REFUSED_UNKNOWN_TOOL);
    reply_error(in, 200, RPC_PARAMS, NULL, "Unknown tool: %.100s", name);
}

static bool headers_agree(struct inbound *in, const struct tool_def *def, yyjson_val *arguments)
{
    const struct http_facts *f = in->facts;
    struct err err = { 0 };

    if (!def->param_headers || !f->is_http || !in->revision->modern ||
        !param_headers_check(def->param_headers, arguments, f->params, f->param_count, &err))
        return true;
    reply_error(in, 400, RPC_HEADER, NULL, "Header mismatch: %s", err.msg);
    return false;
}

void tools_call(struct inbound *in)
{
    yyjson_val *params = in->msg.params, *name = yyjson_obj_get(params, "name");
    yyjson_val *arguments = yyjson_obj_get(params, "arguments");
    const struct tool_def *def;

    if (!lists_view(in))
        return;
    def = yyjson_is_str(name) ? lookup(in->view, name) : NULL;
    if (!yyjson_is_str(name))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.name must be a string");
    else if (!def)
        unknown_tool(in, yyjson_get_str(name));
    else if (arguments && !yyjson_is_null(arguments) && !yyjson_is_obj(arguments))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.arguments must be an object");
    else if (view_lacks(in->view, def))
        scope_refuse(in, view_lacks(in->view, def));
    else if (headers_agree(in, def, arguments))
        worker_start(in, &work, def);
}
