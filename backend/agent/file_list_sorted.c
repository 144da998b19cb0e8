#include "backend/agent/file_list.h"
#include "backend/agent/file_time.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PATHS_MAX (64 * 1024 * 1024)

struct found {
    int64_t key;
    uint32_t offset, len; /* in paths */
    char type;
};

static int64_t key_of(uint32_t sort, const struct stat *st)
{
    return sort == LIST_BY_SIZE ? (int64_t)st->st_size : file_mtime_ms(st);
}

/* Large and new first, then by name. */
static int compare(int64_t akey, const char *a, size_t alen, int64_t bkey, const char *b,
                   size_t blen)
{
    if (akey != bkey)
        return akey > bkey ? -1 : 1;
    return walk_order(a, alen, b, blen);
}

static int by_key(const void *x, const void *y, void *paths)
{
    const struct found *a = x, *b = y;
    const char *text = paths;

    return compare(a->key, text + a->offset, a->len, b->key, text + b->offset, b->len);
}

static bool add(struct listing *l, const struct walk_entry *e, struct file_buf *paths,
                struct file_buf *all)
{
    struct found f = { .offset = (uint32_t)paths->len, .len = (uint32_t)e->len, .type = e->type };
    struct stat st;

    if (fstatat(e->dirfd, e->path + e->name, &st, AT_SYMLINK_NOFOLLOW))
        return true;
    f.key = key_of(l->sort, &st);
    return file_buf_add(paths, e->path, e->len) && file_buf_add(paths, "", 1) &&
           file_buf_add(all, &f, sizeof(f));
}

static void collect(struct listing *l, struct file_buf *paths, struct file_buf *all)
{
    struct walk_entry e;
    enum walk_step step;

    while ((step = walk_next(&l->walk, &e)) != WALK_END) {
        if (step == WALK_LEAVE)
            continue;
        if (l->seen % 1024 == 0 && file_job_gone(l->job))
            return;
        if (listing_takes(l, &e)) {
            l->total++;
            if (!add(l, &e, paths, all))
                l->truncated = true;
        }
        if (l->truncated) {
            l->total = -1;
            return;
        }
    }
}

static void emit(struct listing *l, const struct found *f, size_t count, const char *paths)
{
    const struct file_cursor *c = &l->from;

    for (size_t i = 0; i < count; i++) {
        const char *path = paths + f[i].offset;
        struct list_item item = { 'k', f[i].key, f[i].type, path, f[i].len };
        if (l->resumes && compare(f[i].key, path, f[i].len, c->number, c->path, c->len) <= 0)
            continue;
        if (!listing_add(l, &item, l->root, path))
            return;
    }
}

int list_sorted(struct listing *l)
{
    struct file_buf paths = { .max = PATHS_MAX };
    struct file_buf all = { .max = (LIST_WALK_MAX + 1) * sizeof(struct found) };

    collect(l, &paths, &all);
    if (all.len)
        qsort_r(all.data, all.len / sizeof(struct found), sizeof(struct found), by_key, paths.data);
    emit(l, (const struct found *)(void *)all.data, all.len / sizeof(struct found), paths.data);
    file_buf_done(&paths);
    file_buf_done(&all);
    return 0;
}
