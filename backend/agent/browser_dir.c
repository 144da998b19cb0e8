#include "backend/agent/browser_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 24
#define PREFIX "sandbox-browser-"

/* Commands cannot get at it, but they can take its owner's rights to it away (chmod). */
static int open_own(int at, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(at, name, flags);

    if (fd < 0 && errno == EACCES && !fchmodat(at, name, 0700, 0))
        fd = openat(at, name, flags);
    if (fd >= 0)
        (void)fchmod(fd, 0700);
    return fd;
}

static void empty(int dir, int depth)
{
    DIR *list = fdopendir(dir);
    struct dirent *e;

    if (!list) {
        close(dir);
        return;
    }
    while ((e = readdir(list))) {
        int below;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !unlinkat(dir, e->d_name, 0) ||
            depth == DEPTH_MAX)
            continue;
        below = open_own(dir, e->d_name);
        if (below >= 0)
            empty(below, depth + 1);
        (void)unlinkat(dir, e->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

void browser_dir_remove(const char *path)
{
    int dir = open_own(AT_FDCWD, path);

    if (dir >= 0)
        empty(dir, 0);
    (void)rmdir(path);
}

/* Our own directories, of processes that have gone. */
void browser_dir_tidy(const char *root)
{
    char path[BROWSER_DIR_MAX];
    DIR *list = opendir(root);
    struct dirent *e;
    struct stat st;

    while (list && (e = readdir(list))) {
        size_t n = strlen(PREFIX);
        pid_t pid = strncmp(e->d_name, PREFIX, n) ? 0 : atoi(e->d_name + n);
        if (pid <= 0 || (pid != getpid() && (!kill(pid, 0) || errno != ESRCH)) ||
            fstatat(dirfd(list), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || st.st_uid != geteuid() ||
            snprintf(path, sizeof(path), "%s/%s", root, e->d_name) >= (int)sizeof(path))
            continue;
        browser_dir_remove(path);
    }
    if (list)
        closedir(list);
}

static bool make(const char *path, const char *name)
{
    char full[BROWSER_DIR_MAX + 16];

    snprintf(full, sizeof(full), "%s/%s", path, name);
    return !mkdir(full, 0700);
}

bool browser_dir_make(const char *root, char out[BROWSER_DIR_MAX])
{
    if (access(root, R_OK | W_OK | X_OK) && errno == EACCES)
        (void)chmod(root, 0700);
    browser_dir_tidy(root);
    if (snprintf(out, BROWSER_DIR_MAX, "%s/" PREFIX "%d", root, (int)getpid()) >= BROWSER_DIR_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    return !mkdir(out, 0700) && make(out, "profile") && make(out, "tmp");
}
