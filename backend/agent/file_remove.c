#include "backend/agent/file_remove.h"
#include "backend/agent/file_descent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void remove_file(struct descent *d, int dir, const char *name)
{
    if (!unlinkat(dir, name, 0))
        d->report->total++;
    else if (errno != ENOENT)
        descent_failed(d, errno, name);
}

static bool enter(struct descent *d, int fd, const char *name)
{
    if (!place_is_mount(fd))
        return true;
    descent_failed(d, EBUSY, name);
    return false;
}

static bool remove_folder(struct descent *d, int dir, const char *name)
{
    if (!unlinkat(dir, name, AT_REMOVEDIR))
        d->report->total++;
    else if (errno == ENOTEMPTY || errno == EEXIST)
        return true;
    else if (errno != ENOENT)
        descent_failed(d, errno, name);
    return false;
}

static const struct descent_ops ops = {
    .file = remove_file,
    .enter = enter,
    .left = remove_folder,
};

static bool remove_one(struct file_report *r, int dir, const char *name, const char *path,
                       int flags)
{
    if (unlinkat(dir, name, flags)) {
        report_errno(r, errno, "delete", path);
        return false;
    }
    r->total++;
    return true;
}

bool remove_tree(struct file_report *r, int dir, const char *name, const char *path)
{
    struct descent d = { .ops = &ops, .report = r, .action = "delete", .top = path };
    int64_t errors = r->errors;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
        number;

    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return remove_one(r, dir, name, path, 0);
    if (fd < 0) {
        number = errno;
        if (number == EACCES && !unlinkat(dir, name, AT_REMOVEDIR))
            return ++r->total;
        report_errno(r, number, "delete", path);
        return false;
    }
    for (int tries = 0; tries < 3; tries++) {
        int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        bool done = again >= 0 && !lseek(again, 0, SEEK_SET) && descend(&d, again);
        if (!done || r->errors != errors)
            break;
        if (!unlinkat(dir, name, AT_REMOVEDIR)) {
            close(fd);
            r->total++;
            return true;
        }
        if (errno != ENOTEMPTY && errno != EEXIST)
            break;
        errno = ENOTEMPTY;
    }
    if (!r->halted && r->errors == errors)
        report_errno(r, errno, "delete", path);
    close(fd);
    return false;
}

static int may(struct file_report *r, const struct file_place *p, struct file_error *e)
{
    if (S_ISDIR(p->st.st_mode) && !(r->flags & WIRE_F_RECURSIVE)) {
        file_fail(e, CODE_INVALID, "%.900s is a folder", p->path);
        return file_hint(e, "pass recursive=true to delete it with all that is in it");
    }
    return place_may_go(p, "delete", e);
}

static void remove_path(struct file_report *r, const char *path)
{
    struct file_place p = { .dir = -1 };
    struct file_error e = { 0 };
    bool missing_ok = r->flags & WIRE_F_MISSING_OK;

    if (place_open(&p, path, "delete", &e)) {
        if (e.code != CODE_NOT_FOUND || !missing_ok)
            report_failed(r, path, &e);
    } else if (!p.exists) {
        if (!missing_ok)
            report_errno(r, ENOENT, "delete", path);
    } else if (may(r, &p, &e)) {
        report_failed(r, path, &e);
    } else if (S_ISDIR(p.st.st_mode)) {
        remove_tree(r, p.dir, p.name, p.path);
    } else {
        remove_one(r, p.dir, p.name, p.path, 0);
    }
    place_done(&p);
}

int file_remove(struct file_job *job)
{
    struct file_report r;
    const char *path;

    if (report_begin(&r, job))
        return -1;
    while ((path = report_path(&r)))
        remove_path(&r, path);
    return report_send(&r);
}
