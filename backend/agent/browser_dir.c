#include "backend/agent/browser_dir.h"
#include "backend/agent/agent.h"

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
#define HOST_ROOT "/tmp"
#define PREFIX "sandbox-browser-"

/* Of the agent whose browser it is: its first process. */
static pid_t owner(void)
{
    return agent_config.host ? getppid() : 1;
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
        below = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            empty(below, depth + 1);
        (void)unlinkat(dir, e->d_name, AT_REMOVEDIR);
    }
    closedir(list);
}

void browser_dir_remove(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir >= 0)
        empty(dir, 0);
    (void)rmdir(path);
}

/* Those of `whose` agent, or only those whose process has gone. */
static void tidy(const char *root, pid_t whose, bool living)
{
    char prefix[64], path[BROWSER_DIR_MAX];
    DIR *list = opendir(root);
    struct dirent *e;
    int n = snprintf(prefix, sizeof(prefix), PREFIX "%d-", (int)whose);

    while (list && (e = readdir(list))) {
        pid_t pid = strncmp(e->d_name, prefix, (size_t)n) ? 0 : atoi(e->d_name + n);
        if (pid <= 0 || (!living && (!kill(pid, 0) || errno != ESRCH)))
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", root, e->d_name) < (int)sizeof(path))
            browser_dir_remove(path);
    }
    if (list)
        closedir(list);
}

void browser_tidy_all(void)
{
    tidy(HOST_ROOT, getpid(), true);
}

static bool make(const char *path, const char *name)
{
    char full[BROWSER_DIR_MAX + 16];

    snprintf(full, sizeof(full), "%s/%s", path, name);
    return !mkdir(full, 0700);
}

bool browser_dir_make(const char *root, char out[BROWSER_DIR_MAX])
{
    int n;

    tidy(root, owner(), false);
    n = snprintf(out, BROWSER_DIR_MAX, "%s/" PREFIX "%d-%d", root, (int)owner(), (int)getpid());
    if (n >= BROWSER_DIR_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    return !mkdir(out, 0700) && make(out, "profile") && make(out, "tmp");
}
