#include "backend/transfer/tree.h"
#include "backend/agent/ignore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct listing {
    struct tree *tree;
    struct ignore ignore;
    const char *const *patterns;
    size_t pattern_count;
    char path[PATH_MAX]; /* of the directory that is read, with a '/' behind unless empty */
    size_t len;
    unsigned depth;
    long entries;
};

void tree_done(struct tree *t)
{
    strings_done(&t->files);
    strings_done(&t->skipped);
    *t = (struct tree){ 0 };
}

int tree_skip(struct tree *t, const char *path, const char *why, struct err *err)
{
    if (t->skipped_count++ >= TREE_SKIPPED_MAX)
        return 0;
    return strings_addf(&t->skipped, err, "%s: %s", path, why);
}

static int too_much(struct err *err)
{
    err_set(err, ERR_TOO_LARGE, "the directory has more than %d files or %lld MiB", TREE_FILES_MAX,
            TREE_BYTES_MAX >> 20);
    return err_next(err, "leave some out with ignore, or upload a part of it");
}

static int add_file(struct listing *l, const struct stat *st, struct err *err)
{
    struct tree *t = l->tree;

    if (st->st_size > TREE_FILE_MAX)
        return tree_skip(t, l->path, "larger than 50 MB", err);
    t->bytes += st->st_size;
    if (t->files.count >= TREE_FILES_MAX || t->bytes > TREE_BYTES_MAX)
        return too_much(err);
    return strings_add(&t->files, l->path, strlen(l->path), err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct listing *l, int dir, struct strings *names, struct err *err)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (!d) {
        r = err_sys(err, errno, "read the directory %s", l->path);
        fd_close(&fd);
        return r;
    }
    while (!r && (e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (++l->entries > TREE_ENTRIES_MAX)
            r = too_much(err);
        else
            r = strings_add(names, e->d_name, strlen(e->d_name), err);
    }
    closedir(d);
    if (!r && names->count)
        qsort(names->items, names->count, sizeof(*names->items), by_name);
    return r;
}

static int list_dir(struct listing *l, int dir, struct err *err);

/* l->path is that of the entry. */
static int list_entry(struct listing *l, int dir, const char *name, size_t at, struct err *err)
{
    AUTO_FD int place = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    size_t len = strlen(l->path), before = l->len;
    struct stat st;
    int r;

    if (place < 0 || fstat(place, &st))
        return tree_skip(l->tree, l->path, "it cannot be opened", err);
    if (ignore_match(&l->ignore, l->path, len, at, S_ISDIR(st.st_mode)))
        return 0;
    if (S_ISLNK(st.st_mode))
        return tree_skip(l->tree, l->path, "a symbolic link", err);
    if (S_ISREG(st.st_mode))
        return add_file(l, &st, err);
    if (!S_ISDIR(st.st_mode))
        return tree_skip(l->tree, l->path, "neither a file nor a directory", err);
    if (l->depth >= TREE_DEPTH_MAX)
        return tree_skip(l->tree, l->path, "too deep", err);
    l->path[len] = '/';
    l->path[len + 1] = '\0';
    l->len = len + 1;
    l->depth++;
    r = list_dir(l, place, err);
    l->depth--;
    l->len = before;
    return r;
}

/* The given patterns stand behind those of all files. */
static void add_rules(struct listing *l, int dir, size_t base)
{
    (void)ignore_push(&l->ignore, dir, base);
    (void)ignore_file(&l->ignore, dir, ".sandboxignore", base);
    for (size_t i = 0; i < l->pattern_count; i++)
        ignore_add(&l->ignore, l->patterns[i], strlen(l->patterns[i]), 0);
}

static int list_dir(struct listing *l, int dir, struct err *err)
{
    AUTO(strings) struct strings names = { 0 };
    AUTO_FD int readable = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t mark = l->ignore.count, at = l->len;
    int r = 0;

    if (readable < 0)
        return tree_skip(l->tree, l->path, "it cannot be read", err);
    if (read_names(l, readable, &names, err))
        return -1;
    add_rules(l, readable, at);
    for (size_t i = 0; i < names.count && !r; i++) {
        size_t n = strlen(names.items[i]);
        if (at + n + 2 > sizeof(l->path)) {
            r = tree_skip(l->tree, names.items[i], "the path is too long", err);
            continue;
        }
        memcpy(l->path + at, names.items[i], n + 1);
        r = list_entry(l, readable, names.items[i], at, err);
    }
    ignore_pop(&l->ignore, mark);
    l->path[at] = '\0';
    return r;
}

int tree_list(int dir, const char *const *patterns, size_t pattern_count, struct tree *out,
              struct err *err)
{
    struct listing *l = calloc(1, sizeof(*l));
    int r;

    if (!l)
        return err_oom(err);
    l->tree = out;
    l->patterns = patterns;
    l->pattern_count = pattern_count;
    r = list_dir(l, dir, err);
    ignore_done(&l->ignore);
    free(l);
    return r;
}
