#include "backend/local/tree.h"
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH 64 /* deeper directories are moved up first, so that descriptors are bounded */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int tree_dir(int parent, const char *name, mode_t mode, struct err *err)
{
    bool made = !mkdirat(parent, name, mode);
    int fd;

    if (!made && errno != EEXIST)
        return err_sys(err, errno, "make the directory %s", name);
    fd = openat(parent, name, DIR_FLAGS);
    if (fd < 0)
        return err_sys(err, errno, "open the directory %s", name);
    if (made)
        fchmod(fd, mode);
    return fd;
}

struct removal {
    int top;
    unsigned moved;
};

static bool is_dots(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static void remove_entry(struct removal *r, int dir, const char *name, int depth);

static void empty(struct removal *r, int fd, int depth)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;

    if (!d) {
        close(fd);
        return;
    }
    while ((e = readdir(d)))
        if (!is_dots(e->d_name))
            remove_entry(r, fd, e->d_name, depth);
    closedir(d);
}

static void remove_entry(struct removal *r, int dir, const char *name, int depth)
{
    char moved[32];
    int fd;

    if (!unlinkat(dir, name, 0) || errno == ENOENT || !unlinkat(dir, name, AT_REMOVEDIR))
        return;
    if (depth >= DEPTH) {
        snprintf(moved, sizeof(moved), ".deep-%u", r->moved++);
        renameat(dir, name, r->top, moved);
        return;
    }
    fd = openat(dir, name, DIR_FLAGS);
    if (fd < 0 && errno == EACCES && !fchmodat(dir, name, 0700, 0))
        fd = openat(dir, name, DIR_FLAGS);
    if (fd < 0)
        return;
    if (geteuid())
        fchmod(fd, 0700);
    empty(r, fd, depth + 1);
    unlinkat(dir, name, AT_REMOVEDIR);
}

void tree_remove(int parent, const char *name)
{
    struct removal r = { .top = openat(parent, name, DIR_FLAGS) };

    if (r.top < 0)
        return;
    for (unsigned before = 0, rounds = 0; rounds < 1000; rounds++) {
        int fd = openat(r.top, ".", DIR_FLAGS);
        if (fd >= 0)
            empty(&r, fd, 1);
        if (r.moved == before)
            break;
        before = r.moved;
    }
    close(r.top);
    unlinkat(parent, name, AT_REMOVEDIR);
}

bool tree_empty(int parent, const char *name)
{
    int fd = openat(parent, name, DIR_FLAGS);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool any = false;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return fd < 0;
    }
    while (!any && (e = readdir(d)))
        any = !is_dots(e->d_name);
    closedir(d);
    return !any;
}
