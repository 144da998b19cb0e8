#include "mcp/asking.h"
#include "mcp/router.h"
#include "mcp/scope.h"

#include <string.h>

#define CLAIM "io.modelcontextprotocol/protocolVersion"

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
    in->client = in->conn ? atomic_load(&in->conn->client) : 0;
    if (in->facts->is_http && check_legacy_http(in, !strcmp(in->msg.method, "initialize")))
        return;
    methods_dispatch(in);
}

static void modern_request(struct inbound *in)
{
    in->revision = revision_newest(true);
    if (in->in_batch)
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "a modern request cannot be in an array");
    else if (!modern_check(in))
        methods_dispatch(in);
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

static void cancelled(struct inbound *in)
{
    yyjson_val *id = yyjson_obj_get(in->msg.params, "requestId");

    inflight_cancel(in->conn, id, in->scopes);
    subs_cancel(in->conn, id);
}

/* It names a revision that is none of ours. */
static bool unknown_version(const struct inbound *in)
{
    const char *header = in->facts->protocol_version;

    return in->facts->is_http && header && !revision_find(header);
}

static void notification(struct inbound *in)
{
    if (in->msg.method && modern_http(in) && !unknown_version(in)) {
        reply_nothing(in, 202);
        return;
    }
    if (!in->msg.method || unknown_version(in) || (in->facts->is_http && !in->facts->has_session)) {
        reply_nothing(in, 400);
        return;
    }
    if (!strcmp(in->msg.method, "notifications/cancelled"))
        cancelled(in);
    else if (!strcmp(in->msg.method, "notifications/initialized"))
        subs_session_ready(in->conn);
    reply_nothing(in, 202);
}

static void response(struct inbound *in, yyjson_val *root)
{
    unsigned lacks;

    if (modern_http(in)) {
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "a response cannot be posted");
        return;
    }
    if (unknown_version(in) || (in->facts->is_http && !in->facts->has_session)) {
        reply_nothing(in, 400);
        return;
    }
    lacks = ask_response(in->conn, root, in->scopes);
    if (lacks)
        scope_refuse(in, lacks);
    else
        reply_nothing(in, 202);
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
        response(in, root);
        break;
    case RPC_BROKEN:
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "Invalid request: %s", in->msg.why);
        break;
    }
}
