#include "base/clock.h"
#include "base/log.h"
#include "mcp/router.h"

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

static int run_tool(struct server_call *c, struct err *err)
{
    AUTO(args_storage) struct args_storage storage = { 0 };
    const struct tool_def *def = c->tool.def;
    void *args = args_space(c, def->args->struct_size + 1);

    if (!args)
        return err_oom(err);
    if (call_check(&c->call, err) || args_bind(def->args, c->arguments, args, &storage, err))
        return -1;
    yyjson_doc_free(c->doc); /* may be many times what was bound, and the tool may run for long */
    c->doc = NULL;
    return def->run(&c->tool, args, err);
}

static void answer(struct server_call *c, const struct err *failed)
{
    AUTO(buf) struct buf out = BUF_MAX(65536);
    struct err err = { 0 };

    if (!result_write(c, failed, &err))
        c->sink->finish(c->sink, 200, c->out.data, c->out.len);
    else if (!rpc_add_error(&out, c->id.data, RPC_INTERNAL, err.msg, NULL, NULL))
        c->sink->finish(c->sink, 200, out.data, out.len);
    else
        c->sink->finish(c->sink, 200, NULL, 0);
}

static void work(void *arg)
{
    struct server_call *c = arg;
    struct server *srv = c->conn->srv;
    struct err err = { 0 };
    enum call_state state;
    int64_t took;
    int r;

    log_set_request(c->call.id);
    r = run_tool(c, &err);
    took = clock_ms() - c->call.started_ms;
    state = inflight_end(c);
    if (state == CALL_CANCELLED)
        c->sink->finish(c->sink, 202, NULL, 0);
    else
        answer(c, r ? &err : NULL);
    if (log_enabled(LOG_INFO))
        log_info("call tool=%s ms=%lld outcome=%s", c->tool.def->name, (long long)took,
                 r ? err_code_name(err.code) : "ok");
    if (srv->finished)
        srv->finished(srv->tools_context, &c->tool, r ? &err : NULL, took);
    log_set_request(0);
    server_call_unref(c);
}

static const struct tool_def *lookup(const struct server *srv, yyjson_val *name)
{
    const struct tool_def *def = NULL;

    if (strlen(yyjson_get_str(name)) == yyjson_get_len(name))
        def = tool_find(yyjson_get_str(name));
    return def && !(def->needs & ~srv->can) ? def : NULL;
}

static yyjson_val *given(yyjson_val *v)
{
    return yyjson_is_null(v) ? NULL : v;
}

void tools_call(struct inbound *in)
{
    yyjson_val *params = in->msg.params, *name = yyjson_obj_get(params, "name");
    yyjson_val *arguments = given(yyjson_obj_get(params, "arguments"));
    yyjson_val *token = given(yyjson_obj_get(yyjson_obj_get(params, "_meta"), "progressToken"));
    const struct tool_def *def = yyjson_is_str(name) ? lookup(in->srv, name) : NULL;
    struct err err = { 0 };
    struct server_call *c;

    if (!yyjson_is_str(name))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.name must be a string");
    else if (!def)
        reply_error(in, 200, RPC_PARAMS, NULL, "Unknown tool: %.100s", yyjson_get_str(name));
    else if (arguments && !yyjson_is_obj(arguments))
        reply_error(in, 200, RPC_PARAMS, NULL, "params.arguments must be an object");
    else if (token && !rpc_is_id(token))
        reply_error(in, 200, RPC_PARAMS, NULL, "progressToken must be an integer or a string");
    else if ((c = inflight_start(in, def, arguments, token))) {
        if (!pool_run(in->srv->pool, work, c, &err)) {
            if (in->out_call)
                *in->out_call = c;
            else
                server_call_unref(c);
            return;
        }
        (void)inflight_end(c);
        in->doc = TAKE(c->doc);
        reply_error(in, 200, RPC_INTERNAL, NULL, "busy: %s", err.msg);
        server_call_unref(c);
        server_call_unref(c);
    }
}
