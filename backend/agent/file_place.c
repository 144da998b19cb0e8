#include "backend/agent/file_place.h"
#include "backend/agent/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ABOVE_MAX 65536 /* folders looked at on the way to the root */

static int split(struct file_place *p, const char *action, struct file_error *e)
{
    size_t len = strlen(p->path);
    char *name;

    while (len > 1 && p->path[len - 1] == '/')
        p->path[--len] = '\0';
    name = strrchr(p->path, '/') + 1;
    if (!*name || !strcmp(name, ".") || !strcmp(name, "..")) {
        file_fail(e, CODE_INVALID, "cannot %s %.900s: it does not end in a name", action, p->path);
        return file_hint(e, "end the path with the name of what is meant");
    }
    if (strlen(name) >= sizeof(p->name))
        return file_fail_errno(e, ENAMETOOLONG, action, p->path);
    strcpy(p->name, name);
    return 0;
}

/* p->dir of the folder that p->path begins with. */
static int open_folder(struct file_place *p, bool make)
{
    char *slash = strrchr(p->path, '/');
    int number = 0;

    if (slash == p->path) {
        p->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return p->dir < 0 ? errno : 0;
    }
    *slash = '\0';
    p->dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p->dir < 0 && errno == ENOENT && make && !folders_make(p->path, NULL, NULL))
        p->dir = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (p->dir < 0)
        number = errno;
    *slash = '/';
    return number;
}

static void resolve(struct file_place *p)
{
    char real[FILE_PATH_MAX], joined[FILE_PATH_MAX + 256];

    file_real_path(p->dir, "", real);
    if (real[0] != '/')
        return;
    snprintf(joined, sizeof(joined), "%s%s%s", real, real[1] ? "/" : "", p->name);
    if (strlen(joined) < sizeof(p->path))
        strcpy(p->path, joined);
}

static int settle(struct file_place *p, const char *action, bool make, struct file_error *e)
{
    int number = split(p, action, e) ? -1 : open_folder(p, make);

    if (number)
        return number < 0 ? -1 : file_fail_errno(e, number, action, p->path);
    resolve(p);
    p->exists = !fstatat(p->dir, p->name, &p->st, AT_SYMLINK_NOFOLLOW);
    return p->exists || errno == ENOENT ? 0 : file_fail_errno(e, errno, action, p->path);
}

int place_open(struct file_place *p, const char *path, const char *action, struct file_error *e)
{
    p->dir = -1;
    snprintf(p->path, sizeof(p->path), "%s", path);
    return settle(p, action, false, e);
}

int place_target(struct file_place *p, const char *to, const char *name, bool into,
                 struct file_error *e)
{
    size_t len = strlen(to);
    struct stat st;

    p->dir = -1;
    if (to[len - 1] != '/')
        into = into && !stat(to, &st) && S_ISDIR(st.st_mode);
    else
        into = true;
    if (len + 1 + strlen(name) >= sizeof(p->path))
        return file_fail_errno(e, ENAMETOOLONG, "write", to);
    snprintf(p->path, sizeof(p->path), "%s%s%s", to, into ? "/" : "", into ? name : "");
    return settle(p, "write", true, e);
}

void place_done(struct file_place *p)
{
    if (p->dir >= 0)
        close(p->dir);
    p->dir = -1;
}

static bool holds(const struct file_place *p, const char *path)
{
    struct stat st;
    int fd;
    bool found;

    if (!path[0])
        return false;
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    found = fd >= 0 && !fstat(fd, &st) && place_within(fd, &p->st);
    if (fd >= 0)
        close(fd);
    return found;
}

int place_may_go(const struct file_place *p, const char *action, struct file_error *e)
{
    struct statfs fs;
    int fd;
    bool mount;

    if (S_ISDIR(p->st.st_mode) &&
        (holds(p, "/") || holds(p, agent_config.workspace) || holds(p, agent_config.home))) {
        file_fail(e, CODE_DENIED, "cannot %s %.900s: it is, or holds, the workspace or the home",
                  action, p->path);
        return file_hint(e, "name what is in it");
    }
    fd = openat(p->dir, p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && !fstatfs(fd, &fs) &&
        (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)) {
        close(fd);
        return file_fail(e, CODE_DENIED, "cannot %s %.900s: it is the kernel's", action, p->path);
    }
    mount = fd >= 0 && place_is_mount(fd);
    if (fd >= 0)
        close(fd);
    return mount ? file_fail_errno(e, EBUSY, action, p->path) : 0;
}

bool place_is_mount(int fd)
{
    struct statx stx = { 0 };

    return !syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stx) &&
           stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

bool place_within(int fd, const struct stat *folder)
{
    int at = fcntl(fd, F_DUPFD_CLOEXEC, 0), up;
    struct stat st, above;
    bool found = false;

    for (int i = 0; i < ABOVE_MAX && at >= 0 && !fstat(at, &st) && !found; i++) {
        found = st.st_dev == folder->st_dev && st.st_ino == folder->st_ino;
        up = found ? -1 : openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up >= 0 && !fstat(up, &above) && above.st_dev == st.st_dev &&
            above.st_ino == st.st_ino) {
            close(up);
            up = -1;
        }
        close(at);
        at = up;
    }
    if (at >= 0)
        close(at);
    return found;
}

void place_temporary(const struct file_place *p, char name[256])
{
    static uint32_t turn;
    uint32_t r = ++turn;

    if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
        r = ++turn + ((uint32_t)getpid() << 8);
    snprintf(name, 256, ".%.*s.tmp%08x", (int)text_cut(p->name, strnlen(p->name, 200)), p->name, r);
}

static int make_folder(char *path, void (*made)(void *arg, const char *path), void *arg)
{
    struct stat st;

    if (!stat(path, &st))
        return S_ISDIR(st.st_mode) ? 0 : (errno = ENOTDIR, -1);
    if (errno != ENOENT)
        return -1;
    if (mkdir(path, 0755))
        return errno == EEXIST ? 0 : -1;
    if (made)
        made(arg, path);
    return 0;
}

/* Walks down from the first missing one, so depth costs no stack. */
int folders_make(const char *folder, void (*made)(void *arg, const char *path), void *arg)
{
    char path[FILE_PATH_MAX];
    struct stat st;

    if (!stat(folder, &st))
        return S_ISDIR(st.st_mode) ? 0 : (errno = ENOTDIR, -1);
    snprintf(path, sizeof(path), "%s", folder);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        if (make_folder(path, made, arg))
            return -1;
        *p = '/';
    }
    return make_folder(path, made, arg);
}
