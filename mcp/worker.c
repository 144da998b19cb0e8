#include "base/clock.h"
#include "base/log.h"
#include "mcp/asking.h"
#include "mcp/logging.h"
#include "mcp/router.h"
#include "mcp/tasks.h"

static void answer(struct server_call *c, const struct err *failed)
{
    AUTO(buf) struct buf out = BUF_MAX(65536);
    struct err err = { 0 };
    int status = 200, r;

    r = failed && ask_decides(c) ? ask_write(c, &status, &err) : c->work->write(c, failed, &err);
    if (!r)
        c->sink->finish(c->sink, status, c->out.data, c->out.len);
    else if (!rpc_add_error(&out, c->id.data, RPC_INTERNAL, err.msg, NULL, NULL))
        c->sink->finish(c->sink, 200, out.data, out.len);
    else
        c->sink->finish(c->sink, 200, NULL, 0);
}

static void run(void *arg)
{
    struct server_call *c = arg;
    struct err err = { 0 };
    enum call_state state;
    int64_t took;
    bool task;
    int r;

    log_set_request(c->call.id);
    r = call_check(&c->call, &err) || mrtr_open(c, &err) || c->work->run(c, &err) ? -1 : 0;
    took = clock_ms() - c->call.started_ms;
    task = c->task;
    if (task)
        task_finish(c, r ? &err : NULL);
    state = inflight_end(c);
    if (task)
        ;
    else if (state == CALL_CANCELLED)
        c->sink->finish(c->sink, 202, NULL, 0);
    else
        answer(c, r ? &err : NULL);
    if (c->work->finished)
        c->work->finished(c, r ? &err : NULL, took);
    log_set_request(0);
    server_call_unref(c);
}

static yyjson_val *given(yyjson_val *v)
{
    return yyjson_is_null(v) ? NULL : v;
}

void worker_start(struct inbound *in, const struct work *work, const struct tool_def *def)
{
    yyjson_val *meta = yyjson_obj_get(in->msg.params, "_meta");
    yyjson_val *token = given(yyjson_obj_get(meta, "progressToken"));
    struct err err = { 0 };
    struct server_call *c;
    int log_from;

    if (token && !rpc_is_id(token)) {
        reply_error(in, 200, RPC_PARAMS, NULL, "progressToken must be an integer or a string");
        return;
    }
    log_from = logging_wanted(in);
    if (log_from < 0)
        return;
    c = inflight_start(in, work, def, token);
    if (!c)
        return;
    c->log_from = (unsigned)log_from;
    if (!pool_run(in->srv->pool, run, c, &err)) {
        if (in->out_call)
            *in->out_call = c;
        else
            server_call_unref(c);
        return;
    }
    (void)inflight_end(c);
    in->doc = TAKE(c->doc);
    refused(in->srv, REFUSED_BUSY);
    reply_error(in, 200, RPC_INTERNAL, NULL, "busy: %s", err.msg);
    server_call_unref(c);
    server_call_unref(c);
}
