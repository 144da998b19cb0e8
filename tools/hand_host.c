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

/* ---- a folder ---- */

static int take_one(struct handing *h, int dir, const struct file_entry *e, struct err *err)
{
    AUTO(file_take_result) struct file_take_result res = { 0 };
    AUTO(host_new) struct host_new n = HOST_NEW;
    AUTO(buf) struct buf path = BUF_MAX(PATH_BYTES);
    struct err why = { 0 };

    if (h->files >= TREE_FILES_MAX || h->size + e->size > TREE_BYTES_MAX) {
        err_set(err, ERR_TOO_LARGE, "the folder has more than %d files or %lld MiB", TREE_FILES_MAX,
                TREE_BYTES_MAX >> 20);
        return err_next(err, "pass archive, or a part of it");
    }
    if (buf_addf(&path, err, "%s/%s", h->real, e->path) || host_new_below(dir, e->path, &n, err))
        return -1;
    const struct file_take_request req = {
        .path = path.data,
        .fd = n.fd,
        .max = TREE_BYTES_MAX - h->size,
    };
    if (sandbox_file_take(h->sb, h->call->call, &req, &res, &why)) {
        if (why.code == ERR_NOT_FOUND || why.code == ERR_DENIED || why.code == ERR_CONFLICT ||
            why.code == ERR_INVALID)
            return tree_skip(&h->skipped, e->path, why.msg, err);
        *err = why;
        return -1;
    }
    h->files++;
    h->size += res.bytes;
    return host_new_publish(&n, err);
}

static int take_entry(struct handing *h, int dir, const struct file_entry *e, struct err *err)
{
    if (e->type == 'd')
        return host_folder_below(dir, e->path, err);
    if (e->type == 'f')
        return take_one(h, dir, e, err);
    if (e->type == 'm')
        return tree_skip(&h->skipped, e->path, "more is below it", err);
    return tree_skip(&h->skipped, e->path, e->type == 'l' ? "a symbolic link" : "a special file",
                     err);
}

/* One part of the list; *cursor is where it goes on, NULL at the end. */
static int take_part(struct handing *h, int dir, char **cursor, struct err *err)
{
    AUTO(file_list_result) struct file_list_result list = { 0 };
    const struct file_list_request req = {
        .path = h->path,
        .depth = TREE_DEPTH_MAX,
        .hidden = true,
        .limit = LIST_PART,
        .cursor = *cursor,
        .max_bytes = 4 * 1024 * 1024,
    };

    if (sandbox_file_list(h->sb, h->call->call, &req, &list, err))
        return -1;
    if (!h->real)
        h->real = TAKE(list.path);
    for (size_t i = 0; i < list.count; i++)
        if (take_entry(h, dir, &list.entries[i], err))
            return -1;
    free(*cursor);
    *cursor = TAKE(list.next_cursor);
    return 0;
}

int hand_tree(struct handing *h, const char *to, struct err *err)
{
    AUTO(host_new) struct host_new n = HOST_NEW;
    AUTO_FREE char *cursor = NULL;

    if (host_new_dir(transfers_host(h->call), to, h->name, &n, err))
        return -1;
    do
        if (take_part(h, n.fd, &cursor, err))
            return -1;
    while (cursor);
    return host_new_publish(&n, err) || take_place(h, to, err) ? -1 : 0;
}
