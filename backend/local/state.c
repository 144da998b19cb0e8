#include "backend/local/state.h"
#include "backend/backend.h"
#include "backend/local/meta.h"
#include "backend/local/tree.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NEW_IS_STALE_S 60 /* a half-made directory without a lock file */

/* True when all ids of [base, base + count) exist in this user namespace. */
static bool mapped(const char *map, uid_t base, uid_t count)
{
    AUTO(buf) struct buf text = BUF_MAX(16384);
    unsigned inside, outside, n;

    if (io_read_file(map, text.max, &text, NULL))
        return false;
    for (const char *at = buf_str(&text); sscanf(at, "%u %u %u", &inside, &outside, &n) == 3;) {
        if (base >= inside && (uint64_t)base + count <= (uint64_t)inside + n)
            return true;
        at = strchr(at, '\n');
        if (!at)
            break;
        at++;
    }
    return false;
}

static bool may_change_users(void)
{
    static const unsigned needed[] = { CAP_CHOWN, CAP_FOWNER, CAP_SETGID, CAP_SETUID };
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    AUTO(buf) struct buf groups = BUF_MAX(64);

    if (geteuid() || syscall(SYS_capget, &header, data))
        return false;
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (!(data[0].effective & (1u << needed[i])))
            return false;
    return io_read_file("/proc/self/setgroups", groups.max, &groups, NULL) ||
           !strncmp(buf_str(&groups), "allow", 5);
}

/* Root of the machine, or of a container that has ids to give. */
static void choose_uids(struct state *s)
{
    static const struct {
        uid_t base, count;
    } ranges[] = { { STATE_UID_BASE, STATE_UID_COUNT },
                   { STATE_UID_SMALL, STATE_UID_SMALL_COUNT } };

    for (size_t i = 0; i < COUNT_OF(ranges) && may_change_users(); i++)
        if (mapped("/proc/self/uid_map", ranges[i].base, ranges[i].count) &&
            mapped("/proc/self/gid_map", ranges[i].base, ranges[i].count)) {
            s->own_uids = true;
            s->uid_base = ranges[i].base;
            s->uid_count = ranges[i].count;
            return;
        }
}

/* Sandboxes have users of their own, who must be able to pass through to their workspace. */
static int check_passage(const char *root, struct err *err)
{
    AUTO_FREE char *path = strdup(root);
    struct stat st;

    if (!path)
        return err_oom(err);
    if (chmod(path, 0711))
        return err_sys(err, errno, "set the mode of %s", path);
    for (char *slash; (slash = strrchr(path, '/')) && slash != path;) {
        *slash = '\0';
        if (!stat(path, &st) && !(st.st_mode & S_IXOTH)) {
            err_set(err, ERR_ISOLATION,
                    "the state directory lies below %s, which only its owner "
                    "may enter, but sandboxes run as users of their own",
                    path);
            return err_next(err, "choose another with --state-dir, e.g. /var/lib/sandbox-mcp");
        }
    }
    return 0;
}

/* 1 when the lock was taken, 0 when another process has it or there is none. */
static int try_lock(int dir_fd, int *out)
{
    int fd = openat(dir_fd, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        return 0;
    }
    *out = fd;
    return 1;
}

static void discard(struct state *s, const char *id)
{
    char dead[64];

    snprintf(dead, sizeof(dead), ".dead-%s", id);
    if (renameat(s->sandboxes_fd, id, s->sandboxes_fd, dead))
        return;
    fsync(s->sandboxes_fd);
    tree_remove(s->sandboxes_fd, dead);
}

static void quarantine(struct state *s, const char *id, const char *why)
{
    AUTO_FD int place = tree_dir(s->root_fd, "quarantine", 0700, NULL);

    log_warn("state: %s is put aside into quarantine: %s", id, why);
    if (place >= 0)
        renameat(s->sandboxes_fd, id, place, id);
}

static void recover_new(struct state *s, const char *name)
{
    AUTO_FD int dir = openat(s->sandboxes_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_FD int lock = -1;
    struct stat st;

    if (dir < 0 || fstat(dir, &st))
        return;
    if (try_lock(dir, &lock) ||
        (faccessat(dir, "lock", F_OK, 0) && st.st_mtime + NEW_IS_STALE_S < clock_wall_ms() / 1000))
        tree_remove(s->sandboxes_fd, name);
}

static void recover_one(struct state *s, const char *id)
{
    AUTO_FD int dir = openat(s->sandboxes_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_FD int lock = -1;
    AUTO(meta) struct meta m = { 0 };
    struct err err = { 0 };

    if (dir < 0 || !try_lock(dir, &lock))
        return;
    if (meta_read(dir, &m, &err)) {
        quarantine(s, id, err.msg);
    } else if (m.expires_ms && m.expires_ms < clock_wall_ms()) {
        discard(s, id);
    } else if (m.running) {
        m.running = false;
        if (meta_write(dir, id, &m, &err))
            log_warn("state: %s: %s", id, err.msg);
    }
}

static void recover(struct state *s)
{
    int fd = openat(s->sandboxes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        if (!strncmp(e->d_name, ".new-", 5))
            recover_new(s, e->d_name);
        else if (!strncmp(e->d_name, ".dead-", 6))
            tree_remove(s->sandboxes_fd, e->d_name);
        else if (id_valid("sb", e->d_name))
            recover_one(s, e->d_name);
    }
    if (d)
        closedir(d);
}

/* Also when somebody made it for himself: the tasks of another backend lie below it too. */
static int open_passage(int parent, const char *name, mode_t mode, struct err *err)
{
    AUTO_FD int fd = tree_dir(parent, name, mode, err);

    if (fd < 0)
        return -1;
    if ((mode & S_IXOTH) && fchmod(fd, mode))
        return err_sys(err, errno, "set the mode of %s", name);
    return TAKE_FD(&fd);
}

int state_open(const char *root, struct state *out, struct err *err)
{
    AUTO_FREE char *path = root ? strdup(root) : backend_state_root(err);
    AUTO_FD int root_fd = -1;
    AUTO_FD int top = -1;
    mode_t mode;

    *out = (struct state){ .root_fd = -1, .sandboxes_fd = -1 };
    choose_uids(out);
    mode = out->own_uids ? 0711 : 0700;
    if (!path)
        return root ? err_oom(err) : -1;
    if (path[0] != '/')
        return err_set(err, ERR_INVALID, "--state-dir: \"%s\" is not an absolute path", path);
    if (io_make_path(path, 0755, err) || (out->own_uids && check_passage(path, err)))
        return -1;
    top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return err_sys(err, errno, "open %s", path);
    root_fd = open_passage(top, "v1", mode, err);
    if (root_fd < 0)
        return -1;
    out->sandboxes_fd = open_passage(root_fd, "sandbox", mode, err);
    if (out->sandboxes_fd < 0)
        return -1;
    out->root_fd = TAKE_FD(&root_fd);
    out->root = TAKE(path);
    recover(out);
    return 0;
}

void state_done(struct state *s)
{
    fd_close(&s->root_fd);
    fd_close(&s->sandboxes_fd);
    free(s->root);
    s->root = NULL;
}
