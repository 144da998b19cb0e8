#include "backend/agent/file_descent.h"
#include "backend/agent/file_mode.h"
#include "backend/agent/file_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct change {
    struct file_report report;
    int mode;          /* -1: not, or `text` */
    char text[256];    /* "u+x"; "" none */
    uint32_t uid, gid; /* UINT32_MAX: not */
};

/* fd is an O_PATH descriptor: what it names has no other way that no link can turn. */
static int set_mode(int fd, unsigned mode)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fchmodat(AT_FDCWD, path, mode, 0) ? errno : 0;
}

/* 0 or an errno value; links are left alone. */
static int change_one(struct change *c, int fd, const struct stat *st)
{
    unsigned was = st->st_mode & 07777, mode = was;
    bool owner = (c->uid != UINT32_MAX && c->uid != st->st_uid) ||
                 (c->gid != UINT32_MAX && c->gid != st->st_gid);
    int number;

    if (S_ISLNK(st->st_mode))
        return 0;
    if (owner && fchownat(fd, "", c->uid, c->gid, AT_EMPTY_PATH))
        return errno == EINVAL ? EPERM : errno; /* EINVAL: a user without a number here */
    if (c->mode >= 0)
        mode = (unsigned)c->mode;
    else if (c->text[0])
        mode = (unsigned)mode_change(c->text, was, S_ISDIR(st->st_mode));
    number = mode != was ? set_mode(fd, mode) : 0;
    c->report.total += !number && (owner || mode != was);
    return number;
}

static int change_name(struct change *c, int dir, const char *name, int flags)
{
    int fd = openat(dir, name, O_PATH | flags | O_CLOEXEC), number;
    struct stat st;

    if (fd < 0)
        return errno;
    number = fstat(fd, &st) ? errno : change_one(c, fd, &st);
    close(fd);
    return number;
}

static void failed(struct change *c, int number, const char *path)
{
    struct file_error e = { 0 };

    if (number != EPERM) {
        report_errno(&c->report, number, "change", path);
        return;
    }
    file_fail(&e, CODE_DENIED, "cannot change %.900s: only its owner may, and owners stay", path);
    file_hint(&e,
              "the sandbox has one user: files cannot be given to another, nor others' changed");
    report_failed(&c->report, path, &e);
}

static void visit(struct descent *d, int dir, const char *name)
{
    struct change *c = d->arg;
    int number = change_name(c, dir, name, O_NOFOLLOW);
    char path[FILE_PATH_MAX];

    if (!number || number == ENOENT)
        return;
    descent_path(d, name, path);
    failed(c, number, path);
}

/* A folder that cannot be read must change before, any other after what is in it. */
static void before(struct descent *d, int dir, const char *name)
{
    if (faccessat(dir, name, R_OK | X_OK, AT_SYMLINK_NOFOLLOW))
        visit(d, dir, name);
}

static void leave(struct descent *d, int fd)
{
    struct change *c = d->arg;
    struct stat st;
    int number = fstat(fd, &st) ? errno : change_one(c, fd, &st);
    char path[FILE_PATH_MAX];

    if (!number)
        return;
    descent_path(d, "", path);
    failed(c, number, path);
}

static const struct descent_ops ops = { .file = visit, .before = before, .leave = leave };

static void change_tree(struct change *c, const char *path)
{
    struct descent d = {
        .ops = &ops, .arg = c, .report = &c->report, .action = "change", .top = path
    };
    int fd, number;

    if (access(path, R_OK | X_OK)) {
        number = change_name(c, AT_FDCWD, path, 0);
        if (number) {
            failed(c, number, path);
            return;
        }
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        report_errno(&c->report, errno, "change", path);
    else
        descend(&d, fd);
}

static void change_path(struct change *c, const char *path)
{
    struct stat st;
    int number;

    if (stat(path, &st)) {
        report_errno(&c->report, errno, "change", path);
    } else if (S_ISDIR(st.st_mode) && c->report.flags & WIRE_F_RECURSIVE) {
        change_tree(c, path);
    } else {
        number = change_name(c, AT_FDCWD, path, 0);
        if (number)
            failed(c, number, path);
    }
}

static int set_id(struct file_error *e)
{
    file_fail(e, CODE_DENIED, "permissions: no set-id bits in a sandbox");
    return file_hint(e, "use e.g. 0755, or u+x");
}

static int mode_asked(struct change *c, const struct wire_in *in, struct file_error *e)
{
    int made;

    c->mode = (int)wire_u32(in, TAG_MODE, UINT32_MAX);
    if (c->mode >= 0 && c->mode & 06000)
        return set_id(e);
    if (c->mode > 01777)
        return file_fail(e, CODE_INVALID, "permissions: no such mode");
    if (!wire_has(in, TAG_CHANGE))
        return 0;
    made = wire_str(in, TAG_CHANGE, c->text, sizeof(c->text)) ? mode_change(c->text, 0, false) : -1;
    if (made == -2)
        return set_id(e);
    if (made >= 0)
        return 0;
    file_fail(e, CODE_INVALID, "permissions: \"%.100s\" is no mode", c->text);
    return file_hint(e, "use e.g. 0755, or u+x,go-w");
}

static int owner_asked(const struct wire_in *in, uint16_t tag, int kind, uint32_t *id,
                       struct file_error *e)
{
    struct names names = { 0 };
    char name[256];
    bool found;

    *id = UINT32_MAX;
    if (!wire_has(in, tag))
        return 0;
    if (!wire_str(in, tag, name, sizeof(name)))
        return file_fail(e, CODE_INVALID, "owner, group: a name or number");
    found = names_id(&names, kind, name, id);
    names_done(&names);
    if (found)
        return 0;
    file_fail(e, CODE_INVALID, "%s: the sandbox knows no \"%.100s\"",
              kind == NAMES_USERS ? "owner" : "group", name);
    return file_hint(e, "name one of %s, or a number",
                     kind == NAMES_USERS ? "/etc/passwd" : "/etc/group");
}

int file_chmod(struct file_job *job)
{
    struct change c;
    const char *path;

    if (report_begin(&c.report, job))
        return -1;
    c.text[0] = '\0';
    if (mode_asked(&c, &job->in, &job->error) ||
        owner_asked(&job->in, TAG_OWNER, NAMES_USERS, &c.uid, &job->error) ||
        owner_asked(&job->in, TAG_GROUP, NAMES_GROUPS, &c.gid, &job->error))
        return -1;
    while ((path = report_path(&c.report)))
        change_path(&c, path);
    return report_send(&c.report);
}
