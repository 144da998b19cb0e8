#include "backend/transfer/host.h"
#include "backend/transfer/host_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the directories ---- */

static int open_root(const char *text, struct host_root *r, struct err *err)
{
    size_t n = strlen(text);

    r->readonly = n > 3 && !strcmp(text + n - 3, ":ro");
    n -= r->readonly ? 3 : 0;
    while (n > 1 && text[n - 1] == '/')
        n--;
    r->given = strndup(text, n);
    if (!r->given)
        return err_oom(err);
    if (*r->given != '/')
        return err_set(err, ERR_INVALID, "--host-dir: \"%s\" is not an absolute path", r->given);
    r->fd = open(r->given, O_PATH | O_DIRECTORY | O_CLOEXEC);
    r->real = r->fd < 0 ? NULL : realpath(r->given, NULL);
    if (!r->real) {
        int number = errno;
        err_sys(err, number, "--host-dir %s", r->given);
        return err ? (err->code = ERR_INVALID, -1) : -1;
    }
    if (!strcmp(r->real, "/"))
        return err_set(err, ERR_INVALID, "--host-dir: / is refused; name what is to be shared");
    return 0;
}

int host_dirs_open(const char *const *dirs, size_t count, struct host_dirs **out, struct err *err)
{
    struct host_dirs *d;

    *out = NULL;
    if (!count)
        return 0;
    d = calloc(1, sizeof(*d));
    if (!d)
        return err_oom(err);
    for (size_t i = 0; i < count && i < HOST_DIRS_MAX; i++) {
        struct host_root *r = &d->roots[d->count++];
        r->fd = -1;
        if (open_root(dirs[i], r, err)) {
            host_dirs_free(d);
            return -1;
        }
    }
    *out = d;
    return 0;
}

void host_dirs_free(struct host_dirs *d)
{
    for (size_t i = 0; d && i < d->count; i++) {
        fd_close(&d->roots[i].fd);
        free(d->roots[i].given);
        free(d->roots[i].real);
    }
    free(d);
}

int host_dirs_tell(const struct host_dirs *d, struct buf *out, struct err *err)
{
    for (size_t i = 0; d && i < d->count; i++)
        if (buf_addf(out, err, "%s%s%s", i ? " or " : " below ", d->roots[i].given,
                     d->roots[i].readonly ? " (read only)" : ""))
            return -1;
    return d ? 0 : buf_adds(out, ": none, see --host-dir", err);
}

/* ---- paths ---- */

static const char *behind(const char *path, const char *root)
{
    size_t n = strlen(root);

    if (strncmp(path, root, n) || (path[n] && path[n] != '/'))
        return NULL;
    path += n;
    while (*path == '/')
        path++;
    return *path ? path : ".";
}

int host_find(const struct host_dirs *d, const char *path, const struct host_root **root,
              const char **rest, struct err *err)
{
    AUTO(buf) struct buf places = BUF_MAX(256);
    size_t best = 0;

    *root = NULL;
    for (size_t i = 0; d && i < d->count; i++) {
        const struct host_root *r = &d->roots[i];
        const char *names[] = { r->given, r->real };
        for (int k = 0; k < 2; k++) {
            const char *p = behind(path, names[k]);
            if (!p || (*root && strlen(names[k]) <= best))
                continue;
            *root = r;
            *rest = p;
            best = strlen(names[k]);
        }
    }
    if (*root)
        return 0;
    (void)!host_dirs_tell(d, &places, NULL);
    err_set(err, ERR_DENIED, "%.300s is below no host directory that is shared", path);
    return err_next(err, "host paths are allowed%.300s", buf_str(&places));
}

int host_openat2(int dir, const char *path, int flags, unsigned long long resolve)
{
    struct open_how how = { .flags = (unsigned long long)(flags | O_CLOEXEC), .resolve = resolve };
    int fd;

    for (int tries = 0; tries < 16; tries++) {
        fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            return fd;
    }
    return -1;
}

int host_fail(const char *path, int number, struct err *err)
{
    if (number == EXDEV || number == ELOOP) {
        err_set(err, ERR_DENIED, "%.300s leads out of the host directory", path);
        return err_next(err, "name the file itself, without links and ..");
    }
    return err_sys(err, number, "%.300s", path);
}

/* A file that was opened as a mere place: again, for reading. What it is was looked at before. */
static int reopen(int place, const char *path, int *fd, struct stat *st, struct err *err)
{
    char link[40];

    if (fstat(place, st))
        return err_sys(err, errno, "%.300s", path);
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return err_set(err, ERR_INVALID, "%.300s is neither a file nor a directory", path);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
    *fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return *fd < 0 ? err_sys(err, errno, "%.300s", path) : 0;
}

int host_open(const struct host_dirs *d, const char *path, int *fd, struct stat *st,
              struct err *err)
{
    const struct host_root *root;
    AUTO_FD int place = -1;
    const char *rest;

    *fd = -1;
    if (host_find(d, path, &root, &rest, err))
        return -1;
    place = host_openat2(root->fd, rest, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    return place < 0 ? host_fail(path, errno, err) : reopen(place, path, fd, st, err);
}

int host_open_below(int dir, const char *path, int *fd, struct stat *st, struct err *err)
{
    AUTO_FD int place = host_openat2(dir, path, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

    *fd = -1;
    return place < 0 ? host_fail(path, errno, err) : reopen(place, path, fd, st, err);
}
