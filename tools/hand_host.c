#include "backend/transfer/host.h"
#include "tools/hand.h"

#include <string.h>

#define LIST_PART 2000
#define PATH_BYTES (16 * 1024)

/* `to`, and the name behind it when it ends in '/'. */
static int take_place(struct handing *h, const char *to, struct err *err)
{
    h->to = transfer_path(to, h->name, err);
    return h->to ? 0 : -1;
}

int hand_to_host(struct handing *h, const char *to, struct err *err)
{
    AUTO(file_take_result) struct file_take_result res = { 0 };
    AUTO(host_new) struct host_new n = HOST_NEW;

    if (host_new_open(transfers_host(h->call), to, h->name, &n, err))
        return -1;
    const struct file_take_request req = { .path = h->path, .fd = n.fd, .max = TRANSFER_MAX };
    if (sandbox_file_take(h->sb, h->call->call, &req, &res, err) || host_new_publish(&n, err) ||
        take_place(h, to, err))
        return -1;
    h->real = TAKE(res.path);
    h->files = 1;
    h->size = res.bytes;
    memcpy(h->sha256, res.sha256, sizeof(h->sha256));
    return 0;
}

/* ---- a folder: one directory after the other, as a list of a tree leaves out what is many ---- */

struct walking {
    struct handing *h;
    int dir;             /* on the host */
    struct strings dirs; /* relative paths: "" the folder itself */
};

static int too_much(struct err *err)
{
    err_set(err, ERR_TOO_LARGE, "the folder has more than %d files or %lld MiB", TREE_FILES_MAX,
            TREE_BYTES_MAX >> 20);
    return err_next(err, "pass archive, or a part of it");
}

static bool may_be_left_out(const struct err *why)
{
    return why->code == ERR_NOT_FOUND || why->code == ERR_DENIED || why->code == ERR_CONFLICT ||
           why->code == ERR_INVALID;
}

static int take_one(struct walking *k, const char *name, int64_t size, struct err *err)
{
    AUTO(file_take_result) struct file_take_result res = { 0 };
    AUTO(host_new) struct host_new n = HOST_NEW;
    AUTO(buf) struct buf path = BUF_MAX(PATH_BYTES);
    struct handing *h = k->h;
    struct err why = { 0 };

    if (h->files >= TREE_FILES_MAX || h->size + size > TREE_BYTES_MAX)
        return too_much(err);
    if (buf_addf(&path, err, "%s/%s", h->real, name) || host_new_below(k->dir, name, &n, err))
        return -1;
    const struct file_take_request req = {
        .path = path.data,
        .fd = n.fd,
        .max = TREE_BYTES_MAX - h->size,
    };
    if (sandbox_file_take(h->sb, h->call->call, &req, &res, &why)) {
        if (may_be_left_out(&why))
            return tree_skip(&h->skipped, name, why.msg, err);
        *err = why;
        return -1;
    }
    h->files++;
    h->size += res.bytes;
    return host_new_publish(&n, err);
}

static int take_entry(struct walking *k, const char *above, const struct file_entry *e,
                      struct err *err)
{
    AUTO(buf) struct buf name = BUF_MAX(PATH_BYTES);

    if (buf_addf(&name, err, "%s%s%s", above, *above ? "/" : "", e->path))
        return -1;
    if (e->type == 'f')
        return take_one(k, name.data, e->size, err);
    if (e->type != 'd')
        return tree_skip(&k->h->skipped, name.data,
                         e->type == 'l' ? "a symbolic link" : "a special file", err);
    if (k->dirs.count >= TREE_FILES_MAX)
        return too_much(err);
    return host_folder_below(k->dir, name.data, err) ||
                   strings_add(&k->dirs, name.data, name.len, err)
               ? -1
               : 0;
}

/* One part of a directory's list; *cursor is where it goes on, NULL at the end. */
static int take_part(struct walking *k, const char *below, char **cursor, struct err *err)
{
    AUTO(file_list_result) struct file_list_result list = { 0 };
    AUTO(buf) struct buf path = BUF_MAX(PATH_BYTES);
    struct file_list_request req = {
        .path = k->h->path,
        .depth = 1,
        .hidden = true,
        .limit = LIST_PART,
        .cursor = *cursor,
        .max_bytes = 4 * 1024 * 1024,
    };
    struct err why = { 0 };

    if (*below && buf_addf(&path, err, "%s/%s", k->h->real, below))
        return -1;
    if (*below)
        req.path = path.data;
    if (sandbox_file_list(k->h->sb, k->h->call->call, &req, &list, &why)) {
        if (*below && may_be_left_out(&why))
            return tree_skip(&k->h->skipped, below, why.msg, err);
        *err = why;
        return -1;
    }
    if (!k->h->real)
        k->h->real = TAKE(list.path);
    for (size_t i = 0; i < list.count; i++)
        if (take_entry(k, below, &list.entries[i], err))
            return -1;
    free(*cursor);
    *cursor = TAKE(list.next_cursor);
    return 0;
}

static int take_folder(struct walking *k, const char *below, struct err *err)
{
    AUTO_FREE char *cursor = NULL;

    do
        if (take_part(k, below, &cursor, err))
            return -1;
    while (cursor);
    return 0;
}

int hand_tree(struct handing *h, const char *to, struct err *err)
{
    AUTO(host_new) struct host_new n = HOST_NEW;
    struct walking k = { .h = h };
    int r;

    if (host_new_dir(transfers_host(h->call), to, h->name, &n, err))
        return -1;
    k.dir = n.fd;
    r = strings_add(&k.dirs, "", 0, err);
    for (size_t i = 0; !r && i < k.dirs.count; i++)
        r = take_folder(&k, k.dirs.items[i], err);
    strings_done(&k.dirs);
    return r || host_new_publish(&n, err) || take_place(h, to, err) ? -1 : 0;
}
