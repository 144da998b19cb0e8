#include "base/utf8.h"
#include "mcp/router.h"

#include <stdio.h>
#include <string.h>

int result_begin(struct server_call *c, struct err *err)
{
    buf_clear(&c->out);
    return buf_addf(&c->out, err, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{%s", c->id.data,
                    c->revision->modern ? "\"resultType\":\"complete\"," : "");
}

/* `own`: members of _meta, comma-separated. */
static int add_meta(struct server_call *c, const struct buf *own, struct err *err)
{
    const struct buf *info = &c->conn->srv->info;
    struct buf *out = &c->out;

    if (!own->len && !c->revision->modern)
        return 0;
    if (buf_adds(out, ",\"_meta\":{", err) || buf_add(out, own->data, own->len, err))
        return -1;
    if (c->revision->modern && buf_addf(out, err, "%s\"io.modelcontextprotocol/serverInfo\":%s",
                                        own->len ? "," : "", info->data))
        return -1;
    return buf_addc(out, '}', err);
}

static bool shows_structured(const struct server_call *c)
{
    return c->revision->structured && !c->tool.has_image && c->tool.structured.len;
}

static int write_success(struct server_call *c, struct err *err)
{
    const struct tool_call *t = &c->tool;
    struct buf *out = &c->out;

    if (result_text_structured(c, err))
        return -1;
    if (result_begin(c, err) || !buf_reserve(out, t->content.len + t->structured.len + 256, err))
        return -1;
    if (buf_adds(out, "\"content\":[", err) || buf_add(out, t->content.data, t->content.len, err) ||
        buf_addc(out, ']', err))
        return -1;
    if (shows_structured(c) && (buf_adds(out, ",\"structuredContent\":", err) ||
                                buf_add(out, t->structured.data, t->structured.len, err)))
        return -1;
    if (add_meta(c, &t->meta, err))
        return -1;
    return buf_adds(out, "}}", err);
}

/* "code: message. Next: hint." */
static size_t error_text(const struct err *failed, char *out, size_t size)
{
    size_t len = strlen(failed->msg);
    bool stop = len && strchr(".!?", failed->msg[len - 1]);
    int n =
        snprintf(out, size, "%s: %s%s", err_code_name(failed->code), failed->msg, stop ? "" : ".");

    if (failed->next[0] && n > 0 && (size_t)n < size) {
        len = strlen(failed->next);
        stop = strchr(".!?", failed->next[len - 1]);
        n += snprintf(out + n, size - (size_t)n, " Next: %s%s", failed->next, stop ? "" : ".");
    }
    if (n < 0)
        return 0;
    return (size_t)n < size ? (size_t)n : utf8_cut(out, size - 1);
}

static int write_failure(struct server_call *c, const struct err *failed, struct err *err)
{
    AUTO(buf) struct buf meta = BUF_MAX(256), plain = BUF_MAX(3 * ERROR_TEXT_MAX);
    struct jw w = JW(&c->out, err);
    char text[ERROR_TEXT_MAX];
    size_t len = error_text(failed, text, sizeof(text));

    if (text_add_plain(&plain, text, len, NULL, err) || result_begin(c, err) ||
        buf_adds(&c->out, "\"content\":[{\"type\":\"text\",\"text\":", err))
        return -1;
    jw_strn(&w, buf_str(&plain), plain.len);
    if (jw_done(&w) || buf_adds(&c->out, "}],\"isError\":true", err))
        return -1;
    if (buf_addf(&meta, err, "\"sandbox-mcp/code\":\"%s\",\"sandbox-mcp/retryable\":%s",
                 err_code_name(failed->code), err_retryable(failed->code) ? "true" : "false"))
        return -1;
    if (add_meta(c, &meta, err))
        return -1;
    return buf_adds(&c->out, "}}", err);
}

int result_write(struct server_call *c, const struct err *failed, struct err *err)
{
    struct err too_large = { 0 };

    if (failed)
        return write_failure(c, failed, err);
    if (!write_success(c, err))
        return 0;
    if (err->code != ERR_TOO_LARGE)
        return -1;
    err_set(&too_large, ERR_TOO_LARGE, "the result has more than %d bytes", SERVER_REPLY_MAX);
    err_next(&too_large, "ask for less of it at a time");
    return write_failure(c, &too_large, err);
}

int result_end(struct server_call *c, enum result_hint hint, struct err *err)
{
    if (c->revision->modern && hint == RESULT_OWN &&
        buf_adds(&c->out, ",\"ttlMs\":0,\"cacheScope\":\"private\"", err))
        return -1;
    return add_meta(c, &c->tool.meta, err) || buf_adds(&c->out, "}}", err) ? -1 : 0;
}

int result_write_error(struct server_call *c, const struct err *failed, const char *data,
                       struct err *err)
{
    bool invalid = failed->code == ERR_INVALID;
    char text[ERROR_TEXT_MAX];

    text[error_text(failed, text, sizeof(text))] = '\0';
    return rpc_add_error(&c->out, c->id.data, invalid ? RPC_PARAMS : RPC_INTERNAL,
                         invalid ? failed->msg : text, data, err);
}
