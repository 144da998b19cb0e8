#include "mcp/router.h"

#include <string.h>

#define CLAIM "io.modelcontextprotocol/protocolVersion"

#define IN_LEGACY (1u << 0)
#define IN_MODERN (1u << 1)

const struct revision *route_legacy_revision(const struct inbound *in)
{
    const struct revision *rev = in->conn ? atomic_load(&in->conn->revision) : NULL;
    const char *header = in->facts->protocol_version;

    if (!rev && header)
        rev = revision_find(header);
    if (rev)
        return rev;
    return in->facts->is_http && !header ? revision_without_header() : revision_newest(false);
}

/* ---- methods ---- */

static void initialize(struct inbound *in)
{
    const struct server *srv = in->srv;
    const char *asked = json_str(in->msg.params, "protocolVersion");
    const struct revision *rev = asked ? revision_find(asked) : NULL, *before = NULL;
    AUTO(buf) struct buf tail = BUF_MAX(65536);

    if (!asked) {
        reply_error(in, 200, RPC_PARAMS, NULL, "params.protocolVersion must be a string");
        return;
    }
    if (!rev || rev->modern)
        rev = revision_newest(false);
    if (buf_addf(&tail, NULL,
                 ",\"result\":{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},"
                 "\"serverInfo\":%s%s%s}}",
                 rev->name, srv->info.data, srv->instructions.len ? ",\"instructions\":" : "",
                 buf_str(&srv->instructions))) {
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
        return;
    }
    if (!atomic_compare_exchange_strong(&in->conn->revision, &before, rev)) {
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "this session is already initialized");
        return;
    }
    reply_tail(in, tail.data, tail.len);
}

static void ping(struct inbound *in)
{
    static const char tail[] = ",\"result\":{}}";

    reply_tail(in, tail, sizeof(tail) - 1);
}

static void discover(struct inbound *in)
{
    reply_tail(in, in->srv->discover.data, in->srv->discover.len);
}

static void tools_list(struct inbound *in)
{
    yyjson_val *cursor = yyjson_obj_get(in->msg.params, "cursor");
    const struct buf *list = &in->srv->lists[in->revision->list];

    if (cursor && !yyjson_is_null(cursor))
        reply_error(in, 200, RPC_PARAMS, NULL, "invalid cursor: the list has one page");
    else
        reply_tail(in, list->data, list->len);
}

static const struct {
    const char *name;
    unsigned eras;
    void (*handle)(struct inbound *in);
} methods[] = {
    { "tools/call", IN_LEGACY | IN_MODERN, tools_call },
    { "tools/list", IN_LEGACY | IN_MODERN, tools_list },
    { "ping", IN_LEGACY, ping },
    { "server/discover", IN_MODERN, discover },
    { "initialize", IN_LEGACY, initialize },
};

static void dispatch(struct inbound *in)
{
    unsigned era = in->revision->modern ? IN_MODERN : IN_LEGACY;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (!(methods[i].eras & era) || strcmp(methods[i].name, in->msg.method) != 0)
            continue;
        if (in->msg.params && !yyjson_is_obj(in->msg.params))
            reply_error(in, 200, RPC_PARAMS, NULL, "params must be an object");
        else
            methods[i].handle(in);
        return;
    }
    reply_error(in, in->revision->modern ? 404 : 200, RPC_NO_METHOD, NULL,
                "Method not found: %.100s", in->msg.method);
}

/* ---- requests ---- */

/* What HTTP asks of a legacy message beside its body. 0, or -1 after a refusal was sent. */
static int check_legacy_http(struct inbound *in, bool begins)
{
    const char *header = in->facts->protocol_version;

    if (header && revision_claims_modern(header)) {
        if (begins)
            reply_error(in, 400, RPC_HEADER, NULL,
                        "Header mismatch: initialize with a modern MCP-Protocol-Version");
        else
            reply_error(in, 400, RPC_PARAMS, NULL, "params._meta[\"" CLAIM "\"] is required");
        return -1;
    }
    if (header && !revision_find(header)) {
        reply_error(in, 400, RPC_REFUSED, NULL, "Unsupported MCP-Protocol-Version");
        return -1;
    }
    if (!begins && !in->facts->has_session) {
        reply_error(in, 400, RPC_REFUSED, NULL,
                    "No session: send initialize first, then its Mcp-Session-Id");
        return -1;
    }
    return 0;
}

static void legacy_request(struct inbound *in)
{
    in->revision = route_legacy_revision(in);
    if (in->facts->is_http && check_legacy_http(in, !strcmp(in->msg.method, "initialize")))
        return;
    dispatch(in);
}

static void modern_request(struct inbound *in)
{
    in->revision = revision_newest(true);
    if (in->in_batch)
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "a modern request cannot be in an array");
    else if (!modern_check(in))
        dispatch(in);
}

bool route_claims_modern(const struct rpc_message *msg)
{
    return yyjson_obj_get(yyjson_obj_get(msg->params, "_meta"), CLAIM);
}

static void request(struct inbound *in)
{
    if (route_claims_modern(&in->msg) || !strcmp(in->msg.method, "server/discover"))
        modern_request(in);
    else
        legacy_request(in);
}

/* ---- the rest ---- */

static bool modern_http(const struct inbound *in)
{
    const char *header = in->facts->protocol_version;

    return in->facts->is_http && header && revision_claims_modern(header);
}

static void notification(struct inbound *in)
{
    if (in->msg.method && modern_http(in)) {
        reply_nothing(in, 202);
        return;
    }
    if (!in->msg.method || (in->facts->is_http && !in->facts->has_session)) {
        reply_nothing(in, 400);
        return;
    }
    if (!strcmp(in->msg.method, "notifications/cancelled"))
        inflight_cancel(in->conn, yyjson_obj_get(in->msg.params, "requestId"));
    reply_nothing(in, 202);
}

static void response(struct inbound *in)
{
    if (modern_http(in))
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "a response cannot be posted");
    else
        reply_nothing(in, in->facts->is_http && !in->facts->has_session ? 400 : 202);
}

void route_message(struct inbound *in, yyjson_val *root)
{
    rpc_read(root, &in->msg);
    switch (in->msg.kind) {
    case RPC_REQUEST:
        request(in);
        break;
    case RPC_NOTIFICATION:
        notification(in);
        break;
    case RPC_RESPONSE:
        response(in);
        break;
    case RPC_BROKEN:
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "Invalid request: %s", in->msg.why);
        break;
    }
}
