#include "tools/unpack.h"
#include "base/json.h"
#include "embed.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX (64 * 1024) /* bytes of what the script says */

static int cannot_run(const struct bringing *in, struct err *err)
{
    if (backend_can(in->sb->backend) & (1u << OP_EXEC))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "the %s backend runs no programs that could do it",
                   in->sb->backend->ops->name);
}

/* ---- what unpack.py says: hostile ---- */

static enum err_code code_of(const char *name)
{
    enum err_code code = err_code_from_name(name);

    return code == ERR_INPUT || code == ERR_ISOLATION || code == ERR_CANCELLED ? ERR_INTERNAL
                                                                               : code;
}

static int take_skipped(yyjson_val *list, struct brought *out, struct err *err)
{
    yyjson_val *one;
    size_t i, max;

    yyjson_arr_foreach (list, i, max, one) {
        const char *text = yyjson_get_str(one);
        out->skipped.skipped_count++;
        if (text && out->skipped.skipped.count < TREE_SKIPPED_MAX &&
            strings_addf(&out->skipped.skipped, err, "%.400s", text))
            return -1;
    }
    return 0;
}

static int take_said(const char *text, size_t len, struct brought *out, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = json_parse(text, len, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *failed = json_str(root, "error"), *message = json_str(root, "message");

    if (failed)
        return err_set(err, code_of(failed), "%.400s", message ? message : "it failed");
    if (!root || json_int(root, "files", -1) < 0)
        return err_set(err, ERR_UNAVAILABLE, "the program that unpacks was ended");
    out->files = json_int(root, "files", 0);
    out->bytes = json_int(root, "bytes", 0);
    return take_skipped(yyjson_obj_get(root, "skipped"), out, err);
}

/* ---- running it ---- */

static int run(const struct bringing *in, const char *command, const struct env_var *env,
               size_t count, const struct stay *stay, struct exec_result *res, struct err *err)
{
    const struct exec_request req = {
        .command = command,
        .env = env,
        .env_count = count,
        .timeout_ms = BRING_TIMEOUT_MS,
        .yield_ms = stay ? BRING_YIELD_MS : BRING_TIMEOUT_MS + 5000,
        .stay = stay ? *stay : (struct stay){ 0 },
        .max_bytes = SAID_MAX,
    };

    return sandbox_exec(in->sb, in->call, &req, res, err);
}

static void clear(const struct bringing *in, const char *stage)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    const struct env_var env[] = { { "STAGE", stage } };

    (void)!run(in, "rm -rf -- \"$STAGE\"", env, COUNT_OF(env), NULL, &res, NULL);
}

static int still_runs(const struct exec_result *res, struct brought *out)
{
    if (res->status != EXEC_RUNNING)
        return 0;
    snprintf(out->process_id, sizeof(out->process_id), "%s", res->process_id);
    return 1;
}

static int no_python(struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "the sandbox has no python3 to unpack it");
    return err_next(err, "upload it as it is, and unpack it with terminal_execute");
}

static int unpack_staged(const struct bringing *in, const char *stage, const char *target,
                         struct brought *out, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    char bytes[24], files[24];
    const struct env_var env[] = {
        { "STAGE", stage },     { "TARGET", target },   { "UNPACK", embed_unpack_py },
        { "MAX_BYTES", bytes }, { "MAX_FILES", files },
    };

    snprintf(bytes, sizeof(bytes), "%lld", UNPACK_BYTES_MAX);
    snprintf(files, sizeof(files), "%d", UNPACK_FILES_MAX);
    if (run(in,
            "command -v python3 >/dev/null 2>&1 || { rm -rf -- \"$STAGE\"; exit 96; }; "
            "exec python3 -I -c \"$UNPACK\"",
            env, COUNT_OF(env), in->stay, &res, err))
        return -1;
    if (still_runs(&res, out))
        return 0;
    if (res.status == EXEC_EXITED && res.exit_code == 96)
        return no_python(err);
    return take_said(buf_str(&res.out.text), res.out.text.len, out, err);
}

int unpack_file(const struct bringing *in, int fd, int64_t size, const char *name UNUSED,
                struct brought *out, struct err *err)
{
    AUTO(file_put_result) struct file_put_result put = { 0 };
    AUTO(buf) struct buf path = BUF_MAX(8192);
    AUTO_FREE char *stage = NULL, *target = NULL;
    size_t n = strlen(in->to);
    char id[ID_SIZE];
    int r;

    while (n > 1 && in->to[n - 1] == '/')
        n--;
    id_make("up", id);
    if (cannot_run(in, err) || buf_addf(&path, err, "%.*s/.upload-%s/archive", (int)n, in->to, id))
        return -1;
    const struct file_put_request req = {
        .path = path.data,
        .fd = fd,
        .size = size,
        .permissions = 0600,
        .fresh = true,
    };
    if (sandbox_file_put(in->sb, in->call, &req, &put, err))
        return -1;
    stage = strdup(put.path);
    if (!stage || !strrchr(stage, '/'))
        return err_oom(err);
    *strrchr(stage, '/') = '\0';
    target = strdup(stage);
    if (!target || !strrchr(target, '/'))
        return err_oom(err);
    *strrchr(target, '/') = '\0';
    r = unpack_staged(in, stage, *target ? target : "/", out, err);
    if (r)
        clear(in, stage);
    out->path = *target ? TAKE(target) : strdup("/");
    return r;
}

/* ---- URLs ---- */

static int no_network(const struct bringing *in, struct err *err)
{
    const struct backend_config *c = in->sb->backend->config;

    if (strcmp(in->sb->backend->ops->name, "local") != 0 || !c || !c->network ||
        strcmp(c->network, "none") != 0 || (c->runtime && !strcmp(c->runtime, "host")))
        return 0;
    err_set(err, ERR_DENIED, "the sandbox has no network (--network none)");
    return err_next(err, "ask the operator for --network allow=HOST, or use another way: ticket, "
                         "a shared host path, a stored file");
}

/* The words of curl's exit status; the others' are alike. */
static const struct {
    int status;
    enum err_code code;
    const char *text;
} ends[] = {
    { 3, ERR_INVALID, "the URL is malformed" },
    { 22, ERR_UNAVAILABLE, "the server refused" },
    { 47, ERR_UNAVAILABLE, "more than 10 redirects" },
    { 1, ERR_DENIED, "a redirect to what is not http or https" },
    { 63, ERR_TOO_LARGE, "more than 1 GiB" },
    { 153, ERR_TOO_LARGE, "more than 1 GiB" },
    { 23, ERR_QUOTA, "the sandbox has no room for it" },
    { 91, ERR_DENIED, "the sandbox does not allow that path" },
    { 92, ERR_INVALID, "to is a directory: end it with /" },
    { 97, ERR_UNSUPPORTED, "the sandbox has neither curl, python3 nor wget" },
};

static int failed(const struct exec_result *res, struct err *err)
{
    size_t len = res->errs.text.len;

    while (len && strchr("\r\n", res->errs.text.data[len - 1]))
        len--;
    if (len > 300)
        len = 300;
    if (res->denied.count) {
        err_set(err, ERR_DENIED, "%.300s", res->denied.items[0]);
        return err_next(err, "ask the operator to allow it with --network allow=HOST");
    }
    if (res->status == EXEC_EXITED && res->exit_code == 96)
        return no_python(err);
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (res->status == EXEC_EXITED && res->exit_code == ends[i].status)
            return err_set(err, ends[i].code, "%s%s%.*s", ends[i].text, len ? ": " : "", (int)len,
                           buf_str(&res->errs.text));
    return err_set(err, ERR_UNAVAILABLE, "it was not fetched%s%.*s", len ? ": " : "", (int)len,
                   buf_str(&res->errs.text));
}

/* The next field of a line, up to a tab or its end. free() */
static char *field(const char **at)
{
    size_t n = strcspn(*at, "\t\n");
    char *text = strndup(*at, n < 2048 ? n : 2048);

    *at += n;
    if (**at)
        (*at)++;
    return text;
}

static int take_fetched(const struct bringing *in, const struct exec_result *res,
                        struct brought *out, struct err *err)
{
    const char *at = buf_str(&res->out.text);
    AUTO_FREE char *status = field(&at), *size = NULL, *sum = NULL;

    out->type = field(&at);
    out->url = field(&at);
    if (!status || !out->type || !out->url)
        return err_oom(err);
    if (in->extract)
        return take_said(at, strlen(at), out, err);
    size = field(&at);
    sum = field(&at);
    out->path = field(&at);
    if (!size || !sum || !out->path)
        return err_oom(err);
    if (strlen(sum) != 64 || !*out->path)
        return err_set(err, ERR_UNAVAILABLE, "the program that fetches was ended");
    memcpy(out->sha256, sum, sizeof(out->sha256));
    out->bytes = strtoll(size, NULL, 10);
    out->files = 1;
    return 0;
}

/* The last part of its path, for a `to` that is a folder. */
static void url_name(const char *url, char out[STORE_NAME_MAX])
{
    const char *path = strstr(url, "://");
    AUTO_FREE char *copy = NULL;

    path = path ? strchr(path + 3, '/') : NULL;
    copy = path ? strndup(path, strcspn(path, "?#")) : NULL;
    transfer_name(copy && copy[1] ? copy : "download", out);
}

int bring_url(const struct bringing *in, const char *url, struct brought *out, struct err *err)
{
    AUTO(exec_result) struct exec_result res = { 0 };
    AUTO_FREE char *path = NULL;
    char id[ID_SIZE], files[24], bytes[24], name[STORE_NAME_MAX];

    if (cannot_run(in, err) || no_network(in, err))
        return -1;
    url_name(url, name);
    path = in->extract ? strdup(in->to) : transfer_path(in->to, name, err);
    if (!path)
        return in->extract ? err_oom(err) : -1;
    id_make("up", id);
    snprintf(bytes, sizeof(bytes), "%lld", TRANSFER_MAX);
    snprintf(files, sizeof(files), "%d", UNPACK_FILES_MAX);
    const struct env_var env[] = {
        { "URL", url },
        { "TO", path },
        { "ID", id },
        { "EXTRACT", in->extract ? "1" : "0" },
        { "UNPACK", in->extract ? embed_unpack_py : "" },
        { "MAX_BYTES", bytes },
        { "MAX_FILES", files },
    };
    if (run(in, embed_fetch_sh, env, COUNT_OF(env), in->stay, &res, err))
        return -1;
    if (still_runs(&res, out))
        return 0;
    if (res.status != EXEC_EXITED || res.exit_code)
        return failed(&res, err);
    if (take_fetched(in, &res, out, err))
        return -1;
    if (!out->path)
        out->path = TAKE(path);
    out->denied = res.denied;
    res.denied = (struct strings){ 0 };
    return 0;
}
