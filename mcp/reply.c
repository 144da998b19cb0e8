#include "mcp/router.h"

#include <stdio.h>

void reply_nothing(struct inbound *in, int http_status)
{
    in->sink->finish(in->sink, http_status, NULL, 0);
}

static void no_memory(struct inbound *in)
{
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"error\":"
                               "{\"code\":-32603,\"message\":\"out of memory\"}}";

    in->sink->finish(in->sink, 500, text, sizeof(text) - 1);
}

void reply_tail(struct inbound *in, const char *tail, size_t len)
{
    AUTO(buf) struct buf out = BUF_MAX(SERVER_REPLY_MAX);

    if (!buf_reserve(&out, len + 64, NULL) ||
        buf_adds(&out, "{\"jsonrpc\":\"2.0\",\"id\":", NULL) ||
        rpc_add_id(&out, in->msg.id, NULL) || buf_add(&out, tail, len, NULL))
        no_memory(in);
    else
        in->sink->finish(in->sink, 200, out.data, out.len);
}

void reply_error(struct inbound *in, int http_status, int code, const char *data, const char *fmt,
                 ...)
{
    AUTO(buf) struct buf id = BUF_MAX(6 * RPC_ID_MAX + 2), out = BUF_MAX(65536);
    const struct revision *rev = in->revision ? in->revision : route_legacy_revision(in);
    const char *id_text = rev->null_id ? "null" : NULL;
    char message[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (in->msg.id && !rpc_add_id(&id, in->msg.id, NULL))
        id_text = id.data;
    if (rpc_add_error(&out, id_text, code, message, data, NULL))
        no_memory(in);
    else
        in->sink->finish(in->sink, http_status, out.data, out.len);
}
