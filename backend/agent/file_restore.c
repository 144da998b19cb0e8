/*
 * WIRE_FILE_RESTORE: an earlier state of a file, for as long as the file is what the request says.
 * The path has to be the file itself: what has become a link is somebody else's change.
 */
#include "backend/agent/file_old.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { CONTENT, CUT = 3, REMOVE };

struct restoring {
    struct file_job *job;
    int dir, fd;
    const char *name;
};

static int failed(const struct restoring *r, const char *action)
{
    return file_fail_errno(&r->job->error, errno, action, r->job->path);
}

static int conflict(const struct restoring *r, const char *what)
{
    return file_fail(&r->job->error, CODE_CONFLICT, "%.900s %s", r->job->path, what);
}

/* Folder and file, neither of them by a link. */
static int enter(struct restoring *r)
{
    char *path = r->job->path, *slash = strrchr(path, '/'), real[FILE_PATH_MAX];
    const char *folder = slash == path ? "/" : path;
    struct stat st;
    bool same;

    r->name = slash + 1;
    if (slash != path)
        *slash = '\0';
    r->dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->dir >= 0)
        file_real_path(r->dir, folder, real);
    same = r->dir < 0 || !strcmp(real, folder);
    *slash = '/';
    if (r->dir < 0)
        return conflict(r, "is not there any more");
    if (!same || fstatat(r->dir, r->name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return conflict(r, "is not the file that it was");
    return 0;
}

static int expected(struct restoring *r)
{
    char want[65], now[65];
    struct stat st;

    if (!wire_str(&r->job->in, TAG_SHA256, want, sizeof(want)) || strlen(want) != 64)
        return file_fail(&r->job->error, CODE_INVALID, "a restore needs the hash that is there");
    r->fd = openat(r->dir, r->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0 || fstat(r->fd, &st))
        return failed(r, "read");
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_TOTALS_MAX || !file_hash(r->fd, now) ||
        strcmp(now, want))
        return conflict(r, "has changed");
    return 0;
}

/* Still the file that was looked at. */
static bool same_file(const struct restoring *r)
{
    struct stat a, b;

    return !fstat(r->fd, &a) && !fstatat(r->dir, r->name, &b, AT_SYMLINK_NOFOLLOW) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int cut(const struct restoring *r)
{
    off_t to = (off_t)wire_i64(&r->job->in, TAG_OFFSET, -1);
    int fd = openat(r->dir, r->name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    uint32_t mode = wire_u32(&r->job->in, TAG_MODE, UINT32_MAX);
    struct stat a, b;
    int number = 0;

    if (fd < 0)
        return failed(r, "cut");
    if (fstat(r->fd, &a) || fstat(fd, &b) || a.st_ino != b.st_ino || a.st_dev != b.st_dev ||
        to < 0 || to > b.st_size) {
        close(fd);
        return conflict(r, "has changed");
    }
    if ((mode <= 01777 && fchmod(fd, mode)) || ftruncate(fd, to))
        number = errno;
    close(fd);
    errno = number;
    return number ? failed(r, "cut") : 0;
}

static int take_away(const struct restoring *r)
{
    if (!same_file(r))
        return conflict(r, "has changed");
    return unlinkat(r->dir, r->name, 0) ? failed(r, "remove") : 0;
}

static int reply(struct restoring *r, bool gone)
{
    struct wire_out *out = &r->job->out;
    struct stat st = { 0 };
    char hex[65];

    wire_begin(out, WIRE_REPLY, 0);
    wire_put_str(out, TAG_PATH, r->job->path);
    if (!gone && (fstat(r->fd, &st) || !file_hash(r->fd, hex)))
        return failed(r, "read");
    wire_put_i64(out, TAG_SIZE, st.st_size);
    wire_put_u32(out, TAG_MODE, st.st_mode & 07777);
    if (!gone)
        wire_put_str(out, TAG_SHA256, hex);
    return file_job_reply(r->job, NULL, 0);
}

static void leave(struct restoring *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->dir >= 0)
        close(r->dir);
}

int restore_check(struct file_job *job)
{
    struct restoring r = { .job = job, .dir = -1, .fd = -1 };
    int done = enter(&r);

    leave(&r);
    return done;
}

static int shorten(struct restoring *r, uint32_t how)
{
    if (expected(r) || (how == CUT ? cut(r) : take_away(r)))
        return -1;
    return reply(r, how == REMOVE);
}

int file_restore(struct file_job *job)
{
    struct restoring r = { .job = job, .dir = -1, .fd = -1 };
    uint32_t how = wire_u32(&job->in, TAG_WRITE_MODE, UINT32_MAX);
    int done = -1;

    if (how == CONTENT)
        done = file_write(job);
    else if (how != CUT && how != REMOVE)
        file_fail(&job->error, CODE_INVALID, "no such way to restore");
    else if (!enter(&r))
        done = shorten(&r, how);
    leave(&r);
    return done;
}
