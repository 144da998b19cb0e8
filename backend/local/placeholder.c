#include "backend/local/placeholder.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 20
#define TRY_AGAIN_US 2000

/* content NULL: a directory */
static const struct kind {
    const char *name, *content;
} kinds[] = {
    { "commondir", ".\n" },
    { "config", "" },
    { "config.worktree", "" },
    { "hooks", NULL },
};

static int fill(int fd, const struct kind *k, const struct stat *owner)
{
    if (fd < 0 || io_write_all(fd, k->content, strlen(k->content)))
        return -1;
    return !geteuid() ? fchown(fd, owner->st_uid, owner->st_gid) : 0;
}

/* Made whole without a name where that can be done, as git may read it at any time. */
static int make_file(int dir, const struct kind *k, const struct stat *owner)
{
    AUTO_FD int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    char path[64];

    if (fd < 0) {
        fd = openat(dir, k->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        return fill(fd, k, owner);
    }
    if (fill(fd, k, owner))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, dir, k->name, AT_SYMLINK_FOLLOW);
}

static int make_dir(int dir, const struct kind *k, const struct stat *owner)
{
    if (mkdirat(dir, k->name, 0755))
        return -1;
    return !geteuid() ? fchownat(dir, k->name, owner->st_uid, owner->st_gid, AT_SYMLINK_NOFOLLOW)
                      : 0;
}

static bool untouched(int fd, const struct kind *k)
{
    char text[8] = "";
    struct stat st;
    size_t len;

    if (fstat(fd, &st))
        return false;
    if (!k->content)
        return S_ISDIR(st.st_mode);
    len = strlen(k->content);
    return S_ISREG(st.st_mode) && (size_t)st.st_size == len &&
           pread(fd, text, sizeof(text), 0) == (ssize_t)len && !memcmp(text, k->content, len);
}

/* Retry when it was just removed by the last one who held it. */
enum held { HELD, RETRY, FAILED };

static enum held hold(struct placeholders *p, int repo, const struct kind *k)
{
    AUTO_FD int fd = openat(repo, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct placeholder *item = &p->items[p->count];
    struct stat st;

    if (p->count == PLACEHOLDERS_MAX)
        return FAILED;
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) || fstat(fd, &st) || !st.st_nlink)
        return RETRY;
    item->dir = fcntl(repo, F_DUPFD_CLOEXEC, 3);
    if (item->dir < 0)
        return FAILED;
    item->fd = TAKE_FD(&fd);
    item->name = k->name;
    p->count++;
    return HELD;
}

static bool is_ours(int git, const struct kind *k)
{
    AUTO_FD int fd = openat(git, k->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && k->content && untouched(fd, k);
}

static enum held make_and_hold(struct placeholders *p, int repo, const struct kind *k,
                               const struct stat *owner)
{
    struct stat st;

    if (!fstatat(repo, k->name, &st, AT_SYMLINK_NOFOLLOW)) {
        if (!is_ours(repo, k))
            return HELD;
    } else if ((k->content ? make_file : make_dir)(repo, k, owner) && errno != EEXIST) {
        return FAILED;
    }
    return hold(p, repo, k);
}

int placeholders_make(struct placeholders *p, int dir, const char *git, struct err *err)
{
    AUTO_FD int repo = openat(dir, git, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat owner;

    if (repo < 0 || fstat(repo, &owner))
        return err_sys(err, errno, "open %s", git);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        enum held held = RETRY;
        for (int n = 0; n < TRIES && held == RETRY; n++) {
            if (n)
                usleep(TRY_AGAIN_US);
            held = make_and_hold(p, repo, &kinds[i], &owner);
        }
        if (held != HELD)
            return err_set(err, ERR_UNAVAILABLE, "%s/%s cannot be made", git, kinds[i].name);
    }
    return 0;
}

static const struct kind *kind_of(const char *name)
{
    size_t i = 0;

    while (kinds[i].name != name)
        i++;
    return &kinds[i];
}

/* Nobody put something else in its place. */
static bool in_place(const struct placeholder *item)
{
    struct stat held, there;

    return !fstat(item->fd, &held) &&
           !fstatat(item->dir, item->name, &there, AT_SYMLINK_NOFOLLOW) &&
           held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

void placeholders_remove(struct placeholders *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct placeholder *item = &p->items[i];
        const struct kind *k = kind_of(item->name);
        if (!flock(item->fd, LOCK_EX | LOCK_NB) && untouched(item->fd, k) && in_place(item))
            (void)unlinkat(item->dir, k->name, k->content ? 0 : AT_REMOVEDIR);
        fd_close(&item->fd);
        fd_close(&item->dir);
    }
    p->count = 0;
}
