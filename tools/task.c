#include "mcp/task.h"
#include "tools/render.h"
#include "tools/tools.h"

static int become_task(void *context, const char *process_id)
{
    struct tool_call *call = context;

    return task_possible(call) ? task_begin(call, process_id, NULL) : -1;
}

struct stay tools_stay(struct tool_call *call)
{
    return (struct stay){ .run = become_task, .context = call };
}

int tools_recover(struct tool_call *call, const char *handle, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(exec_result) struct exec_result res = { 0 };
    AUTO(buf) struct buf text = BUF_MAX(RENDER_MAX);
    const struct tools_context *ctx = call->context;
    struct output_request req = {
        .process_id = handle,
        .whole = true,
        .max_bytes = ctx->default_max_bytes,
    };

    if (tools_sandbox(call, &sb, err) || sandbox_output(sb, call->call, &req, &res, err) ||
        render_exec(&text, &res, err) || tool_text(call, text.data, text.len, err))
        return -1;
    return res.status == EXEC_EXITED ? TASK_RECOVERED_WHOLE : 0;
}
