#include "backend/local/meta.h"
#include "backend/local/state.h"
#include "backend/local/tree.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static void digest(const char *owner, char out[65])
{
    sha256_hex(owner, strlen(owner), out);
}

void state_dir_done(struct state_dir *d)
{
    fd_close(&d->jobs_fd);
    fd_close(&d->dir_fd);
    fd_close(&d->lock_fd);
    free(d->workspace);
    free(d->home);
    *d = (struct state_dir){ .dir_fd = -1, .lock_fd = -1, .jobs_fd = -1 };
}

/* Open what lies below d->dir_fd, and name it. */
static int fill(struct state *s, struct state_dir *d, const struct meta *m, struct err *err)
{
    d->uid = m->uid;
    d->gid = m->gid;
    d->created_ms = m->created_ms;
    d->jobs_fd = tree_dir(d->dir_fd, "jobs", 0700, err);
    if (d->jobs_fd < 0)
        return -1;
    if (asprintf(&d->workspace, "%s/v1/sandbox/%s/workspace/ws", s->root, d->id) < 0 ||
        asprintf(&d->home, "%s/v1/sandbox/%s/workspace/home", s->root, d->id) < 0)
        return err_oom(err);
    return 0;
}

static bool same_name(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* 1 it is this one, 0 not, -1 it is but cannot be had. */
static int consider(struct state *s, const char *id, const char *owner, const char *name,
                    struct state_dir *out, struct err *err)
{
    AUTO(meta) struct meta m = { 0 };
    AUTO_FD int dir = openat(s->sandboxes_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    AUTO_FD int lock = -1;

    if (dir < 0 || meta_read(dir, &m, NULL) || strcmp(m.owner, owner) || !same_name(m.name, name))
        return 0;
    lock = openat(dir, "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB)) {
        err_set(err, ERR_BUSY, "the sandbox%s%s is in use by another process", name ? " " : "",
                name ? name : "");
        return err_next(err, "end the other server, or choose another name with --sandbox");
    }
    snprintf(out->id, sizeof(out->id), "%.35s", id);
    out->dir_fd = TAKE_FD(&dir);
    out->lock_fd = TAKE_FD(&lock);
    if (fill(s, out, &m, err)) {
        state_dir_done(out);
        return -1;
    }
    return 1;
}

int state_find(struct state *s, const char *owner, const char *name, struct state_dir *out,
               struct err *err)
{
    int fd = openat(s->sandboxes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    char hash[65];

    *out = (struct state_dir){ .dir_fd = -1, .lock_fd = -1, .jobs_fd = -1 };
    if (!d)
        return err_sys(err, errno, "read the state directory");
    digest(owner, hash);
    while (!r && (e = readdir(d)))
        if (id_valid("sb", e->d_name))
            r = consider(s, e->d_name, hash, name, out, err);
    closedir(d);
    return r < 0 ? -1 : 0;
}

static bool uid_taken(struct state *s, uid_t uid)
{
    int fd = openat(s->sandboxes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool taken = false;

    while (d && !taken && (e = readdir(d))) {
        AUTO(meta) struct meta m = { 0 };
        AUTO_FD int dir = -1;
        if (e->d_name[0] == '.')
            continue;
        dir = openat(s->sandboxes_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        taken = dir >= 0 && !meta_read(dir, &m, NULL) && m.uid == uid;
    }
    if (d)
        closedir(d);
    return taken;
}

static int choose_uid(struct state *s, uid_t uid, gid_t gid, struct meta *m, struct err *err)
{
    bool given = uid != (uid_t)-1;
    uint32_t random;

    m->uid = given ? uid : geteuid();
    m->gid = given ? gid : getegid();
    if (!s->own_uids || given)
        return 0;
    for (int i = 0; i < 100; i++) {
        random_bytes(&random, sizeof(random));
        m->uid = s->uid_base + random % s->uid_count;
        m->gid = m->uid;
        if (!uid_taken(s, m->uid))
            return 0;
    }
    return err_set(err, ERR_QUOTA, "no host uid is free for another sandbox");
}

static int make_tree(struct state *s, struct state_dir *d, const struct meta *m, struct err *err)
{
    AUTO_FD int workspace = -1;

    d->lock_fd = openat(d->dir_fd, "lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->lock_fd < 0 || flock(d->lock_fd, LOCK_EX | LOCK_NB))
        return err_sys(err, errno, "lock the sandbox's directory");
    workspace = tree_dir(d->dir_fd, "workspace", s->own_uids ? 0710 : 0700, err);
    if (workspace < 0)
        return -1;
    if (mkdirat(workspace, "ws", 0755) || mkdirat(workspace, "home", 0755) ||
        fchmodat(workspace, "ws", 0755, 0) || fchmodat(workspace, "home", 0755, 0))
        return err_sys(err, errno, "make the workspace");
    if (!s->own_uids)
        return 0;
    if (fchown(workspace, 0, m->gid) || fchmod(workspace, 0710) ||
        fchownat(workspace, "ws", m->uid, m->gid, AT_SYMLINK_NOFOLLOW) ||
        fchownat(workspace, "home", m->uid, m->gid, AT_SYMLINK_NOFOLLOW))
        return err_sys(err, errno, "give the workspace to the sandbox");
    return 0;
}

static int create(struct state *s, struct state_dir *d, const struct meta *m, const char *fresh,
                  struct err *err)
{
    d->dir_fd = tree_dir(s->sandboxes_fd, fresh, s->own_uids ? 0711 : 0700, err);
    if (d->dir_fd < 0)
        return -1;
    if (make_tree(s, d, m, err) || meta_write(d->dir_fd, d->id, m, err) || fill(s, d, m, err))
        return -1;
    if (renameat(s->sandboxes_fd, fresh, s->sandboxes_fd, d->id) || fsync(s->sandboxes_fd))
        return err_sys(err, errno, "make the sandbox's directory");
    return 0;
}

/* Serialises the choice of uids between servers that share the directory. */
static int lock_all(struct state *s, struct err *err)
{
    int fd = openat(s->root_fd, "create.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX)) {
        err_sys(err, errno, "lock the state directory");
        fd_close(&fd);
    }
    return fd;
}

int state_create(struct state *s, const char *owner, const char *name, uid_t uid, gid_t gid,
                 struct state_dir *out, struct err *err)
{
    int64_t now = clock_wall_ms();
    struct meta m = {
        .name = (char *)name,
        .running = true,
        .created_ms = now,
        .used_ms = now,
        .expires_ms = now + STATE_KEEP_MS,
    };
    AUTO_FD int all = lock_all(s, err);
    char fresh[64];

    *out = (struct state_dir){ .dir_fd = -1, .lock_fd = -1, .jobs_fd = -1 };
    if (all < 0 || choose_uid(s, uid, gid, &m, err))
        return -1;
    digest(owner, m.owner);
    id_make("sb", out->id);
    snprintf(fresh, sizeof(fresh), ".new-%s", out->id);
    if (!create(s, out, &m, fresh, err))
        return 0;
    state_dir_done(out);
    tree_remove(s->sandboxes_fd, fresh);
    return -1;
}

int state_touch(struct state_dir *d, const char *owner, const char *name, bool running,
                struct err *err)
{
    int64_t now = clock_wall_ms();
    struct meta m = {
        .name = (char *)name,
        .uid = d->uid,
        .gid = d->gid,
        .running = running,
        .created_ms = d->created_ms,
        .used_ms = now,
        .expires_ms = now + STATE_KEEP_MS,
    };

    digest(owner, m.owner);
    return meta_write(d->dir_fd, d->id, &m, err);
}

bool state_unused(const struct state_dir *d)
{
    return tree_empty(d->dir_fd, "workspace/ws") && tree_empty(d->dir_fd, "jobs");
}

void state_remove(struct state *s, struct state_dir *d)
{
    char dead[64];

    snprintf(dead, sizeof(dead), ".dead-%s", d->id);
    if (!renameat(s->sandboxes_fd, d->id, s->sandboxes_fd, dead)) {
        fsync(s->sandboxes_fd);
        state_dir_done(d);
        tree_remove(s->sandboxes_fd, dead);
    }
    state_dir_done(d);
}
