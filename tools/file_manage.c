#include "tools.gen.h"
#include "tools/permissions.h"
#include "tools/render.h"
#include "tools/tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How an answer tells what was done. */
struct shape {
    const char *did;   /* the first word of its text */
    const char *list;  /* names the done ones; NULL: they are not named */
    bool pairs;        /* from and to of each */
    const char *count; /* names the total; NULL: not told */
};

/* An answer on its way: text and JSON, within a budget. */
struct answer {
    struct buf json, text;
    struct jw w;
    size_t room;
};

static void answer_done(struct answer *a)
{
    buf_done(&a->json);
    buf_done(&a->text);
}

/* All failed: then the call did, with what the first one says. */
static int all_failed(const struct file_manage_result *res, struct err *err)
{
    size_t len;

    if (!res->error_count || res->count || res->total)
        return 0;
    *err = res->errors[0].err;
    len = strlen(err->msg);
    if (res->failed > 1)
        snprintf(err->msg + len, sizeof(err->msg) - len, " (and %lld more failed)",
                 (long long)res->failed - 1);
    return -1;
}

static int error_line(struct buf *text, const struct path_error *e, struct err *err)
{
    if (buf_addf(text, err, "\nfailed: %s: ", err_code_name(e->err.code)) ||
        render_name(text, e->err.msg, err))
        return -1;
    return e->err.next[0] ? buf_adds(text, ". Next: ", err) || render_name(text, e->err.next, err)
                          : 0;
}

static int errors(struct answer *a, const struct file_manage_result *res, struct err *err)
{
    size_t shown = 0;
    char more[64];

    jw_key(&a->w, "errors");
    jw_arr(&a->w);
    for (; shown < res->error_count && (!shown || a->json.len < a->room); shown++) {
        const struct path_error *e = &res->errors[shown];
        jw_obj(&a->w);
        jw_kstr(&a->w, "path", e->path);
        jw_kstr(&a->w, "code", err_code_name(e->err.code));
        jw_kstr(&a->w, "message", e->err.msg);
        jw_end(&a->w);
        if (error_line(&a->text, e, err))
            return -1;
    }
    if (res->failed > (int64_t)shown) {
        snprintf(more, sizeof(more), "%lld more failed", (long long)(res->failed - (int64_t)shown));
        jw_obj(&a->w);
        jw_kstr(&a->w, "message", more);
        jw_end(&a->w);
        if (buf_addf(&a->text, err, "\n%s", more))
            return -1;
    }
    jw_aend(&a->w);
    return 0;
}

static int done_line(struct answer *a, const struct file_change *c, bool pairs, struct err *err)
{
    if (buf_addc(&a->text, '\n', err) || render_name(&a->text, c->path, err) ||
        (pairs && (buf_adds(&a->text, " -> ", err) || render_name(&a->text, c->to, err))))
        return -1;
    if (!pairs) {
        jw_str(&a->w, c->path);
        return 0;
    }
    jw_obj(&a->w);
    jw_kstr(&a->w, "from", c->path);
    jw_kstr(&a->w, "to", c->to);
    jw_end(&a->w);
    return 0;
}

static int done(struct answer *a, const struct file_manage_result *res, const struct shape *shape,
                struct err *err)
{
    size_t shown = 0;

    jw_key(&a->w, shape->list);
    jw_arr(&a->w);
    for (; shown < res->count && (!shown || a->json.len < a->room); shown++)
        if (done_line(a, &res->done[shown], shape->pairs, err))
            return -1;
    jw_aend(&a->w);
    if (shown == res->count)
        return 0;
    jw_kint(&a->w, "omitted", (int64_t)(res->count - shown));
    return buf_addf(&a->text, err, "\n%zu more not named", res->count - shown);
}

static int copied(struct answer *a, const struct file_manage_result *res, struct err *err)
{
    jw_kstr(&a->w, "to", res->done[0].to);
    jw_kint(&a->w, "files", res->total);
    jw_kint(&a->w, "bytes", res->bytes);
    return buf_adds(&a->text, " · ", err) || render_bytes(&a->text, (uint64_t)res->bytes, err) ||
                   buf_adds(&a->text, " · to ", err) || render_name(&a->text, res->done[0].to, err)
               ? -1
               : 0;
}

static int reply(struct tool_call *call, const struct shape *shape,
                 const struct file_manage_result *res, struct err *err)
{
    const struct tools_context *ctx = call->context;
    AUTO(answer)
    struct answer a = { .json = BUF_MAX(RENDER_MAX),
                        .text = BUF_MAX(RENDER_MAX),
                        .room = ctx->default_max_bytes };
    bool copies = !shape->list && !shape->count;
    int64_t n = shape->list ? (int64_t)res->count : res->total;

    if (all_failed(res, err))
        return -1;
    a.w = JW(&a.json, err);
    jw_obj(&a.w);
    if (shape->count)
        jw_kint(&a.w, shape->count, n);
    if (buf_addf(&a.text, err, "%s %lld", shape->did, (long long)n) ||
        (shape->list && done(&a, res, shape, err)) || (copies && copied(&a, res, err)) ||
        errors(&a, res, err))
        return -1;
    jw_end(&a.w);
    if (jw_done(&a.w) || tool_text(call, a.text.data, a.text.len, err))
        return -1;
    return tool_structured(call, &a.json, err);
}

int tool_file_move(struct tool_call *call, const struct file_move_args *args, struct err *err)
{
    static const struct shape shape = { .did = "moved", .list = "moved", .pairs = true };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    AUTO_FREE const char **paths = calloc(args->moves.count * 2, sizeof(*paths));
    struct file_move_request req = { .paths = paths,
                                     .count = args->moves.count * 2,
                                     .overwrite = args->overwrite };

    if (!paths)
        return err_oom(err);
    for (size_t i = 0; i < args->moves.count; i++) {
        paths[2 * i] = args->moves.items[i].from;
        paths[2 * i + 1] = args->moves.items[i].to;
    }
    if (tools_sandbox(call, &sb, err) || sandbox_file_move(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &shape, &res, err);
}

int tool_file_copy(struct tool_call *call, const struct file_copy_args *args, struct err *err)
{
    static const struct shape shape = { .did = "copied" };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    struct file_copy_request req = { .from = args->from,
                                     .to = args->to,
                                     .recursive = args->recursive };

    if (tools_sandbox(call, &sb, err) || sandbox_file_copy(sb, call->call, &req, &res, err))
        return -1;
    if (!res.total && res.error_count) {
        *err = res.errors[0].err;
        return -1;
    }
    return reply(call, &shape, &res, err);
}

int tool_file_delete(struct tool_call *call, const struct file_delete_args *args, struct err *err)
{
    static const struct shape shape = { .did = "deleted", .count = "deleted" };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    struct file_remove_request req = { .paths = args->paths.items,
                                       .count = args->paths.count,
                                       .recursive = args->recursive,
                                       .missing_ok = args->missing_ok };

    if (tools_sandbox(call, &sb, err) || sandbox_file_remove(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &shape, &res, err);
}

int tool_file_mkdir(struct tool_call *call, const struct file_mkdir_args *args, struct err *err)
{
    static const struct shape shape = { .did = "made", .list = "created" };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    struct file_mkdir_request req = { .paths = args->paths.items, .count = args->paths.count };

    if (permissions_parse(args->permissions, true, &req.permissions, err) ||
        tools_sandbox(call, &sb, err) || sandbox_file_mkdir(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &shape, &res, err);
}

int tool_file_chmod(struct tool_call *call, const struct file_chmod_args *args, struct err *err)
{
    static const struct shape shape = { .did = "changed", .count = "changed" };
    AUTO_PTR(sandbox) struct sandbox *sb = NULL;
    AUTO(file_manage_result) struct file_manage_result res = { 0 };
    bool octal = args->permissions && strspn(args->permissions, "0123456789");
    struct file_chmod_request req = { .paths = args->paths.items,
                                      .count = args->paths.count,
                                      .change = octal ? NULL : args->permissions,
                                      .owner = args->owner,
                                      .group = args->group,
                                      .recursive = args->recursive };

    if (permissions_parse(octal ? args->permissions : NULL, true, &req.permissions, err))
        return -1;
    if (!args->permissions && !args->owner && !args->group) {
        err_set(err, ERR_INVALID, "nothing to change");
        return err_next(err, "pass permissions, owner or group");
    }
    if (tools_sandbox(call, &sb, err) || sandbox_file_chmod(sb, call->call, &req, &res, err))
        return -1;
    return reply(call, &shape, &res, err);
}
