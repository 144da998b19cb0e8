/*
 * A Python program (scripts/manage.py) on the standard input of an interpreter inside the sandbox
 * does it. Its answer is one JSON object, as trustworthy as the sandbox.
 */
#include "backend/derive/derive.h"
#include "base/json.h"
#include "embed.h"

#include <string.h>

#define MANAGE_MS 48000 /* the program gives up before */
#define ANSWER_MAX (4 * 1024 * 1024)
#define NO_PYTHON 97

static const char command[] =
    "command -v python3 >/dev/null || exit 97; "
    "exec python3 -S -E -c 'import sys; i = sys.stdin.buffer; exec(i.read(int(i.readline())))'";

struct asked {
    const char *what;
    const char *const *paths;
    size_t count;
    bool hash, overwrite, recursive, missing_ok;
    int permissions;
    const char *change, *owner, *group;
};

static int put_request(struct buf *out, const struct asked *asked, struct err *err)
{
    struct jw w = JW(out, err);

    jw_obj(&w);
    jw_kstr(&w, "what", asked->what);
    jw_key(&w, "paths");
    jw_arr(&w);
    for (size_t i = 0; i < asked->count; i++)
        jw_str(&w, asked->paths[i]);
    jw_aend(&w);
    jw_kbool(&w, "hash", asked->hash);
    jw_kbool(&w, "overwrite", asked->overwrite);
    jw_kbool(&w, "recursive", asked->recursive);
    jw_kbool(&w, "missing_ok", asked->missing_ok);
    jw_kint(&w, "permissions", asked->permissions);
    jw_kstr(&w, "change", asked->change);
    jw_kstr(&w, "owner", asked->owner);
    jw_kstr(&w, "group", asked->group);
    jw_end(&w);
    return jw_done(&w) ? -1 : buf_addc(out, '\n', err);
}

static int ended_badly(const struct exec_result *x, struct err *err)
{
    const char *said = buf_str(&x->errs.text);
    const char *last = x->errs.text.len > 1 ? memrchr(said, '\n', x->errs.text.len - 1) : NULL;

    if (x->status == EXEC_EXITED && x->exit_code == NO_PYTHON) {
        err_set(err, ERR_UNSUPPORTED, "this takes python3, which is not in the sandbox");
        return err_next(err, "use a command in terminal_execute");
    }
    if (x->status != EXEC_EXITED || x->signal)
        return err_set(err, ERR_TIMEOUT, "it took too long and was ended; a part may be done");
    return err_set(err, ERR_INTERNAL, "it failed: %.600s", last ? last + 1 : said);
}

/* The program's answer; *doc is to be freed. */
static int run(struct sandbox *sb, struct call *call, const struct asked *asked, yyjson_doc **doc,
               struct err *err)
{
    AUTO(buf) struct buf program = BUF_MAX(4 * 1024 * 1024);
    AUTO(exec_result) struct exec_result x = { 0 };
    size_t size = (size_t)(embed_manage_py_end - embed_manage_py);
    struct exec_request exec = {
        .command = command,
        .timeout_ms = MANAGE_MS,
        .yield_ms = MANAGE_MS + 3000,
        .max_bytes = ANSWER_MAX,
    };

    if (buf_addf(&program, err, "%zu\n", size) || buf_add(&program, embed_manage_py, size, err) ||
        put_request(&program, asked, err))
        return -1;
    exec.stdin_data = program.data;
    exec.stdin_len = program.len;
    if (sandbox_exec(sb, call, &exec, &x, err))
        return -1;
    *doc = x.out.omitted ? NULL : json_parse(buf_str(&x.out.text), x.out.text.len, NULL);
    return yyjson_is_obj(yyjson_doc_get_root(*doc)) ? 0 : ended_badly(&x, err);
}

static char *copy_of(yyjson_val *obj, const char *name)
{
    const char *s = json_str(obj, name);

    return strdup(s ? s : "");
}

static enum file_access access_of(const char *name)
{
    static const char *const names[] = { "none", "view", "read", "write" };

    for (size_t i = 0; name && i < COUNT_OF(names); i++)
        if (!strcmp(name, names[i]))
            return (enum file_access)i;
    return ACCESS_NONE;
}

static int take_entry(yyjson_val *entry, struct file_stat_result *res, struct err *err)
{
    const char *type = json_str(entry, "type"), *hash = json_str(entry, "sha256");
    struct file_facts f = { .path = copy_of(entry, "path"),
                            .owner = copy_of(entry, "owner"),
                            .group = copy_of(entry, "group"),
                            .target = copy_of(entry, "target"),
                            .mode = (unsigned)json_int(entry, "mode", 0) & 07777,
                            .size = json_int(entry, "size", 0),
                            .mtime_ms = json_int(entry, "mtime", 0),
                            .access = access_of(json_str(entry, "access")) };

    f.type = type && *type && strchr("fdlpscb?", *type) ? *type : 0;
    if (hash && strlen(hash) == 64 && strspn(hash, "0123456789abcdef") == 64)
        memcpy(f.sha256, hash, 65);
    return file_stat_add(res, &f, err);
}

static int take_error(yyjson_val *one, struct file_manage_result *res, struct err *err)
{
    const char *part[4];
    struct err why = { 0 };

    for (size_t i = 0; i < COUNT_OF(part); i++) {
        part[i] = yyjson_get_str(yyjson_arr_get(one, i));
        if (!part[i])
            return err_set(err, ERR_INTERNAL, "a malformed answer");
    }
    err_set(&why, err_code_from_name(part[0]), "%.900s", part[2]);
    if (*part[3])
        err_next(&why, "%.300s", part[3]);
    return file_manage_error_add(res, part[1], &why, err);
}

static int manage(struct sandbox *sb, struct call *call, const struct asked *asked,
                  struct file_manage_result *res, struct err *err)
{
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *answer, *one;
    size_t i, n;

    if (run(sb, call, asked, &doc, err))
        return -1;
    answer = yyjson_doc_get_root(doc);
    yyjson_arr_foreach (yyjson_obj_get(answer, "done"), i, n, one) {
        const char *path = yyjson_get_str(yyjson_arr_get(one, 0));
        const char *to = yyjson_get_str(yyjson_arr_get(one, 1));
        if (file_manage_done_add(res, path ? path : "", to ? to : "", err))
            return -1;
    }
    yyjson_arr_foreach (yyjson_obj_get(answer, "errors"), i, n, one)
        if (take_error(one, res, err))
            return -1;
    res->total = json_int(answer, "total", 0);
    res->bytes = json_int(answer, "bytes", 0);
    if (json_int(answer, "failed", 0) > res->failed)
        res->failed = json_int(answer, "failed", 0);
    return 0;
}

int derive_stat(struct sandbox *sb, struct call *call, const struct file_stat_request *req,
                struct file_stat_result *res, struct err *err)
{
    const struct asked asked = {
        .what = "stat", .paths = req->paths, .count = req->count, .hash = req->hash
    };
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *entries, *one;
    size_t i, n;

    if (run(sb, call, &asked, &doc, err))
        return -1;
    entries = yyjson_obj_get(yyjson_doc_get_root(doc), "entries");
    if (yyjson_arr_size(entries) != req->count)
        return err_set(err, ERR_TIMEOUT, "it took too long");
    yyjson_arr_foreach (entries, i, n, one)
        if (take_entry(one, res, err))
            return -1;
    return 0;
}

int derive_move(struct sandbox *sb, struct call *call, const struct file_move_request *req,
                struct file_manage_result *res, struct err *err)
{
    const struct asked asked = {
        .what = "move", .paths = req->paths, .count = req->count, .overwrite = req->overwrite
    };

    return manage(sb, call, &asked, res, err);
}

int derive_copy(struct sandbox *sb, struct call *call, const struct file_copy_request *req,
                struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .what = "copy",
                                 .paths = (const char *const[]){ req->from, req->to },
                                 .count = 2,
                                 .recursive = req->recursive };

    return manage(sb, call, &asked, res, err);
}

int derive_remove(struct sandbox *sb, struct call *call, const struct file_remove_request *req,
                  struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .what = "remove",
                                 .paths = req->paths,
                                 .count = req->count,
                                 .recursive = req->recursive,
                                 .missing_ok = req->missing_ok };

    return manage(sb, call, &asked, res, err);
}

int derive_mkdir(struct sandbox *sb, struct call *call, const struct file_mkdir_request *req,
                 struct file_manage_result *res, struct err *err)
{
    const struct asked asked = {
        .what = "mkdir", .paths = req->paths, .count = req->count, .permissions = req->permissions
    };

    return manage(sb, call, &asked, res, err);
}

int derive_chmod(struct sandbox *sb, struct call *call, const struct file_chmod_request *req,
                 struct file_manage_result *res, struct err *err)
{
    const struct asked asked = { .what = "chmod",
                                 .paths = req->paths,
                                 .count = req->count,
                                 .permissions = req->permissions,
                                 .change = req->change,
                                 .owner = req->owner,
                                 .group = req->group,
                                 .recursive = req->recursive };

    return manage(sb, call, &asked, res, err);
}
