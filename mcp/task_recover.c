#include "base/clock.h"
#include "mcp/tasks.h"

#include <string.h>

#define RECOVER_MS 10000 /* what the handle's owner may take to say something */

static const char interrupted[] = "interrupted by restart: the server that ran this task ended "
                                  "before the task did.";

static int add_result(struct buf *out, const struct tool_call *call, bool is_error, struct err *err)
{
    if (buf_adds(out, "{\"resultType\":\"complete\",\"content\":[", err) ||
        buf_add(out, buf_str(&call->content), call->content.len, err) || buf_adds(out, "]", err))
        return -1;
    if (call->meta.len && buf_addf(out, err, ",\"_meta\":{%s}", call->meta.data))
        return -1;
    return buf_addf(out, err, ",\"isError\":%s}", is_error ? "true" : "false");
}

int task_recover(struct tasks *ts, struct tool_call *call, const struct task_record *r,
                 struct buf *out, struct err *err)
{
    const char *sandbox = call->sandbox;
    struct err why = { 0 };
    int said = -1;

    buf_clear(&call->content);
    buf_clear(&call->structured);
    buf_clear(&call->meta);
    call->call->deadline_ms = clock_ms() + RECOVER_MS;
    call->sandbox = r->sandbox;
    if (ts->recover && r->handle)
        said = ts->recover(call, r->handle, &why);
    call->sandbox = sandbox;
    if (said == TASK_RECOVERED_WHOLE)
        return add_result(out, call, false, err);
    if (said) {
        buf_clear(&call->content);
        buf_clear(&call->meta);
    }
    if (tool_text(call, interrupted, strlen(interrupted), err) ||
        (said && why.code && tool_textf(call, err, "Nothing is left of %s: %s", r->tool, why.msg)))
        return -1;
    return add_result(out, call, true, err);
}
