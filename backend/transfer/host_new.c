#include "backend/transfer/host_parts.h"
#include "base/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INSIDE (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
#define STRAIGHT (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

#define DEPTH_MAX 128

/* What is below a directory of our own making. */
static void empty(int dir, unsigned depth)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        int sub;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
            !unlinkat(dirfd(d), e->d_name, 0) || depth > DEPTH_MAX)
            continue;
        sub = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            empty(sub, depth + 1);
        fd_close(&sub);
        unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    }
    if (d)
        closedir(d);
}

void host_new_done(struct host_new *n)
{
    if (n->named && n->folder)
        empty(n->fd, 0);
    if (n->named)
        unlinkat(n->dir, n->temporary, n->folder ? AT_REMOVEDIR : 0);
    fd_close(&n->fd);
    fd_close(&n->dir);
    *n = HOST_NEW;
}

/* As its parent: a server that is root leaves no files of root's. */
static void give_away(int dir, int fd)
{
    struct stat st;

    if (!geteuid() && !fstat(dir, &st))
        (void)!fchown(fd, st.st_uid, st.st_gid);
}

/* The directory `path` below root, made as far as it is not there; each part is looked up from the
 * root again, so that nobody can put a link in between. -1 with errno. */
static int open_folder(int root, const char *path, unsigned long long resolve)
{
    int at = host_openat2(root, ".", O_RDONLY | O_DIRECTORY, resolve);
    char part[PATH_MAX];

    for (const char *p = path; at >= 0 && *p;) {
        const char *end = strchrnul(p, '/');
        int next;
        snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
        next = host_openat2(root, part, O_RDONLY | O_DIRECTORY, resolve);
        if (next < 0 && errno == ENOENT) {
            char name[NAME_MAX + 1];
            snprintf(name, sizeof(name), "%.*s", (int)(end - p), p);
            if (mkdirat(at, name, 0755) && errno != EEXIST)
                next = -1;
            else if ((next = host_openat2(root, part, O_RDONLY | O_DIRECTORY, resolve)) >= 0)
                give_away(at, next);
        }
        close(at);
        at = next;
        p = end;
        while (*p == '/')
            p++;
    }
    return at;
}

static int split(const char *rest, const char *otherwise, char folder[PATH_MAX], char name[256],
                 struct err *err)
{
    const char *slash = strrchr(rest, '/'), *last = slash ? slash + 1 : rest;

    if (strlen(rest) >= PATH_MAX)
        return err_set(err, ERR_INVALID, "to: the path is too long");
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - rest) : 0, rest);
    if (!strcmp(rest, ".") || !*last)
        last = otherwise;
    if (!last || !*last || !strcmp(last, ".") || !strcmp(last, "..") || strchr(last, '/') ||
        strlen(last) > 255) {
        err_set(err, ERR_INVALID, "to: it names no file");
        return err_next(err, "end it with the name that the file is to have");
    }
    snprintf(name, 256, "%s", last);
    return 0;
}

static int exists(const char *name, struct err *err)
{
    err_set(err, ERR_CONFLICT, "%.200s exists; files of the host are never overwritten", name);
    return err_next(err, "choose another name");
}

static void temporary_name(struct host_new *n)
{
    n->temporary[0] = '.';
    id_make("new", n->temporary + 1);
}

static int begin_folder(struct host_new *n, struct err *err)
{
    temporary_name(n);
    n->named = !mkdirat(n->dir, n->temporary, 0755);
    if (n->named)
        n->fd = openat(n->dir, n->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (n->fd < 0)
        return err_sys(err, errno, "make %.200s", n->name);
    give_away(n->dir, n->fd);
    return 0;
}

static int begin(struct host_new *n, struct err *err)
{
    struct stat st;

    if (!fstatat(n->dir, n->name, &st, AT_SYMLINK_NOFOLLOW))
        return exists(n->name, err);
    if (n->folder)
        return begin_folder(n, err);
    n->fd = openat(n->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (n->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        temporary_name(n);
        n->fd =
            openat(n->dir, n->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        n->named = n->fd >= 0;
    }
    if (n->fd < 0)
        return err_sys(err, errno, "make %.200s", n->name);
    give_away(n->dir, n->fd);
    return 0;
}

static int open_new(int root, const char *path, const char *rest, const char *otherwise,
                    unsigned long long resolve, struct host_new *n, struct err *err)
{
    char folder[PATH_MAX];

    if (split(rest, otherwise, folder, n->name, err))
        return -1;
    n->dir = open_folder(root, folder, resolve);
    if (n->dir < 0)
        return host_fail(path, errno, err);
    if (!begin(n, err))
        return 0;
    host_new_done(n);
    return -1;
}

static int writable(const struct host_dirs *d, const char *path, const struct host_root **root,
                    const char **rest, struct err *err)
{
    if (host_find(d, path, root, rest, err))
        return -1;
    return (*root)->readonly
               ? err_set(err, ERR_DENIED, "%.300s is shared read only", (*root)->given)
               : 0;
}

int host_new_open(const struct host_dirs *d, const char *path, const char *otherwise,
                  struct host_new *out, struct err *err)
{
    const struct host_root *root;
    const char *rest;

    *out = HOST_NEW;
    if (writable(d, path, &root, &rest, err))
        return -1;
    return open_new(root->fd, path, rest, otherwise, INSIDE, out, err);
}

int host_new_dir(const struct host_dirs *d, const char *path, const char *otherwise,
                 struct host_new *out, struct err *err)
{
    const struct host_root *root;
    const char *rest;

    *out = HOST_NEW;
    out->folder = true;
    if (writable(d, path, &root, &rest, err))
        return -1;
    return open_new(root->fd, path, rest, otherwise, INSIDE, out, err);
}

int host_new_below(int dir, const char *path, struct host_new *out, struct err *err)
{
    *out = HOST_NEW;
    return open_new(dir, path, path, NULL, STRAIGHT, out, err);
}

int host_folder_below(int dir, const char *path, struct err *err)
{
    AUTO_FD int fd = open_folder(dir, path, STRAIGHT);

    return fd < 0 ? host_fail(path, errno, err) : 0;
}

int host_new_publish(struct host_new *n, struct err *err)
{
    char link[40];
    int r;

    if (!n->folder && fchmod(n->fd, 0644))
        return err_sys(err, errno, "set the mode of %.200s", n->name);
    if (n->named) {
        r = renameat2(n->dir, n->temporary, n->dir, n->name, RENAME_NOREPLACE);
        if (!r)
            n->named = false;
        else if ((errno == EINVAL || errno == ENOSYS) && !n->folder)
            r = linkat(n->dir, n->temporary, n->dir, n->name, 0);
    } else {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", n->fd);
        r = linkat(AT_FDCWD, link, n->dir, n->name, AT_SYMLINK_FOLLOW);
    }
    if (r && errno == EEXIST)
        return exists(n->name, err);
    return r ? err_sys(err, errno, "make %.200s", n->name) : 0;
}
