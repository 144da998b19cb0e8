#include "backend/agent/walk.h"
#include "backend/agent/walk_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int walk_order(const char *a, size_t alen, const char *b, size_t blen)
{
    size_t i = 0, n = alen < blen ? alen : blen;
    int x, y;

    while (i < n && a[i] == b[i])
        i++;
    x = i == alen ? -2 : a[i] == '/' ? -1 : (unsigned char)a[i];
    y = i == blen ? -2 : b[i] == '/' ? -1 : (unsigned char)b[i];
    return x - y;
}

bool walk_above(const char *dir, size_t dlen, const char *path, size_t plen)
{
    return !dlen || (plen > dlen && path[dlen] == '/' && !memcmp(dir, path, dlen));
}

/* Enter the folder fd (taken), whose path takes w->path[0..len). */
static void push(struct walk *w, int fd, size_t len)
{
    struct walk_dir *d = &w->dirs[w->open];
    struct statfs fs;

    *d = (struct walk_dir){ .fd = fd, .len = len, .mark = w->ignore.count };
    if (!fstatfs(fd, &fs)) {
        if (!w->open)
            w->fs = (uint64_t)fs.f_type;
        else if ((uint64_t)fs.f_type != w->fs &&
                 (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)) {
            close(fd);
            return;
        }
    }
    w->open++;
    if (!walk_dir_read(w, d))
        w->cut = true;
}

static void pop(struct walk *w)
{
    struct walk_dir *d = &w->dirs[--w->open];

    ignore_pop(&w->ignore, d->mark);
    walk_dir_done(w, d);
    close(d->fd);
}

/*
 * .gitignore files above the root count too, up to a repository's top: paths then start at the
 * outermost of those folders.
 */
static void outer_rules(struct walk *w, int rootfd, const char *path)
{
    size_t starts[64], len = strlen(path), count = 0;
    int dirs[64], fd = rootfd;

    while (count < 64 && len > 1) {
        struct stat st;
        bool top = !fstatat(fd, ".git", &st, AT_SYMLINK_NOFOLLOW);
        if (top)
            break;
        fd = openat(fd, "..", OPEN_DIR);
        if (fd < 0)
            break;
        while (len && path[len - 1] != '/')
            len--;
        starts[count] = len;
        dirs[count++] = fd;
        while (len > 1 && path[len - 1] == '/')
            len--;
    }
    if (count) {
        size_t from = starts[count - 1];
        int n = snprintf(w->path, sizeof(w->path), "%s/", path + from);
        w->outer = n > 0 && (size_t)n < sizeof(w->path) / 2 ? (size_t)n : 0;
        for (size_t i = count; i-- && w->outer;)
            ignore_push(&w->ignore, dirs[i], starts[i] - from);
    }
    while (count)
        close(dirs[--count]);
}

bool walk_open(struct walk *w, int rootfd, const char *path, const struct walk_options *options)
{
    *w = (struct walk){ .options = *options };
    w->dirs = calloc(WALK_DEPTH_MAX, sizeof(*w->dirs));
    w->buffer = malloc(WALK_BUFFER);
    if (!w->dirs || !w->buffer) {
        close(rootfd);
        walk_done(w);
        return false;
    }
    if (options->ignore)
        outer_rules(w, rootfd, path);
    push(w, rootfd, w->outer);
    return true;
}

static void enter(struct walk *w)
{
    struct walk_dir *d = &w->dirs[w->open - 1];
    size_t len = strlen(w->path);
    int fd;

    w->enter = false;
    if ((int64_t)w->open >= w->options.depth)
        return;
    if (w->open >= WALK_DEPTH_MAX || len + 2 >= sizeof(w->path)) {
        w->cut = true;
        return;
    }
    fd = openat(d->fd, walk_dir_last(d), OPEN_DIR);
    if (fd < 0) {
        w->cut |= errno == EMFILE || errno == ENFILE;
        w->unread += errno != ENOENT && errno != ENOTDIR && errno != ELOOP;
        return;
    }
    w->path[len] = '/';
    push(w, fd, len + 1);
}

enum walk_step walk_next(struct walk *w, struct walk_entry *e)
{
    struct walk_dir *d;

    if (w->enter)
        enter(w);
    if (!w->open)
        return WALK_END;
    d = &w->dirs[w->open - 1];
    e->path = w->path + w->outer;
    e->dirfd = d->fd;
    if (walk_dir_next(w, d, e)) {
        e->depth = w->open;
        w->enter = e->type == 'd';
        return WALK_ENTRY;
    }
    e->depth = w->open;
    e->type = 'd';
    e->len = d->len > w->outer ? d->len - w->outer - 1 : 0;
    w->path[w->outer + e->len] = '\0';
    e->name = 0;
    pop(w);
    return WALK_LEAVE;
}

void walk_skip(struct walk *w)
{
    w->enter = false;
}

void walk_done(struct walk *w)
{
    while (w->open)
        pop(w);
    ignore_done(&w->ignore);
    free(w->dirs);
    free(w->buffer);
    w->dirs = NULL;
    w->buffer = NULL;
}
