#include "base/utf8.h"
#include "mcp/param_header.h"
#include "mcp/router.h"

#include <string.h>

#define META "io.modelcontextprotocol/"

/* Which member of params the Mcp-Name header repeats. */
static const struct {
    const char *method, *member;
} named[] = {
    { "tools/call", "name" },  { "prompts/get", "name" },    { "resources/read", "uri" },
    { "tasks/get", "taskId" }, { "tasks/update", "taskId" }, { "tasks/cancel", "taskId" },
};

/* ---- the envelope ---- */

static int check_envelope(struct inbound *in, yyjson_val *meta)
{
    const char *why = NULL;

    if (!yyjson_is_obj(in->msg.params))
        why = "params with _meta is required";
    else if (!yyjson_is_obj(meta))
        why = "params._meta is required";
    else if (!yyjson_is_str(yyjson_obj_get(meta, META "protocolVersion")))
        why = "params._meta[\"" META "protocolVersion\"] must be a string";
    else if (!yyjson_is_obj(yyjson_obj_get(meta, META "clientCapabilities")))
        why = "params._meta[\"" META "clientCapabilities\"] must be an object";
    if (!why)
        return 0;
    reply_error(in, 400, RPC_PARAMS, NULL, "%s", why);
    return -1;
}

/* ---- headers ---- */

static const char *named_member(const char *method)
{
    for (size_t i = 0; i < COUNT_OF(named); i++)
        if (!strcmp(named[i].method, method))
            return named[i].member;
    return NULL;
}

static bool same_name(const char *header, yyjson_val *want)
{
    AUTO(buf) struct buf space = BUF_MAX(PARAM_HEADER_MAX);
    size_t len = 0;
    const char *got = header ? param_header_text(header, strlen(header), &space, &len) : NULL;

    return got && yyjson_equals_strn(want, got, len);
}

static int mismatch(struct inbound *in, const char *header, const char *why)
{
    reply_error(in, 400, RPC_HEADER, NULL, "Header mismatch: %s %s", header, why);
    return -1;
}

static int check_version_header(struct inbound *in, yyjson_val *version)
{
    const char *header = in->facts->protocol_version;

    if (in->facts->repeated)
        return mismatch(in, "a protocol header", "was sent more than once");
    if (!header)
        return mismatch(in, "MCP-Protocol-Version", "is missing");
    if (!yyjson_equals_str(version, header))
        return mismatch(in, "MCP-Protocol-Version", "is not the version in the body");
    return 0;
}

static int check_method_headers(struct inbound *in)
{
    const char *member = named_member(in->msg.method);
    yyjson_val *want = member ? yyjson_obj_get(in->msg.params, member) : NULL;

    if (!in->facts->method)
        return mismatch(in, "Mcp-Method", "is missing");
    if (strcmp(in->facts->method, in->msg.method) != 0)
        return mismatch(in, "Mcp-Method", "is not the method in the body");
    if (!member || (!in->facts->name && !yyjson_is_str(want)))
        return 0;
    if (!in->facts->name)
        return mismatch(in, "Mcp-Name", "is missing");
    if (!same_name(in->facts->name, want))
        return mismatch(in, "Mcp-Name", "is not the name in the body");
    return 0;
}

/* ---- the version ---- */

static int check_version(struct inbound *in, yyjson_val *version)
{
    const struct revision *rev = NULL;
    AUTO(buf) struct buf data = BUF_MAX(16384);
    struct jw w = JW(&data, NULL);
    size_t len = yyjson_get_len(version);

    if (strlen(yyjson_get_str(version)) == len)
        rev = revision_find(yyjson_get_str(version));
    if (rev && rev->modern) {
        in->revision = rev;
        return 0;
    }
    if (buf_adds(&data, "{\"supported\":", NULL) || revision_add_names(&data, NULL))
        buf_clear(&data);
    w.comma = true;
    jw_key(&w, "requested");
    jw_strn(&w, yyjson_get_str(version), len < 256 ? len : utf8_cut(yyjson_get_str(version), 256));
    jw_end(&w);
    reply_error(in, 400, RPC_VERSION, jw_done(&w) ? NULL : data.data,
                "Unsupported protocol version");
    return -1;
}

int modern_check(struct inbound *in)
{
    yyjson_val *meta = yyjson_obj_get(in->msg.params, "_meta");
    yyjson_val *version = yyjson_obj_get(meta, META "protocolVersion");

    if (check_envelope(in, meta))
        return -1;
    if (in->facts->is_http && check_version_header(in, version))
        return -1;
    if (check_version(in, version))
        return -1;
    if (in->facts->is_http && check_method_headers(in))
        return -1;
    in->client = client_read(yyjson_obj_get(meta, META "clientCapabilities"), in->revision);
    return 0;
}
