#include "mcp/logging.h"
#include "mcp/router.h"
#include "mcp/scope.h"
#include "mcp/tasks.h"

#include <string.h>

#define IN_LEGACY (1u << 0)
#define IN_MODERN (1u << 1)

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
                 ",\"result\":{\"protocolVersion\":\"%s\",\"capabilities\":%s,"
                 "\"serverInfo\":%s%s%s}}",
                 rev->name, srv->capabilities[0].data, srv->info.data,
                 srv->instructions.len ? ",\"instructions\":" : "", buf_str(&srv->instructions))) {
        reply_error(in, 200, RPC_INTERNAL, NULL, "out of memory");
        return;
    }
    if (!atomic_compare_exchange_strong(&in->conn->revision, &before, rev)) {
        reply_error(in, 400, RPC_REQUEST_SHAPE, NULL, "this session is already initialized");
        return;
    }
    atomic_store(&in->conn->client,
                 client_read(yyjson_obj_get(in->msg.params, "capabilities"), rev));
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

    if (cursor && !yyjson_is_null(cursor))
        reply_error(in, 200, RPC_PARAMS, NULL, "invalid cursor: the list has one page");
    else
        lists_reply_tools(in);
}

static const struct {
    const char *name;
    unsigned eras;
    void (*handle)(struct inbound *in);
} methods[] = {
    { "tools/call", IN_LEGACY | IN_MODERN, tools_call },
    { "tools/list", IN_LEGACY | IN_MODERN, tools_list },
    { "resources/read", IN_LEGACY | IN_MODERN, resources_read },
    { "resources/list", IN_LEGACY | IN_MODERN, resources_list },
    { "resources/templates/list", IN_LEGACY | IN_MODERN, resources_templates_list },
    { "prompts/get", IN_LEGACY | IN_MODERN, prompts_get },
    { "prompts/list", IN_LEGACY | IN_MODERN, prompts_list },
    { "completion/complete", IN_LEGACY | IN_MODERN, completion_complete },
    { "tasks/get", IN_MODERN, tasks_get },
    { "tasks/update", IN_MODERN, tasks_update },
    { "tasks/cancel", IN_MODERN, tasks_cancel },
    { "subscriptions/listen", IN_MODERN, subscriptions_listen },
    { "resources/subscribe", IN_LEGACY, resources_subscribe },
    { "resources/unsubscribe", IN_LEGACY, resources_unsubscribe },
    { "ping", IN_LEGACY, ping },
    { "logging/setLevel", IN_LEGACY, logging_set_level },
    { "server/discover", IN_MODERN, discover },
    { "initialize", IN_LEGACY, initialize },
};

void methods_unknown(struct inbound *in)
{
    reply_error(in, in->revision->modern ? 404 : 200, RPC_NO_METHOD, NULL,
                "Method not found: %.100s", in->msg.method);
}

void methods_dispatch(struct inbound *in)
{
    unsigned era = in->revision->modern ? IN_MODERN : IN_LEGACY;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (!(methods[i].eras & era) || strcmp(methods[i].name, in->msg.method) != 0)
            continue;
        in->msg.method = methods[i].name; /* lives longer than the document */
        if (in->msg.params && !yyjson_is_obj(in->msg.params))
            reply_error(in, 200, RPC_PARAMS, NULL, "params must be an object");
        else if (scope_check(in) && logging_wanted(in) >= 0)
            methods[i].handle(in);
        return;
    }
    methods_unknown(in);
}
