#include "backend/agent/observe_dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define READS_MAX 64 /* of one buffer */

static struct observe_start what;
static int inotify_fd = -1;
static bool ended;
static struct {
    bool waits;
    uint32_t cookie;
    bool folder;
    int parent;
    char name[256];
} half;

static bool shown(int parent, const char *name)
{
    return !what.name[0] || (parent == OBSERVE_ROOT && !strcmp(name, what.name));
}

/* A temporary of our own file writes (file_target.c): 't' for a file that was there, 'n' for a new
 * one; 0: none. */
static char temporary(const char *name)
{
    size_t n = strlen(name);
    const char *end = name + n - 12;

    if (name[0] != '.' || n < 14 || strspn(end + 4, "0123456789abcdef") != 8)
        return 0;
    return !strncmp(end, ".tmp", 4) ? 't' : !strncmp(end, ".new", 4) ? 'n' : 0;
}

static void tell(char kind, int parent, const char *name)
{
    char path[AGENT_PATH];

    if (shown(parent, name) && !temporary(name) && dirs_path(parent, name, path))
        ring_add(kind, path, NULL);
}

void observe_found(int parent, const char *name)
{
    tell(CHANGE_CREATED, parent, name);
}

bool observe_pending(void)
{
    return half.waits;
}

void observe_flush(void)
{
    if (!half.waits)
        return;
    half.waits = false;
    tell(CHANGE_DELETED, half.parent, half.name);
    if (half.folder)
        dirs_leave(dirs_child(half.parent, half.name));
}

static void moved_from(int parent, const struct inotify_event *e)
{
    observe_flush();
    half.waits = true;
    half.cookie = e->cookie;
    half.folder = e->mask & IN_ISDIR;
    half.parent = parent;
    snprintf(half.name, sizeof(half.name), "%s", e->name);
}

static void tell_move(int parent, const char *name)
{
    char path[AGENT_PATH], from[AGENT_PATH], kind = temporary(half.name);

    if (kind)
        tell(kind == 'n' ? CHANGE_CREATED : CHANGE_MODIFIED, parent, name);
    else if ((shown(parent, name) || shown(half.parent, half.name)) &&
             dirs_path(parent, name, path) && dirs_path(half.parent, half.name, from))
        ring_add(CHANGE_MOVED, path, from);
}

static void moved_to(int parent, const struct inotify_event *e)
{
    bool folder = e->mask & IN_ISDIR;
    int child;

    if (!half.waits || half.cookie != e->cookie) {
        observe_flush();
        tell(CHANGE_CREATED, parent, e->name);
        if (folder)
            dirs_enter(parent, e->name, true);
        return;
    }
    half.waits = false;
    tell_move(parent, e->name);
    child = folder ? dirs_child(half.parent, half.name) : -1;
    if (child >= 0)
        dirs_rename(child, parent, e->name);
    else if (folder)
        dirs_enter(parent, e->name, false);
}

static void named(int parent, const struct inotify_event *e)
{
    if (e->mask & IN_MOVED_FROM) {
        moved_from(parent, e);
        return;
    }
    if (e->mask & IN_MOVED_TO) {
        moved_to(parent, e);
        return;
    }
    observe_flush();
    if (e->mask & IN_CREATE) {
        tell(CHANGE_CREATED, parent, e->name);
        if (e->mask & IN_ISDIR)
            dirs_enter(parent, e->name, true);
    } else if (e->mask & IN_DELETE) {
        tell(CHANGE_DELETED, parent, e->name);
        if (e->mask & IN_ISDIR)
            dirs_leave(dirs_child(parent, e->name));
    } else if (e->mask & IN_MODIFY) {
        tell(CHANGE_MODIFIED, parent, e->name);
    } else if (e->mask & IN_ATTRIB) {
        tell(CHANGE_ATTRIBUTES, parent, e->name);
    }
}

static void handle(const struct inotify_event *e)
{
    int dir;

    if (e->mask & IN_Q_OVERFLOW) {
        observe_flush();
        ring_add(CHANGE_LOST, "", NULL);
        dirs_look_again();
        return;
    }
    dir = dirs_of(e->wd);
    if (dir < 0)
        return;
    if (dir == OBSERVE_ROOT && e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        if (!ended)
            ring_add(CHANGE_DELETED, "", NULL);
        ended = true;
    } else if (e->mask & IN_IGNORED) {
        dirs_gone(dir);
    } else if (e->len && e->name[0]) {
        named(dir, e);
    }
}

void observe_read(void)
{
    static char events[65536] __attribute__((aligned(__alignof__(struct inotify_event))));

    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(inotify_fd, events, sizeof(events));
        const struct inotify_event *e;
        if (n <= 0)
            return;
        for (char *at = events; at < events + n; at += sizeof(*e) + e->len) {
            e = (const struct inotify_event *)(const void *)at;
            handle(e);
        }
        observe_settle();
    }
}

void observe_settle(void)
{
    dirs_settle();
}

bool observe_unsure(void)
{
    return dirs_unsure();
}

void observe_look_again(void)
{
    dirs_look_again();
    dirs_settle();
}

bool observe_ended(void)
{
    return ended;
}

unsigned observe_count(bool *cut)
{
    return dirs_count(cut);
}

static bool refuse(uint32_t *code, const char **why, uint32_t number, const char *text)
{
    *code = number;
    *why = text;
    return false;
}

/* The folder to watch, open; a file is watched by its name in its folder. */
static int folder_of(const char *path, struct observe_start *s)
{
    const char *slash = strrchr(path, '/');
    char folder[AGENT_PATH];
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd >= 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    if ((fd < 0 && errno != ENOENT) || !slash[1] || strlen(slash + 1) >= sizeof(s->name))
        return -1;
    snprintf(s->name, sizeof(s->name), "%s", slash + 1);
    snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool cannot_open(uint32_t *code, const char **why)
{
    switch (errno) {
    case EINVAL:
        return refuse(code, why, CODE_INVALID, "is neither a folder nor a regular file");
    case ENOENT:
    case ENOTDIR:
        return refuse(code, why, CODE_NOT_FOUND, "has no folder that exists");
    case EACCES:
    case EPERM:
        return refuse(code, why, CODE_DENIED, "may not be read");
    default:
        return refuse(code, why, CODE_INVALID, strerror(errno));
    }
}

bool observe_open(int inotify, const char *path, struct observe_start *s, uint32_t *code,
                  const char **why)
{
    char link[40];
    ssize_t n;
    int fd = folder_of(path, s);

    if (fd < 0)
        return cannot_open(code, why);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, s->root, sizeof(s->root) - 1);
    close(fd);
    s->root[n > 0 ? n : 0] = '\0';
    if (s->root[0] != '/')
        return refuse(code, why, CODE_INVALID, "leads nowhere");
    if (s->name[0])
        s->recursive = false;
    what = *s;
    inotify_fd = inotify;
    switch (dirs_open(inotify, s->root, s->recursive)) {
    case 0:
        return true;
    case ENOTSUP:
        return refuse(code, why, CODE_UNSUPPORTED, "is on a file system that tells of no changes");
    case ENOSPC:
        return refuse(code, why, CODE_QUOTA,
                      "cannot be watched: the host's limit of watched "
                      "folders is reached");
    default:
        return refuse(code, why, CODE_DENIED, "may not be read");
    }
}
