#include "tools/render.h"
#include "tools/transfer.h"
#include "tools/unpack.h"

#include <string.h>

void brought_done(struct brought *b)
{
    free(b->path);
    free(b->type);
    free(b->url);
    tree_done(&b->skipped);
    strings_done(&b->denied);
    *b = (struct brought){ 0 };
}

int bring_file(const struct bringing *in, int fd, int64_t size, const char *name, int permissions,
               struct brought *out, struct err *err)
{
    AUTO(file_put_result) struct file_put_result res = { 0 };
    AUTO_FREE char *path = NULL;

    if (size > TRANSFER_MAX)
        return err_set(err, ERR_TOO_LARGE, "%lld bytes; one file may have %lld", (long long)size,
                       TRANSFER_MAX);
    if (in->extract)
        return unpack_file(in, fd, size, name, out, err);
    path = transfer_path(in->to, name, err);
    if (!path)
        return -1;
    const struct file_put_request req = {
        .path = path,
        .fd = fd,
        .size = size,
        .permissions = permissions,
    };
    if (sandbox_file_put(in->sb, in->call, &req, &res, err))
        return -1;
    out->path = TAKE(res.path);
    out->files = 1;
    out->bytes = res.bytes;
    memcpy(out->sha256, res.sha256, sizeof(out->sha256));
    return 0;
}

/* ---- a directory ---- */

static int bring_one(const struct bringing *in, int dir, const char *name, struct brought *out,
                     struct err *err)
{
    AUTO(file_put_result) struct file_put_result res = { 0 };
    AUTO(buf) struct buf path = BUF_MAX(8192);
    struct err why = { 0 };
    AUTO_FD int fd = -1;
    struct stat st;

    if (host_open_below(dir, name, &fd, &st, &why) || !S_ISREG(st.st_mode))
        return tree_skip(&out->skipped, name, "it changed or cannot be read", err);
    if (buf_addf(&path, err, "%s/%s", in->to, name))
        return -1;
    const struct file_put_request req = {
        .path = path.data,
        .fd = fd,
        .size = st.st_size < TREE_FILE_MAX ? st.st_size : TREE_FILE_MAX,
        .permissions = (int)(st.st_mode & 0777) | 0600,
    };
    if (sandbox_file_put(in->sb, in->call, &req, &res, &why)) {
        if (why.code == ERR_CONFLICT)
            return tree_skip(&out->skipped, name, why.msg, err);
        *err = why;
        return -1;
    }
    if (!out->path) /* that of the directory, as the sandbox resolves it */
        out->path =
            strndup(res.path,
                    strlen(res.path) > strlen(name) + 1 ? strlen(res.path) - strlen(name) - 1 : 0);
    out->files++;
    out->bytes += res.bytes;
    return 0;
}

int bring_tree(const struct bringing *in, int dir, const struct arg_strings *ignore,
               struct brought *out, struct err *err)
{
    struct strings *files = &out->skipped.files;

    if (tree_list(dir, ignore->items, ignore->count, &out->skipped, err))
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        if (bring_one(in, dir, files->items[i], out, err))
            return err_wrap(err, "after %lld of %zu files", (long long)out->files, files->count);
        if (in->call->progress)
            in->call->progress(in->call, 0, files->items[i], strlen(files->items[i]));
    }
    if (!out->path)
        out->path = strdup(in->to);
    return out->path ? 0 : err_oom(err);
}

/* ---- how it is told ---- */

static int add_skipped(const struct tree *t, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < t->skipped.count; i++)
        if (buf_adds(out, "skipped ", err) || render_name(out, t->skipped.items[i], err) ||
            buf_addc(out, '\n', err))
            return -1;
    return t->skipped_count > (int64_t)t->skipped.count
               ? buf_addf(out, err, "skipped %lld more\n",
                          (long long)t->skipped_count - (long long)t->skipped.count)
               : 0;
}

int brought_text(const struct brought *b, struct buf *out, struct err *err)
{
    if (*b->process_id)
        return buf_addf(out, err, "still at work · process_id %s (terminal_output waits for it)\n",
                        b->process_id);
    if (render_name(out, b->path, err) ||
        buf_addf(out, err, " · %lld file%s · ", (long long)b->files, b->files == 1 ? "" : "s") ||
        render_bytes(out, (uint64_t)b->bytes, err) ||
        (*b->sha256 && buf_addf(out, err, " · sha256 %s", b->sha256)))
        return -1;
    if (b->type && (buf_adds(out, " · ", err) || render_name(out, b->type, err)))
        return -1;
    if (b->url && (buf_adds(out, " · from ", err) || render_name(out, b->url, err)))
        return -1;
    return buf_addc(out, '\n', err) || add_skipped(&b->skipped, out, err) ||
                   render_denied(out, &b->denied, err)
               ? -1
               : 0;
}

void brought_json(const struct brought *b, struct jw *w)
{
    if (b->path)
        jw_kstr(w, "path", b->path);
    if (*b->process_id)
        jw_kstr(w, "process_id", b->process_id);
    if (!*b->process_id) {
        jw_kint(w, "files", b->files);
        jw_kint(w, "bytes", b->bytes);
    }
    if (*b->sha256)
        jw_kstr(w, "sha256", b->sha256);
    if (b->type)
        jw_kstr(w, "type", b->type);
    if (b->url)
        jw_kstr(w, "url", b->url);
    if (!b->skipped.skipped_count)
        return;
    jw_key(w, "skipped");
    jw_arr(w);
    for (size_t i = 0; i < b->skipped.skipped.count; i++)
        jw_str(w, b->skipped.skipped.items[i]);
    jw_aend(w);
    jw_kint(w, "skipped_count", b->skipped.skipped_count);
}
