#include "backend/agent/walk_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Room for one more name, within the walk's bound. */
static bool room(struct walk *w, struct walk_dir *d, size_t len)
{
    size_t cap;
    void *p;

    if (d->count == d->cap) {
        cap = d->cap ? d->cap * 2 : 64;
        if (w->names + (cap - d->cap) * sizeof(*d->list) > WALK_NAMES_MAX ||
            !(p = realloc(d->list, cap * sizeof(*d->list))))
            return false;
        w->names += (cap - d->cap) * sizeof(*d->list);
        d->list = p;
        d->cap = cap;
    }
    if (d->names_len + len > d->names_cap) {
        cap = d->names_cap ? d->names_cap * 2 : 2048;
        if (w->names + (cap - d->names_cap) > WALK_NAMES_MAX || !(p = realloc(d->names, cap)))
            return false;
        w->names += cap - d->names_cap;
        d->names = p;
        d->names_cap = cap;
    }
    return true;
}

static uint64_t key_of(const char *name, size_t len)
{
    uint64_t key = 0;

    memcpy(&key, name, len < 8 ? len : 8);
    return __builtin_bswap64(key);
}

static char type_of(int dirfd, const char *name, unsigned char d_type)
{
    static const char types[] = { [DT_FIFO] = 'p', [DT_CHR] = 'c', [DT_DIR] = 'd', [DT_BLK] = 'b',
                                  [DT_REG] = 'f',  [DT_LNK] = 'l', [DT_SOCK] = 's' };
    struct stat st;

    if (d_type == DT_UNKNOWN && !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
        d_type = IFTODT(st.st_mode);
    return d_type < sizeof(types) && types[d_type] ? types[d_type] : 'f';
}

static bool add(struct walk *w, struct walk_dir *d, const char *name, unsigned char d_type)
{
    size_t len = strlen(name);

    if (!room(w, d, len + 1))
        return false;
    memcpy(d->names + d->names_len, name, len + 1);
    d->list[d->count++] = (struct walk_name){
        .key = key_of(name, len),
        .offset = (uint32_t)d->names_len,
        .len = (uint16_t)len,
        .type = type_of(d->fd, name, d_type),
    };
    d->names_len += len + 1;
    return true;
}

static int by_name(const void *x, const void *y, void *names)
{
    const struct walk_name *a = x, *b = y;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return strcmp((const char *)names + a->offset, (const char *)names + b->offset);
}

/* Those that are not wanted go before they are sorted; rules of this folder are in force. */
static void filter(struct walk *w, struct walk_dir *d)
{
    const struct walk_options *o = &w->options;
    size_t kept = 0;

    for (size_t i = 0; i < d->count; i++) {
        struct walk_name *n = &d->list[i];
        const char *name = d->names + n->offset;
        size_t len = d->len + n->len;
        bool hidden = *name == '.' && !o->hidden;
        if (o->ignore && !strcmp(name, ".git"))
            continue;
        if (len + 1 >= sizeof(w->path)) {
            w->cut = true;
            continue;
        }
        if ((hidden && o->show) || (!hidden && w->ignore.count))
            memcpy(w->path + d->len, name, n->len + 1u);
        if (hidden &&
            (!o->show || !o->show(o->arg, w->path + w->outer, len - w->outer, d->len - w->outer)))
            continue;
        if (w->ignore.count && ignore_match(&w->ignore, w->path, len, d->len, n->type == 'd'))
            continue;
        d->list[kept++] = *n;
    }
    d->count = kept;
}

bool walk_dir_read(struct walk *w, struct walk_dir *d)
{
    bool fits = true, rules = false;
    ssize_t n;

    while (fits && (n = getdents64(d->fd, w->buffer, WALK_BUFFER)) > 0) {
        for (ssize_t at = 0; at < n && fits;) {
            struct dirent64 *e = (struct dirent64 *)(void *)(w->buffer + at);
            const char *name = e->d_name;
            at += e->d_reclen;
            if (*name == '.' && (!name[1] || (name[1] == '.' && !name[2])))
                continue;
            rules |= *name == '.' && (!strcmp(name, ".gitignore") || !strcmp(name, ".ignore"));
            fits = add(w, d, name, e->d_type);
        }
    }
    if (rules && w->options.ignore)
        ignore_push(&w->ignore, d->fd, d->len);
    filter(w, d);
    if (d->count > 1)
        qsort_r(d->list, d->count, sizeof(*d->list), by_name, d->names);
    return fits;
}

bool walk_dir_next(struct walk *w, struct walk_dir *d, struct walk_entry *e)
{
    const struct walk_name *n;

    if (d->next == d->count)
        return false;
    n = &d->list[d->next++];
    memcpy(w->path + d->len, d->names + n->offset, n->len + 1u);
    e->name = d->len - w->outer;
    e->len = e->name + n->len;
    e->type = n->type;
    return true;
}

const char *walk_dir_last(const struct walk_dir *d)
{
    return d->names + d->list[d->next - 1].offset;
}

void walk_dir_done(struct walk *w, struct walk_dir *d)
{
    w->names -= d->cap * sizeof(*d->list) + d->names_cap;
    free(d->names);
    free(d->list);
    d->names = NULL;
    d->list = NULL;
}
