#include "base/clock.h"
#include "base/utf8.h"
#include "mcp/router.h"
#include "mcp/task.h"

#include <math.h>
#include <string.h>

static void add_message(struct jw *w, const char *text, size_t len)
{
    AUTO(buf) struct buf plain = BUF_MAX(PROGRESS_MESSAGE_MAX * 3);

    if (len > PROGRESS_MESSAGE_MAX)
        len = utf8_cut(text, PROGRESS_MESSAGE_MAX);
    if (text_add_plain(&plain, text, len, NULL, NULL) || !plain.len)
        return;
    jw_key(w, "message");
    jw_strn(w, plain.data, plain.len);
}

static void send(struct server_call *c, double value, double total, const char *message, size_t len)
{
    AUTO(buf) struct buf out = BUF_MAX(65536);
    struct jw w = JW(&out, NULL);

    jw_obj(&w);
    jw_kstr(&w, "jsonrpc", "2.0");
    jw_kstr(&w, "method", "notifications/progress");
    jw_key(&w, "params");
    jw_obj(&w);
    jw_kraw(&w, "progressToken", c->token.data);
    jw_knum(&w, "progress", value);
    if (total > 0)
        jw_knum(&w, "total", total);
    if (message && c->revision->progress_msg)
        add_message(&w, message, len);
    jw_end(&w);
    jw_end(&w);
    if (jw_done(&w))
        return;
    c->progress_ms = clock_ms();
    c->progress = value;
    c->sink->notify(c->sink, out.data, out.len);
}

void progress_send(struct call *call, double elapsed_s, const char *message, size_t len)
{
    struct server_call *c = list_of(call, struct server_call, call);
    double value = floor(elapsed_s * 1000) / 1000;

    if (call_state(call) == CALL_RUNNING && value > c->progress &&
        clock_ms() - c->progress_ms >= PROGRESS_SPACE_MS)
        send(c, value, 0, message, len);
}

void tool_progress(struct tool_call *call, double progress, double total, const char *message)
{
    struct server_call *c = list_of(call, struct server_call, tool);

    if (c->task && message)
        task_status(call, message, strlen(message));
    if (call->call->progress == progress_send && call_state(call->call) == CALL_RUNNING &&
        progress > c->progress)
        send(c, progress, total, message, message ? strlen(message) : 0);
}
