#include "mcp/version.h"

#include "mcp/rpc.h"

#include <string.h>

#define MODERN_FROM "2026-"

static const struct revision revisions[] = {
    {
        .name = "2026-07-28",
        .modern = true,
        .structured = true,
        .progress_msg = true,
        .links = true,
        .audio = true,
        .elicitation = true,
        .elicitation_url = true,
        .no_resource = RPC_PARAMS,
        .list = LIST_MODERN,
    },
    {
        .name = "2025-11-25",
        .primes = true,
        .structured = true,
        .progress_msg = true,
        .links = true,
        .audio = true,
        .elicitation = true,
        .elicitation_url = true,
        .no_resource = RPC_NO_RESOURCE,
        .list = LIST_FULL,
    },
    {
        .name = "2025-06-18",
        .null_id = true,
        .structured = true,
        .progress_msg = true,
        .links = true,
        .audio = true,
        .elicitation = true,
        .no_resource = RPC_NO_RESOURCE,
        .list = LIST_FULL,
    },
    {
        .name = "2025-03-26",
        .http_batch = true,
        .stdio_batch = true,
        .null_id = true,
        .progress_msg = true,
        .audio = true,
        .no_resource = RPC_NO_RESOURCE,
        .list = LIST_ANNOTATED,
    },
    {
        .name = "2024-11-05",
        .stdio_batch = true,
        .null_id = true,
        .no_resource = RPC_NO_RESOURCE,
        .list = LIST_BARE,
    },
};

const struct revision *revision_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(revisions); i++)
        if (!strcmp(revisions[i].name, name))
            return &revisions[i];
    return NULL;
}

const struct revision *revision_newest(bool modern)
{
    size_t i = 0;

    while (revisions[i].modern != modern)
        i++;
    return &revisions[i];
}

const struct revision *revision_without_header(void)
{
    size_t i = 0;

    while (!revisions[i].http_batch)
        i++;
    return &revisions[i];
}

bool revision_claims_modern(const char *name)
{
    const struct revision *known = revision_find(name);

    return known ? known->modern : strcmp(name, MODERN_FROM) >= 0;
}

int revision_add_names(struct buf *out, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(revisions); i++)
        if (buf_addf(out, err, "%s\"%s\"", i ? "," : "[", revisions[i].name))
            return -1;
    return buf_addc(out, ']', err);
}
