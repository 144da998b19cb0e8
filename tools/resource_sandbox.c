#include "tools/render.h"
#include "tools/resources.h"

#include <stdio.h>
#include <string.h>

#define INFO_MAX (1024 * 1024)

int resources_sandbox(struct tool_call *call, const char *id, struct sandbox **out, struct err *err)
{
    struct tools_context *ctx = call->context;

    if (!id || !strcmp(id, "default"))
        return tools_sandbox(call, out, err);
    return sandbox_find(ctx->backend, call->call, call->principal,
                        call->sandbox ? call->sandbox : ctx->sandbox_name, id, out, err);
}

int resources_info(struct tool_call *call, const char *uri, const struct arg_map *vars,
                   struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(sandbox_info) struct sandbox_info info = { 0 };
    AUTO(buf) struct buf json = BUF_MAX(INFO_MAX);
    unsigned include = INFO_METRICS | INFO_POLICY | INFO_PROCESSES;

    if (resources_sandbox(call, prompt_value(vars, "id"), &sb, err) ||
        sandbox_info(sb, call->call, include, &info, err) ||
        render_info_json(&json, &info, sb->backend->ops->name, err))
        return -1;
    return resource_text(call, uri, "application/json", json.data, json.len, err);
}

static int list(struct tool_call *call, struct resource_list *out, struct err *err)
{
    struct tools_context *ctx = call->context;
    AUTO(strings) struct strings ids = { 0 };

    if (sandbox_ids(ctx->backend, call->principal, &ids, err))
        return -1;
    for (size_t i = 0; i < ids.count; i++) {
        char uri[96];
        snprintf(uri, sizeof(uri), "sandbox://%.40s/info", ids.items[i]);
        struct resource_entry entry = {
            .uri = uri,
            .name = ids.items[i],
            .title = "Sandbox",
            .description = "State, limits and processes of this sandbox",
            .mime = "application/json",
        };
        if (resource_list_add(out, &entry, err))
            return -1;
    }
    return 0;
}

static const struct resource_def fixed[] = {
    { { .uri = "sandbox://policy",
        .name = "policy",
        .title = "Policy",
        .description = "Isolation in force, network rules, limits and protected paths",
        .mime = "application/json" },
      resources_policy },
    { { .uri = "sandbox://tools",
        .name = "tools",
        .title = "Tools",
        .description = "The tools of this server and what each costs in tokens",
        .mime = "application/json" },
      resources_tools },
    { { .uri = NULL }, NULL },
};

static const struct resource_template templates[] = {
    { { .uri = "sandbox://{id}/info",
        .name = "info",
        .title = "Sandbox",
        .description = "State, limits and processes of a sandbox; id \"default\" is your own",
        .mime = "application/json" },
      resources_info,
      resources_complete },
    { { .uri = "sandbox://{id}/file/{+path}",
        .name = "file",
        .title = "File in a sandbox",
        .description = "A file of up to 8 MiB; the path is relative to the workspace, or absolute "
                       "with a leading slash" },
      resources_file,
      resources_complete },
    { { .uri = "sandbox://{id}/output/{pid}",
        .name = "output",
        .title = "Output of a process",
        .description = "What the process of this process_id has written so far, stdout and stderr",
        .mime = "text/plain" },
      resources_output,
      resources_complete },
    { { .uri = "sandbox://{id}/recording/{rid}",
        .name = "recording",
        .title = "Recording",
        .description = "A recording of up to 6 MB, as recording_list tells them" },
      resources_recording,
      NULL },
    { { .uri = NULL }, NULL, NULL },
};

const struct resource_provider tools_resources = {
    .fixed = fixed,
    .templates = templates,
    .list = list,
};
