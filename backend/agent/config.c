#include "backend/agent/agent.h"
#include "backend/agent/channel.h"

#include <string.h>

#define NOFILE_LEAST 128 /* a session polls 70 */
#define NPROC_LEAST 4
#define LIMIT_MOST (1u << 22)

struct agent_config agent_config;

static const struct frame_field config_fields[] = {
    { TAG_FILTER, FIELD_BYTES }, { TAG_EGRESS_PORT, FIELD_U32 }, { TAG_NPROC, FIELD_U32 },
    { TAG_NOFILE, FIELD_U32 },   { TAG_ENV, FIELD_BYTES },       { TAG_CWD, FIELD_BYTES },
    { TAG_HOME, FIELD_BYTES },   { TAG_FLAGS, FIELD_U32 },
};

static bool within(uint32_t limit, uint32_t least)
{
    return !limit || (limit >= least && limit <= LIMIT_MOST);
}

bool config_parse(const struct wire_in *in, struct agent_config *out)
{
    uint32_t flags = wire_u32(in, TAG_FLAGS, 0);

    if (in->op != WIRE_CONFIG ||
        !channel_shape(in, config_fields, sizeof(config_fields) / sizeof(config_fields[0])) ||
        flags & ~(WIRE_F_HOST | WIRE_F_BROWSER))
        return false;
    out->host = flags & WIRE_F_HOST;
    out->browser = flags & WIRE_F_BROWSER;
    out->egress_port = wire_u32(in, TAG_EGRESS_PORT, 0);
    out->nproc = wire_u32(in, TAG_NPROC, 0);
    out->nofile = wire_u32(in, TAG_NOFILE, 0);
    out->env_len = in->tags[TAG_ENV].len;
    if (out->egress_port > UINT16_MAX || !within(out->nproc, NPROC_LEAST) ||
        !within(out->nofile, NOFILE_LEAST) || wire_has(in, TAG_FILTER) == out->host ||
        out->env_len > sizeof(out->env) ||
        !config_env_valid(in->tags[TAG_ENV].data, in->tags[TAG_ENV].len) ||
        !wire_str(in, TAG_CWD, out->workspace, sizeof(out->workspace)) ||
        !wire_str(in, TAG_HOME, out->home, sizeof(out->home)))
        return false;
    if (out->env_len)
        memcpy(out->env, in->tags[TAG_ENV].data, out->env_len);
    return out->workspace[0] == '/' && out->home[0] == '/';
}

bool config_env_valid(const uint8_t *block, size_t len)
{
    const char *text = (const char *)block;
    size_t vars = 0;

    if (len && text[len - 1])
        return false;
    for (size_t at = 0; at < len; at += strlen(text + at) + 1, vars++)
        if (text[at] == '=' || !strchr(text + at, '='))
            return false;
    return vars <= AGENT_ENV_VARS;
}
