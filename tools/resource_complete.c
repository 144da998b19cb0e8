#include "tools/resources.h"

#include <stdio.h>
#include <string.h>

#define LIST_BYTES (64 * 1024)

static int complete_id(struct tool_call *call, const char *typed, struct completion *out,
                       struct err *err)
{
    struct tools_context *ctx = call->context;
    AUTO(strings) struct strings ids = { 0 };

    if (strings_add(&ids, "default", strlen("default"), err) ||
        sandbox_ids(ctx->backend, call->principal, &ids, err) || strings_add(&ids, "", 0, err))
        return -1;
    free(ids.items[--ids.count]);
    ids.items[ids.count] = NULL; /* ends the list of choices */
    return complete_choices(out, (const char *const *)ids.items, typed, err);
}

static int complete_pid(struct tool_call *call, const char *id, const char *typed,
                        struct completion *out, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(strings) struct strings running = { 0 }, over = { 0 };

    if (resources_sandbox(call, id, &sb, err) || sandbox_handles(sb, &running, &over, err) ||
        strings_add(&running, "", 0, err))
        return -1;
    free(running.items[--running.count]);
    running.items[running.count] = NULL;
    return complete_choices(out, (const char *const *)running.items, typed, err);
}

/* What was typed of a name as a glob that matches nothing else. */
static int add_glob(struct buf *out, const char *name, struct err *err)
{
    for (; *name; name++)
        if ((strchr("*?[]{}\\", *name) && buf_addc(out, '\\', err)) || buf_addc(out, *name, err))
            return -1;
    return buf_addc(out, '*', err);
}

static int add_entries(const struct file_list_result *res, const char *typed, size_t dir_len,
                       struct completion *out, struct err *err)
{
    for (size_t i = 0; i < res->count; i++) {
        const struct file_entry *e = &res->entries[i];
        AUTO(buf) struct buf value = BUF_MAX(2 * COMPLETE_VALUE_MAX + 2);
        if (e->type == 'm' || strchr(e->path, '/'))
            continue;
        if (buf_add(&value, typed, dir_len, err) || buf_adds(&value, e->path, err) ||
            (e->type == 'd' && buf_addc(&value, '/', err)) || complete_add(out, value.data, err))
            return -1;
    }
    return 0;
}

int resources_complete_path(struct tool_call *call, const char *id, const char *typed,
                            struct completion *out, struct err *err)
{
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_list_result) struct file_list_result res = { 0 };
    AUTO(buf) struct buf glob = BUF_MAX(2 * COMPLETE_VALUE_MAX + 2);
    const char *slash = strrchr(typed, '/'), *name = slash ? slash + 1 : typed;
    size_t dir_len = (size_t)(name - typed);
    AUTO_FREE char *dir = strndup(typed, dir_len > 1 ? dir_len - 1 : dir_len);
    struct err failed = { 0 };
    struct file_list_request req = {
        .path = dir && *dir ? dir : NULL,
        .depth = 1,
        .hidden = *name == '.',
        .limit = COMPLETE_MAX + 1,
        .max_bytes = LIST_BYTES,
    };

    if (!dir)
        return err_oom(err);
    if (add_glob(&glob, name, err) || resources_sandbox(call, id, &sb, err))
        return -1;
    req.glob = glob.data;
    if (!sandbox_file_list(sb, call->call, &req, &res, &failed)) {
        out->has_more = res.truncated;
        return add_entries(&res, typed, dir_len, out, err);
    }
    if (failed.code == ERR_CANCELLED || failed.code == ERR_UNAVAILABLE) {
        *err = failed;
        return -1;
    }
    return 0; /* no such directory: nothing to suggest */
}

int resources_complete(struct tool_call *call, const char *variable, const char *value,
                       const struct arg_map *known, struct completion *out, struct err *err)
{
    const char *id = prompt_value(known, "id");

    if (!strcmp(variable, "id"))
        return complete_id(call, value, out, err);
    if (!strcmp(variable, "pid"))
        return complete_pid(call, id, value, out, err);
    return strcmp(variable, "path") ? 0 : resources_complete_path(call, id, value, out, err);
}
