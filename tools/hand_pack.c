#include "embed.h"
#include "tools/hand.h"

#include <stdio.h>
#include <string.h>

void handing_done(struct handing *h)
{
    free(h->real);
    free(h->to);
    tree_done(&h->skipped);
}

static int run(struct handing *h, const char *command, const struct env_var *env, size_t count,
               const struct stay *stay, struct exec_result *res, struct err *err)
{
    const struct exec_request req = {
        .command = command,
        .env = env,
        .env_count = count,
        .timeout_ms = stay ? PACK_TIMEOUT_MS : PACK_YIELD_MS - 1000,
        .yield_ms = PACK_YIELD_MS,
        .stay = stay ? *stay : (struct stay){ 0 },
        .max_bytes = 16 * 1024,
    };

    return sandbox_exec(h->sb, h->call->call, &req, res, err);
}

static int failed(const struct handing *h, const char *kind, const struct exec_result *res,
                  struct err *err)
{
    size_t len = res->errs.text.len < 300 ? res->errs.text.len : 300;

    if (res->status == EXEC_EXITED && res->exit_code == 94)
        return err_set(err, ERR_NOT_FOUND, "%.300s does not exist", h->path);
    if (res->status == EXEC_EXITED && res->exit_code == 63) {
        err_set(err, ERR_TOO_LARGE, "the archive has more than %lld MiB", TRANSFER_MAX >> 20);
        return err_next(err, "take a part of it");
    }
    if (res->status == EXEC_EXITED && res->exit_code == 97)
        return err_set(err, ERR_UNSUPPORTED, "the sandbox has neither zip nor python3 for it");
    err_set(err, ERR_UNAVAILABLE, "no %s was made: %.*s", kind, (int)len, buf_str(&res->errs.text));
    return err_next(err, "make its files readable, or take a part of it");
}

int hand_pack(struct handing *h, const char *kind, char **packed, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct stay stay = tools_stay(h->call);
    char id[ID_SIZE], bytes[24], name[STORE_NAME_MAX + 8];
    size_t len;

    if (!(backend_can(h->sb->backend) & (1u << OP_EXEC)))
        return err_set(err, ERR_UNSUPPORTED, "this backend runs no programs that could pack it");
    snprintf(name, sizeof(name), "%.*s.%s", STORE_NAME_MAX - 9, h->name, kind);
    snprintf(h->name, sizeof(h->name), "%.*s", STORE_NAME_MAX - 1, name);
    id_make("dl", id);
    snprintf(bytes, sizeof(bytes), "%lld", TRANSFER_MAX);
    const struct env_var env[] = {
        { "FROM", h->path }, { "KIND", kind },       { "ID", id },
        { "NAME", h->name }, { "MAX_BYTES", bytes },
    };
    if (run(h, embed_pack_sh, env, COUNT_OF(env), &stay, &res, err))
        return -1;
    if (res.status == EXEC_RUNNING) {
        snprintf(h->process_id, sizeof(h->process_id), "%s", res.process_id);
        return 0;
    }
    len = res.out.text.len;
    while (len && res.out.text.data[len - 1] == '\n')
        len--;
    if (res.status != EXEC_EXITED || res.exit_code || !len || *res.out.text.data != '/')
        return failed(h, kind, &res, err);
    *packed = strndup(res.out.text.data, len);
    return *packed ? 0 : err_oom(err);
}

void hand_unpack(struct handing *h, const char *packed)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env[] = { { "FILE", packed } };

    (void)!run(h, "rm -f -- \"$FILE\"; rmdir -- \"${FILE%/*}\"", env, COUNT_OF(env), NULL, &res,
               NULL);
}

bool hand_is_folder(struct handing *h)
{
    AUTO(file_list_result) struct file_list_result list = { 0 };
    const struct file_list_request req = {
        .path = h->path,
        .depth = 1,
        .hidden = true,
        .limit = 1,
        .max_bytes = 16 * 1024,
    };

    return !sandbox_file_list(h->sb, h->call->call, &req, &list, NULL);
}

int hand_ticket(struct handing *h, struct err *err)
{
    AUTO(file_take_result) struct file_take_result res = { 0 };
    const struct tools_context *ctx = h->call->context;
    struct stash *stash;
    AUTO_FD int fd = -1;
    char id[ID_SIZE];
    const char *mime;

    if (!ctx->handouts)
        return transfer_ticket(h->call, NULL, h->url, h->expires_at, err);
    if (transfers_stash(h->call, &stash, err) || stash_add(stash, id, &fd, err))
        return -1;
    const struct file_take_request req = { .path = h->path, .fd = fd, .max = TRANSFER_MAX };
    if (sandbox_file_take(h->sb, h->call->call, &req, &res, err)) {
        stash_drop(stash, id);
        return -1;
    }
    if (stash_keep(stash, id, h->call->principal, res.bytes, err))
        return -1;
    h->real = TAKE(res.path);
    h->files = 1;
    h->size = res.bytes;
    memcpy(h->sha256, res.sha256, sizeof(h->sha256));
    mime = transfer_mime(fd, h->name);
    return transfer_ticket_stashed(h->call, stash, id, h->name, mime, h->url, h->expires_at, err);
}
