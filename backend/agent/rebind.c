/*
 * `sandbox-agent rebind PID PATH...`: make files of a running sandbox read-only again.
 *
 * A file of a live workspace that is bound read-only loses that when somebody outside puts another
 * one in its place, as git and editors do (rename(2) detaches what is mounted there). It
 * runs with the rights of the sandbox's owner, outside of its processes: enters the user
 * namespace that its mounts belong to and those mounts (setns(2)), and binds each PATH onto
 * itself. What is not there any more is passed over; anything but a plain file, or a link on the
 * way, ends it with status 1.
 */
#include "backend/agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOVE_HERE (MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)

static bool enter(const char *pid)
{
    char path[64];
    int mounts, user;

    snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", pid);
    mounts = open(path, O_RDONLY | O_CLOEXEC);
    user = mounts < 0 ? -1 : ioctl(mounts, NS_GET_USERNS);
    return user >= 0 && !setns(user, CLONE_NEWUSER) && !setns(mounts, CLONE_NEWNS);
}

static bool bind_again(const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
    };
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)), tree;
    struct stat st;
    bool ok;

    if (fd < 0)
        return errno == ENOENT;
    tree =
        fstat((int)fd, &st) || !S_ISREG(st.st_mode)
            ? -1
            : syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    ok = tree >= 0 && !syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) &&
         !syscall(SYS_move_mount, tree, "", fd, "", MOVE_HERE);
    if (tree >= 0)
        close((int)tree);
    close((int)fd);
    return ok;
}

int agent_rebind(int argc, char **argv)
{
    bool ok = argc > 3 && enter(argv[2]);

    for (int i = 3; i < argc; i++)
        ok = ok && bind_again(argv[i]);
    return ok ? 0 : 1;
}
