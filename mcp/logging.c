#include "mcp/logging.h"
#include "base/clock.h"

#include <string.h>

#define LEVEL "io.modelcontextprotocol/logLevel"

static const char *const levels[] = {
    [TOOL_LOG_DEBUG] = "debug",   [TOOL_LOG_INFO] = "info",
    [TOOL_LOG_NOTICE] = "notice", [TOOL_LOG_WARNING] = "warning",
    [TOOL_LOG_ERROR] = "error",   [TOOL_LOG_CRITICAL] = "critical",
    [TOOL_LOG_ALERT] = "alert",   [TOOL_LOG_EMERGENCY] = "emergency",
};

/* 1 + the level; -1 after a refusal. */
static int read_level(struct inbound *in, yyjson_val *v, const char *what)
{
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (yyjson_equals_str(v, levels[i]))
            return (int)i + 1;
    reply_error(in, 200, RPC_PARAMS, NULL,
                "%s must be one of debug, info, notice, warning, error, critical, alert, emergency",
                what);
    return -1;
}

int logging_wanted(struct inbound *in)
{
    yyjson_val *level;

    if (!in->revision->modern)
        return in->conn ? (int)atomic_load(&in->conn->log_from) : 0;
    level = yyjson_obj_get(yyjson_obj_get(in->msg.params, "_meta"), LEVEL);
    return level ? read_level(in, level, "params._meta[\"" LEVEL "\"]") : 0;
}

void logging_set_level(struct inbound *in)
{
    static const char tail[] = ",\"result\":{}}";
    int from;

    if (!in->srv->logging) {
        methods_unknown(in);
        return;
    }
    from = read_level(in, yyjson_obj_get(in->msg.params, "level"), "params.level");
    if (from < 0)
        return;
    atomic_store(&in->conn->log_from, (unsigned)from);
    reply_tail(in, tail, sizeof(tail) - 1);
}

static bool is_due(struct server_call *c, enum tool_log_level level)
{
    int64_t now = clock_ms();

    if (!c->log_from || level + 1 < c->log_from || !c->conn->srv->logging ||
        call_state(&c->call) != CALL_RUNNING)
        return false;
    if (now - c->logged_ms >= 1000) {
        c->logged_ms = now;
        c->logged = 0;
    }
    return c->logged++ < LOGGING_PER_S;
}

void tool_log(struct tool_call *call, enum tool_log_level level, const char *logger,
              const char *fmt, ...)
{
    struct server_call *c = list_of(call, struct server_call, tool);
    AUTO(buf) struct buf text = BUF_MAX(TOOL_LOG_MAX), out = BUF_MAX(8 * TOOL_LOG_MAX);
    struct jw w = JW(&out, NULL);
    va_list ap;
    int failed;

    if (!is_due(c, level))
        return;
    va_start(ap, fmt);
    failed = buf_addv(&text, NULL, fmt, ap);
    va_end(ap);
    jw_obj(&w);
    jw_kstr(&w, "jsonrpc", "2.0");
    jw_kstr(&w, "method", "notifications/message");
    jw_key(&w, "params");
    jw_obj(&w);
    jw_kstr(&w, "level", levels[level]);
    if (logger)
        jw_kstr(&w, "logger", logger);
    jw_kstr(&w, "data", buf_str(&text));
    jw_end(&w);
    jw_end(&w);
    if (!failed && !jw_done(&w))
        c->sink->notify(c->sink, out.data, out.len);
}
