#include "backend/agent/file_copy.h"
#include "backend/agent/file_descent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder and the copy of it, on the way down. */
struct twins {
    struct ladder into;
    struct stat top; /* of the whole copy: never copied into itself */
    const char *to;
    bool lost; /* the copy was moved meanwhile: nothing more is done */
};

static int open_again(int fd, int flags)
{
    char path[40];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int keep_attributes(int fd, const struct stat *st)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };

    return fchmod(fd, st->st_mode & 01777) || futimens(fd, times) ? errno : 0;
}

/* Make `name` in dir, or a temporary where that is taken (then *temporary). */
static int make_file(int dir, const char *name, char temporary[256], int *out)
{
    struct file_place p = { .dir = dir };
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    *temporary = '\0';
    *out = openat(dir, name, flags, 0600);
    if (*out >= 0 || errno != EEXIST)
        return *out < 0 ? errno : 0;
    snprintf(p.name, sizeof(p.name), "%s", name);
    for (int i = 0; i < 16 && *out < 0 && errno == EEXIST; i++) {
        place_temporary(&p, temporary);
        *out = openat(dir, temporary, flags, 0600);
    }
    return *out < 0 ? errno : 0;
}

/* rename(2) says EISDIR where the name is a folder's. */
static int publish(int dir, const char *temporary, const char *name, int number)
{
    if (!number && *temporary && renameat(dir, temporary, dir, name))
        number = errno;
    if (number)
        unlinkat(dir, *temporary ? temporary : name, 0);
    return number;
}

static int copy_file(struct file_report *r, int fd, const struct stat *st, int dir,
                     const char *name)
{
    int in = open_again(fd, O_RDONLY), out = -1, number;
    char temporary[256];
    struct stat there;

    if (in < 0)
        return errno;
    if (!fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) && there.st_dev == st->st_dev &&
        there.st_ino == st->st_ino) {
        close(in);
        return 0;
    }
    number = make_file(dir, name, temporary, &out);
    if (!number) {
        number = copy_data(r, in, out, st);
        if (!number)
            number = keep_attributes(out, st);
        if (!number && !fstat(out, &there))
            r->bytes += there.st_size;
        close(out);
        number = publish(dir, temporary, name, number);
    }
    close(in);
    return number;
}

static int copy_link(int fd, const struct stat *st, int dir, const char *name)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };
    struct file_place p = { .dir = dir };
    char target[FILE_PATH_MAX], temporary[256] = "";
    ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
    int number = 0;

    if (n < 0)
        return errno;
    target[n] = '\0';
    if (symlinkat(target, dir, name)) {
        if (errno != EEXIST)
            return errno;
        snprintf(p.name, sizeof(p.name), "%s", name);
        place_temporary(&p, temporary);
        if (symlinkat(target, dir, temporary))
            return errno;
        number = publish(dir, temporary, name, 0);
    }
    if (!number)
        (void)!utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
    return number;
}

/* Anything but a folder. */
static int copy_one(struct file_report *r, int fd, const struct stat *st, int dir, const char *name)
{
    int number = S_ISREG(st->st_mode)   ? copy_file(r, fd, st, dir, name)
                 : S_ISLNK(st->st_mode) ? copy_link(fd, st, dir, name)
                                        : EOPNOTSUPP;

    r->total += !number;
    return number;
}

static void failed(struct file_report *r, int number, mode_t mode, const char *path)
{
    struct file_error e = { 0 };

    if (number == ECANCELED)
        return;
    if (number == EOPNOTSUPP && !S_ISREG(mode) && !S_ISLNK(mode)) {
        file_fail_type(&e, mode, "copy", path);
        report_failed(r, path, &e);
    } else if (number == EISDIR) {
        file_fail(&e, CODE_CONFLICT, "cannot copy %.900s: a folder has the name of the copy", path);
        report_failed(r, path, &e);
    } else {
        report_errno(r, number, "copy", path);
    }
    if (number == ENOSPC || number == EDQUOT)
        r->full = true;
}

static void visit(struct descent *d, int dir, const char *name)
{
    struct twins *t = d->arg;
    struct stat st = { 0 };
    char path[FILE_PATH_MAX];
    int fd, number = 0;

    if (d->report->full || t->lost)
        return;
    fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        number = errno == ENOENT ? 0 : errno;
    else
        number = copy_one(d->report, fd, &st, ladder_fd(&t->into), name);
    if (number) {
        descent_path(d, name, path);
        failed(d->report, number, st.st_mode, path);
    }
    if (fd >= 0)
        close(fd);
}

static int make_twin(struct ladder *into, const char *name)
{
    if (mkdirat(ladder_fd(into), name, 0700) && errno != EEXIST)
        return errno;
    return ladder_down(into, name);
}

static bool enter(struct descent *d, int fd, const char *name)
{
    struct twins *t = d->arg;
    struct stat st;
    int number;

    if (d->report->full || t->lost || fstat(fd, &st))
        return false;
    if (st.st_dev == t->top.st_dev && st.st_ino == t->top.st_ino) {
        descent_failed(d, EINVAL, name);
        return false;
    }
    number = make_twin(&t->into, name);
    if (number)
        descent_failed(d, number == ENOTDIR || number == ELOOP ? EEXIST : number, name);
    return !number;
}

static void leave(struct descent *d, int fd)
{
    struct twins *t = d->arg;
    struct stat st;
    int number;

    if (t->lost)
        return;
    number = fstat(fd, &st) ? errno : keep_attributes(ladder_fd(&t->into), &st);
    d->report->total++;
    if (number)
        descent_failed(d, number, "");
    number = t->into.count > 1 ? ladder_up(&t->into) : 0;
    t->lost = number;
    if (number)
        report_errno(d->report, number, "copy to", t->to);
}

static const struct descent_ops ops = { .file = visit, .enter = enter, .leave = leave };

static void copy_folder(struct file_report *r, int fd, const char *from, int dir, const char *name,
                        const char *path)
{
    struct twins t = { .to = path };
    struct descent d = { .ops = &ops, .arg = &t, .report = r, .action = "copy", .top = from };
    int in = open_again(fd, O_RDONLY | O_DIRECTORY), number = in < 0 ? errno : 0, into;

    if (!number && mkdirat(dir, name, 0700) && errno != EEXIST)
        number = errno;
    into = number ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (!number && into < 0)
        number = errno == ENOTDIR || errno == ELOOP ? EEXIST : errno;
    if (!number)
        number = fstat(into, &t.top) ? errno : ladder_start(&t.into, into);
    if (!number) {
        descend(&d, in);
    } else {
        report_errno(r, number, "copy to", path);
        if (in >= 0)
            close(in);
    }
    ladder_done(&t.into);
}

bool copy_tree(struct file_report *r, int fd, const char *from, int dir, const char *name,
               const char *path)
{
    int64_t errors = r->errors;
    struct stat st;
    int number = fstat(fd, &st) ? errno : 0;

    if (!number && S_ISDIR(st.st_mode))
        copy_folder(r, fd, from, dir, name, path);
    else if (!number)
        number = copy_one(r, fd, &st, dir, name);
    if (number)
        failed(r, number, st.st_mode, from);
    return r->errors == errors && !r->halted;
}

struct copying {
    struct file_report report;
    int fd; /* O_PATH of what is copied, links followed */
    struct stat st;
    char from[FILE_PATH_MAX];
    struct file_place to;
};

static int open_from(struct copying *c, const char *path, struct file_error *e)
{
    c->fd = open(path, O_PATH | O_CLOEXEC);
    if (c->fd < 0 || fstat(c->fd, &c->st))
        return file_fail_errno(e, errno, "copy", path);
    file_real_path(c->fd, path, c->from);
    if (S_ISDIR(c->st.st_mode) && !(c->report.flags & WIRE_F_RECURSIVE)) {
        file_fail(e, CODE_INVALID, "%.900s is a folder", c->from);
        return file_hint(e, "pass recursive=true to copy it with all that is in it");
    }
    if (!S_ISDIR(c->st.st_mode) && !S_ISREG(c->st.st_mode))
        return file_fail_type(e, c->st.st_mode, "copy", c->from);
    return 0;
}

/* A file sent to a folder goes into it; a folder is merged with it, unless a slash says into. */
static int open_to(struct copying *c, const char *path, struct file_error *e)
{
    const char *name = strrchr(c->from, '/') + 1;
    const struct file_place *to = &c->to;
    bool folder = S_ISDIR(c->st.st_mode);

    if (place_target(&c->to, path, name, !folder, e))
        return -1;
    if (to->exists && to->st.st_dev == c->st.st_dev && to->st.st_ino == c->st.st_ino)
        return file_fail(e, CODE_INVALID, "%.900s is the same %s", to->path,
                         folder ? "folder" : "file");
    if (folder && place_within(to->dir, &c->st))
        return file_fail(e, CODE_INVALID, "cannot copy %.900s into itself", c->from);
    if (to->exists && folder != S_ISDIR(to->st.st_mode) && !(folder && S_ISLNK(to->st.st_mode)))
        return file_fail(e, CODE_CONFLICT, "%.900s exists and is %s folder", to->path,
                         folder ? "no" : "a");
    return 0;
}

int file_copy(struct file_job *job)
{
    struct copying c = { .fd = -1, .to = { .dir = -1 } };
    const char *from, *to;
    int r = report_begin(&c.report, job);

    from = r ? NULL : report_path(&c.report);
    to = from ? report_path(&c.report) : NULL;
    if (!r && (!to || report_path(&c.report)))
        r = file_fail(&job->error, CODE_INVALID, "paths: a copy has two");
    if (!r && (open_from(&c, from, &job->error) || open_to(&c, to, &job->error)))
        r = -1;
    if (!r) {
        copy_tree(&c.report, c.fd, c.from, c.to.dir, c.to.name, c.to.path);
        report_done(&c.report, c.from, c.to.path);
        r = report_send(&c.report);
    }
    place_done(&c.to);
    if (c.fd >= 0)
        close(c.fd);
    report_drop(&c.report);
    return r;
}
