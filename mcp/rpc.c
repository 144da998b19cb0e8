#include "mcp/rpc.h"

#include <string.h>

bool rpc_is_id(yyjson_val *v)
{
    return yyjson_is_int(v) || (yyjson_is_str(v) && yyjson_get_len(v) <= RPC_ID_MAX);
}

static bool plain_string(yyjson_val *v)
{
    return yyjson_is_str(v) && strlen(yyjson_get_str(v)) == yyjson_get_len(v);
}

static bool is_jsonrpc(yyjson_val *root)
{
    return yyjson_equals_str(yyjson_obj_get(root, "jsonrpc"), "2.0");
}

static void broken(struct rpc_message *out, const char *why)
{
    out->kind = RPC_BROKEN;
    out->why = why;
}

static void read_request(yyjson_val *root, yyjson_val *method, struct rpc_message *out)
{
    if (!out->id)
        broken(out, "id must be an integer or a string of at most 1024 bytes");
    else if (!is_jsonrpc(root))
        broken(out, "jsonrpc must be \"2.0\"");
    else if (!plain_string(method))
        broken(out, "method must be a string");
    else
        out->method = yyjson_get_str(method);
}

static void read_notification(yyjson_val *root, yyjson_val *method, struct rpc_message *out)
{
    out->kind = RPC_NOTIFICATION;
    if (is_jsonrpc(root) && plain_string(method))
        out->method = yyjson_get_str(method);
}

void rpc_read(yyjson_val *root, struct rpc_message *out)
{
    yyjson_val *id = yyjson_obj_get(root, "id"), *method = yyjson_obj_get(root, "method");

    *out = (struct rpc_message){
        .kind = RPC_REQUEST,
        .id = rpc_is_id(id) ? id : NULL,
        .params = yyjson_obj_get(root, "params"),
    };
    if (yyjson_is_null(out->params))
        out->params = NULL;
    if (!yyjson_is_obj(root))
        broken(out, "a message must be a JSON object");
    else if (method && !id)
        read_notification(root, method, out);
    else if (method)
        read_request(root, method, out);
    else if (yyjson_obj_get(root, "result") || yyjson_obj_get(root, "error"))
        out->kind = RPC_RESPONSE;
    else
        broken(out, "method is missing");
}

int rpc_add_id(struct buf *out, yyjson_val *id, struct err *err)
{
    struct jw w = JW(out, err);

    if (yyjson_is_uint(id))
        return buf_addf(out, err, "%llu", (unsigned long long)yyjson_get_uint(id));
    if (yyjson_is_str(id))
        jw_strn(&w, yyjson_get_str(id), yyjson_get_len(id));
    else
        jw_int(&w, yyjson_get_sint(id));
    return jw_done(&w);
}

int rpc_add_error(struct buf *out, const char *id, int code, const char *message, const char *data,
                  struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kstr(&w, "jsonrpc", "2.0");
    if (id)
        jw_kraw(&w, "id", id);
    jw_key(&w, "error");
    jw_obj(&w);
    jw_kint(&w, "code", code);
    jw_kstr(&w, "message", message);
    if (data)
        jw_kraw(&w, "data", data);
    jw_end(&w);
    jw_end(&w);
    return jw_done(&w);
}
