#include "backend/agent/file_target.h"
#include "backend/agent/file_place.h"
#include "backend/agent/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define LINKS_MAX 40

/* Replace t->path, a link, by what it says; the parts before it are the kernel's to follow. */
static int follow(struct file_target *t, struct file_error *e)
{
    char to[FILE_PATH_MAX], joined[FILE_PATH_MAX * 2];
    ssize_t n = readlink(t->path, to, sizeof(to) - 1);
    const char *slash = strrchr(t->path, '/');

    if (n <= 0)
        return 0;
    to[n] = '\0';
    if (to[0] == '/')
        snprintf(joined, sizeof(joined), "%s", to);
    else
        snprintf(joined, sizeof(joined), "%.*s%s", (int)(slash - t->path) + 1, t->path, to);
    if (strlen(joined) >= sizeof(t->path))
        return file_fail_errno(e, ENAMETOOLONG, "write", t->path);
    memcpy(t->path, joined, strlen(joined) + 1);
    return 1;
}

static int split(struct file_target *t, struct file_error *e)
{
    char *slash = strrchr(t->path, '/');
    const char *name = slash + 1;
    int r;

    if (!*name || !strcmp(name, ".") || !strcmp(name, "..")) {
        file_fail(e, CODE_INVALID, "%.900s names a folder, not a file", t->path);
        return file_hint(e, "end the path with the name of the file");
    }
    if (strlen(name) >= sizeof(t->name))
        return file_fail_errno(e, ENAMETOOLONG, "write", t->path);
    memcpy(t->name, name, strlen(name) + 1);
    if (slash == t->path) {
        t->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return t->dir < 0 ? file_fail_errno(e, errno, "write", t->path) : 0;
    }
    *slash = '\0';
    r = folders_make(t->path, NULL, NULL);
    if (!r)
        t->dir = open(t->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    return t->dir < 0 ? file_fail_errno(e, errno, "write", t->path) : 0;
}

static void resolve(struct file_target *t)
{
    char real[FILE_PATH_MAX], joined[FILE_PATH_MAX + 256];

    file_real_path(t->dir, "", real);
    if (real[0] != '/')
        return;
    snprintf(joined, sizeof(joined), "%s%s%s", real, real[1] ? "/" : "", t->name);
    if (strlen(joined) < sizeof(t->path))
        memcpy(t->path, joined, strlen(joined) + 1);
}

int target_open(struct file_target *t, const char *path, struct file_error *e)
{
    int links = 0, r;

    t->dir = -1;
    t->exists = false;
    snprintf(t->path, sizeof(t->path), "%s", path);
    while (links++ <= LINKS_MAX && (r = follow(t, e)))
        if (r < 0)
            return -1;
    if (links > LINKS_MAX)
        return file_fail_errno(e, ELOOP, "write", path);
    if (split(t, e))
        return -1;
    resolve(t);
    if (!fstatat(t->dir, t->name, &t->st, AT_SYMLINK_NOFOLLOW)) {
        if (!S_ISREG(t->st.st_mode))
            return file_fail_type(e, t->st.st_mode, "write", t->path);
        t->exists = true;
        return 0;
    }
    return errno == ENOENT ? 0 : file_fail_errno(e, errno, "write", t->path);
}

void target_done(struct file_target *t)
{
    if (t->dir >= 0)
        close(t->dir);
    t->dir = -1;
}

int target_hash(const struct file_target *t, char hex[65], struct file_error *e)
{
    int fd = openat(t->dir, t->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    bool done;

    if (fd < 0)
        return file_fail_errno(e, errno, "read", t->path);
    done = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= FILE_TOTALS_MAX &&
           file_hash(fd, hex);
    close(fd);
    if (done)
        return 0;
    return file_fail(e, CODE_TOO_LARGE, "%.900s: no sha256 of files over %d MiB", t->path,
                     FILE_TOTALS_MAX >> 20);
}

int target_temporary(const struct file_target *t, char name[256])
{
    int fd = -1;

    for (int tries = 0; fd < 0 && tries < 16; tries++) {
        uint32_t r = (uint32_t)tries;
        if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
            r += (uint32_t)getpid() << 8;
        snprintf(name, 256, ".%.*s.%s%08x", (int)text_cut(t->name, strnlen(t->name, 200)), t->name,
                 t->exists ? "tmp" : "new", r);
        fd = openat(t->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    return fd;
}

int target_adopt(const struct file_target *t, int fd, int mode)
{
    mode_t bits = mode >= 0 ? (mode_t)mode : t->exists ? t->st.st_mode & 01777 : 0644;
    struct stat st;

    if (fstat(fd, &st))
        return errno;
    if (t->exists && st.st_uid != t->st.st_uid && fchown(fd, t->st.st_uid, (gid_t)-1))
        return EPERM;
    if (t->exists && st.st_gid != t->st.st_gid)
        (void)!fchown(fd, (uid_t)-1, t->st.st_gid);
    return fchmod(fd, bits) ? errno : 0;
}

int target_publish(const struct file_target *t, const char *name, bool fresh)
{
    if (!fresh)
        return renameat(t->dir, name, t->dir, t->name);
    if (!renameat2(t->dir, name, t->dir, t->name, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (linkat(t->dir, name, t->dir, t->name, 0))
        return -1;
    return unlinkat(t->dir, name, 0);
}

bool target_only_in_place(const struct file_target *t, int number)
{
    return t->exists && (number == EACCES || number == EPERM || number == EROFS ||
                         number == EBUSY || number == EXDEV);
}
