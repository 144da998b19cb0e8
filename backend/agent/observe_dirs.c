#include "backend/agent/observe_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MASK \
    (IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define MASK_ROOT (MASK | IN_DELETE_SELF | IN_MOVE_SELF)
#define ROUNDS (2 * OBSERVE_DEPTH)
#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP2_MAGIC 0x63677270

struct dir {
    bool used, fresh, look; /* look: to be entered, or looked at again */
    bool doubted;           /* another name has turned out to be what this one was taken for */
    int wd;                 /* -1 none yet */
    int parent;
    char *name;
};

static struct dir dirs[OBSERVE_DIRS];
static int inotify_fd, high, hint; /* all from `high` on are free */
static char root[AGENT_PATH];
static struct stat root_st;
static bool deep, was_cut, looking, unsure, started;

int dirs_of(int wd)
{
    if (hint < high && dirs[hint].used && dirs[hint].wd == wd)
        return hint;
    for (int i = 0; i < high; i++)
        if (dirs[i].used && dirs[i].wd == wd)
            return hint = i;
    return -1;
}

int dirs_child(int parent, const char *name)
{
    for (int i = 1; i < high; i++)
        if (dirs[i].used && dirs[i].parent == parent && !strcmp(dirs[i].name, name))
            return i;
    return -1;
}

/* From the root down; how many, -1 too many. */
static int chain(int dir, int out[OBSERVE_DEPTH])
{
    int n = 0;

    for (int at = dir; at != OBSERVE_ROOT; at = dirs[at].parent) {
        if (n == OBSERVE_DEPTH)
            return -1;
        out[n++] = at;
    }
    for (int i = 0; i < n / 2; i++) {
        int other = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = other;
    }
    return n;
}

bool dirs_path(int parent, const char *name, char out[AGENT_PATH])
{
    int up[OBSERVE_DEPTH], n = chain(parent, up);
    size_t len = 0;

    for (int i = 0; i < n && len < AGENT_PATH; i++)
        len += (size_t)snprintf(out + len, AGENT_PATH - len, "%s/", dirs[up[i]].name);
    if (n < 0 || len >= AGENT_PATH || !dirs[parent].used)
        return false;
    return (size_t)snprintf(out + len, AGENT_PATH - len, "%s", name) < AGENT_PATH - len;
}

static void forget(int dir)
{
    free(dirs[dir].name);
    dirs[dir] = (struct dir){ .wd = -1 };
    while (high > 1 && !dirs[high - 1].used)
        high--;
}

static bool below(int dir, int above)
{
    for (int n = 0; dir != OBSERVE_ROOT && n < OBSERVE_DIRS; n++) {
        if (dir == above)
            return true;
        dir = dirs[dir].parent;
    }
    return false;
}

static void leave(int dir, bool itself)
{
    static bool gone[OBSERVE_DIRS];

    for (int i = 1; i < high; i++)
        gone[i] = dirs[i].used && (itself || i != dir) && below(i, dir);
    for (int i = high - 1; i > 0; i--) {
        if (!gone[i])
            continue;
        if (dirs[i].wd >= 0)
            (void)inotify_rm_watch(inotify_fd, dirs[i].wd);
        forget(i);
    }
}

void dirs_leave(int dir)
{
    if (dir <= OBSERVE_ROOT)
        return;
    unsure = true;
    leave(dir, true);
}

static bool passed_over(const char *name)
{
    return !strcmp(name, ".git") || !strcmp(name, "node_modules");
}

void dirs_enter(int parent, const char *name, bool fresh)
{
    int up[OBSERVE_DEPTH], i = dirs_child(parent, name);

    if (!deep || passed_over(name))
        return;
    if (i >= 0) {
        dirs[i].look = looking = true;
        dirs[i].fresh |= fresh;
        return;
    }
    i = 1;
    while (i < high && dirs[i].used)
        i++;
    if (i == OBSERVE_DIRS || chain(parent, up) >= OBSERVE_DEPTH - 1 || chain(parent, up) < 0) {
        was_cut = true;
        return;
    }
    dirs[i] = (struct dir){ .used = true, .fresh = fresh, .look = true, .wd = -1 };
    dirs[i].parent = parent;
    dirs[i].name = strdup(name);
    if (!dirs[i].name)
        _exit(0);
    high = i == high ? high + 1 : high;
    looking = true;
}

void dirs_rename(int dir, int parent, const char *name)
{
    char *copy = strdup(name);
    int there = dirs_child(parent, name);

    unsure = true;
    if (!copy)
        _exit(0);
    if (there >= 0 && there != dir)
        dirs_leave(there);
    if (passed_over(name) || below(parent, dir)) {
        free(copy);
        dirs_leave(dir);
        return;
    }
    free(dirs[dir].name);
    dirs[dir].name = copy;
    dirs[dir].parent = parent;
    dirs[dir].look = looking = true;
}

void dirs_gone(int dir)
{
    leave(dir, false);
    forget(dir);
}

bool dirs_unsure(void)
{
    return unsure;
}

void dirs_look_again(void)
{
    unsure = false;
    for (int i = 0; i < high; i++)
        dirs[i].look = dirs[i].used;
    looking = true;
}

unsigned dirs_count(bool *cut)
{
    unsigned n = 0;

    for (int i = 0; i < high; i++)
        n += dirs[i].used && dirs[i].wd >= 0;
    *cut = was_cut;
    return n;
}

/* An open one would not tell of its own removal. */
static int open_root(void)
{
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && !fstat(fd, &st) && st.st_ino == root_st.st_ino && st.st_dev == root_st.st_dev)
        return fd;
    if (fd >= 0)
        close(fd);
    was_cut = true;
    errno = ENOENT;
    return -1;
}

/* Folder by folder, through no link; -1 with errno. */
static int descend(int dir)
{
    int up[OBSERVE_DEPTH], n = chain(dir, up), fd = open_root();

    for (int i = 0; i < n && fd >= 0; i++) {
        int flags = i + 1 < n ? O_PATH : O_RDONLY;
        int next = openat(fd, dirs[up[i]].name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int number = errno;
        close(fd);
        errno = number;
        fd = next;
    }
    return fd;
}

static bool made_up(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) || fs.f_type == PROC_MAGIC || fs.f_type == SYSFS_MAGIC ||
           fs.f_type == CGROUP2_MAGIC;
}

static bool is_folder(int fd, const struct dirent *e)
{
    struct stat st;

    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return !fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

/* Takes fd. again: folders that are found have been missed, and what is in them is told. */
static void look(int dir, int fd, bool fresh, bool again)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;

    if (!d)
        close(fd);
    while (d && (e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (fresh)
            observe_found(dir, e->d_name);
        if (is_folder(dirfd(d), e))
            dirs_enter(dir, e->d_name, fresh || (again && dirs_child(dir, e->d_name) < 0));
    }
    if (d)
        closedir(d);
}

/* What was taken for `other` is this one: events lag behind what the names lead to. */
static bool take_over(int other, int dir)
{
    unsure = true;
    if (other == OBSERVE_ROOT || dirs[dir].doubted || below(dir, other))
        return false;
    leave(other, false);
    dirs[other].wd = -1;
    dirs[other].look = dirs[other].doubted = looking = true;
    ring_add(CHANGE_LOST, "", NULL);
    return true;
}

/* By "." of the open folder: the name may be another's by now. 0 or an errno. */
static int watch(int dir, int fd)
{
    int wd, other, number;

    if (made_up(fd))
        return ENOTSUP;
    if (fchdir(fd))
        return errno;
    wd = inotify_add_watch(inotify_fd, ".", dir == OBSERVE_ROOT ? MASK_ROOT : MASK);
    number = errno;
    (void)!chdir("/");
    if (wd < 0)
        return number;
    other = dirs_of(wd);
    if (other >= 0 && other != dir && !take_over(other, dir))
        return EEXIST;
    if (dirs[dir].wd >= 0 && dirs[dir].wd != wd) {
        (void)inotify_rm_watch(inotify_fd, dirs[dir].wd);
        leave(dir, false);
        ring_add(CHANGE_LOST, "", NULL);
        unsure = true;
    }
    dirs[dir].wd = wd;
    dirs[dir].doubted = false;
    return 0;
}

/* Its watch may be another's already. */
static void abandon(int dir, int number)
{
    unsure |= number == ENOENT || number == ENOTDIR || number == ELOOP;
    leave(dir, false);
    if (number != EEXIST && dirs[dir].wd >= 0)
        (void)inotify_rm_watch(inotify_fd, dirs[dir].wd);
    forget(dir);
}

static void enter(int dir)
{
    bool fresh = dirs[dir].fresh;
    int was = dirs[dir].wd, fd = descend(dir), number = fd < 0 ? errno : watch(dir, fd);

    dirs[dir].look = dirs[dir].fresh = false;
    fresh &= was != dirs[dir].wd;
    if (number) {
        was_cut |= number == EACCES || number == ENOSPC;
        if (fd >= 0)
            close(fd);
        if (dir != OBSERVE_ROOT)
            abandon(dir, number);
        return;
    }
    if (deep || fresh)
        look(dir, fd, fresh, started && was == dirs[dir].wd);
    else
        close(fd);
}

/* By rounds, so that what lies higher is entered first. */
void dirs_settle(void)
{
    for (int round = 0; looking && round < ROUNDS; round++) {
        int end = high;
        looking = false;
        for (int i = 0; i < end; i++)
            if (dirs[i].used && dirs[i].look)
                enter(i);
    }
}

int dirs_open(int inotify, const char *path, bool recursive)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), number;

    inotify_fd = inotify;
    deep = recursive;
    high = 1;
    snprintf(root, sizeof(root), "%s", path);
    dirs[OBSERVE_ROOT] = (struct dir){ .used = true, .wd = -1, .parent = -1 };
    number = fd < 0 || fstat(fd, &root_st) ? errno : watch(OBSERVE_ROOT, fd);
    if (fd >= 0)
        close(fd);
    if (number)
        return number;
    dirs_look_again();
    dirs_settle();
    started = true;
    unsure = false;
    return 0;
}
