/*
 * Whole files of any size through the pipe, a block at a time. What arrives becomes a temporary
 * beside its target, and the target in one step once all of it is there.
 */
#include "backend/agent/channel.h"
#include "backend/agent/file_target.h"
#include "backend/agent/file_time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define ROOM_MIN (1024 * 1024) /* less is written as soon as it is looked for */

struct putting {
    struct file_job *job;
    struct file_target target;
    int64_t len;
    int mode; /* -1: keep, or 0644 */
    bool fresh, created;
};

static char *block(struct file_job *job)
{
    char *b = malloc(FILE_BLOCK);

    if (!b)
        file_fail(&job->error, CODE_INTERNAL, "out of memory");
    return b;
}

static int failed(struct putting *p, int number, const char *action)
{
    return file_fail_errno(&p->job->error, number, action, p->target.path);
}

static int exists(struct putting *p)
{
    file_fail(&p->job->error, CODE_CONFLICT, "%.900s exists", p->target.path);
    return file_hint(&p->job->error, "use another path");
}

/* ---- put ---- */

static ssize_t more(const struct file_job *job, char *out, size_t max)
{
    struct pollfd p[2] = { { .fd = job->pipe, .events = POLLIN }, { .fd = job->channel } };

    for (;;) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (p[1].revents & (POLLHUP | POLLERR))
            return -1;
        ssize_t n = p[0].revents ? read(job->pipe, out, max) : -2;
        if (n >= 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
            return n;
    }
}

static bool write_out(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* 0; an errno; -1: it did not arrive whole. */
static int pour_in(const struct file_job *job, int fd, int64_t len, char *data)
{
    while (len) {
        ssize_t n = more(job, data, len < FILE_BLOCK ? (size_t)len : FILE_BLOCK);
        if (n <= 0)
            return -1;
        if (!write_out(fd, data, (size_t)n))
            return errno;
        len -= n;
    }
    return 0;
}

/* Space first, so that a full disk is noticed before anything is there. 0 or an errno. */
static int make_room(int fd, int64_t len)
{
    if (len && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, len) && (errno == ENOSPC || errno == EDQUOT))
        return errno;
    return 0;
}

/* What came with the request. */
static int receive_inline(struct putting *p, int fd)
{
    const void *data = p->job->in.tags[TAG_DATA].data;

    return p->len && !write_out(fd, data, (size_t)p->len) ? failed(p, errno, "write") : 0;
}

static int receive(struct putting *p, int fd)
{
    char *data;
    int r;

    if (wire_has(&p->job->in, TAG_DATA))
        return receive_inline(p, fd);
    data = block(p->job);
    if (!data)
        return -1;
    r = p->len < ROOM_MIN ? 0 : make_room(fd, p->len);
    if (!r)
        r = pour_in(p->job, fd, p->len, data);
    free(data);
    if (r > 0)
        return failed(p, r, "write");
    return r ? file_fail(&p->job->error, CODE_UNAVAILABLE, "the content did not arrive whole") : 0;
}

static int put_reply(struct putting *p, int fd)
{
    struct wire_out *out = &p->job->out;
    struct stat st;

    if (fstat(fd, &st))
        return failed(p, errno, "look at");
    wire_begin(out, WIRE_REPLY, 0);
    wire_put_str(out, TAG_PATH, p->target.path);
    wire_put_i64(out, TAG_WRITTEN, p->len);
    wire_put_u32(out, TAG_MODE, st.st_mode & 07777);
    wire_put_u32(out, TAG_FLAGS, p->created ? WIRE_F_CREATED : 0);
    return file_job_reply(p->job, NULL, 0);
}

static int put_open(struct putting *p, int fd)
{
    struct stat st;

    if (fstat(fd, &st))
        return failed(p, errno, "write");
    if (!S_ISREG(st.st_mode))
        return file_fail_type(&p->job->error, st.st_mode, "write", p->target.path);
    if (p->mode >= 0 && fchmod(fd, (mode_t)p->mode))
        return failed(p, errno, "set the mode of");
    if (receive(p, fd))
        return -1;
    return ftruncate(fd, p->len) ? failed(p, errno, "write") : put_reply(p, fd);
}

static int put_in_place(struct putting *p)
{
    int fd = openat(p->target.dir, p->target.name,
                    O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int r;

    if (fd < 0)
        return failed(p, errno, "write");
    r = put_open(p, fd);
    close(fd);
    return r;
}

/* *behind: the fresh file is in its place. */
static int put_beside(struct putting *p, int fd, const char *name, bool *done)
{
    int number;

    if (receive(p, fd))
        return -1;
    number = target_adopt(&p->target, fd, p->mode);
    if (number)
        return failed(p, number, "write");
    if (target_publish(&p->target, name, p->fresh))
        return errno == EEXIST ? exists(p) : failed(p, errno, "write");
    *done = true;
    p->created = !p->target.exists;
    return put_reply(p, fd);
}

static int put_whole(struct putting *p)
{
    const struct file_target *t = &p->target;
    bool done = false;
    char name[256];
    int fd, r;

    if (t->exists && p->fresh)
        return exists(p);
    if (t->exists && faccessat(t->dir, t->name, W_OK, 0))
        return failed(p, errno, "write");
    if (t->exists && t->st.st_nlink > 1)
        return put_in_place(p);
    fd = target_temporary(t, name);
    if (fd < 0)
        return target_only_in_place(t, errno) ? put_in_place(p) : failed(p, errno, "write");
    r = put_beside(p, fd, name, &done);
    if (!done)
        unlinkat(t->dir, name, 0);
    close(fd);
    return r;
}

int file_put(struct file_job *job)
{
    struct putting p = { .job = job,
                         .target = { .dir = -1 },
                         .len = wire_i64(&job->in, TAG_LENGTH, -1),
                         .mode = (int)wire_u32(&job->in, TAG_MODE, UINT32_MAX),
                         .fresh = wire_u32(&job->in, TAG_FLAGS, 0) & WIRE_F_MUST_NOT_EXIST };
    int r;

    if (wire_has(&job->in, TAG_DATA))
        p.len = job->in.tags[TAG_DATA].len;
    else if (p.len < 0 || p.len > WIRE_TRANSFER_MAX || (p.len && job->pipe < 0))
        return file_fail(&job->error, CODE_INVALID, "no such length");
    if (p.mode >= 0 && p.mode & ~0777)
        return file_fail(&job->error, CODE_DENIED, "permissions: only 0 to 0777");
    r = target_open(&p.target, job->path, &job->error);
    if (!r)
        r = put_whole(&p);
    target_done(&p.target);
    return r;
}

/* ---- take ---- */

/* The reply promised so many bytes; who gets fewer knows that the file was changed. */
static void pour_out(const struct file_job *job, int fd, int64_t len, char *data)
{
    while (len > 0) {
        ssize_t n = read(fd, data, len < FILE_BLOCK ? (size_t)len : FILE_BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !write_out(job->pipe, data, (size_t)n))
            return;
        len -= n;
    }
}

static int take_reply(struct file_job *job, int fd, const struct stat *st)
{
    struct wire_out *w = &job->out;
    char real[FILE_PATH_MAX];

    file_real_path(fd, job->path, real);
    wire_begin(w, WIRE_REPLY, 0);
    wire_put_str(w, TAG_PATH, real);
    wire_put_i64(w, TAG_SIZE, st->st_size);
    wire_put_i64(w, TAG_MTIME_MS, file_mtime_ms(st));
    wire_put_u32(w, TAG_MODE, st->st_mode & 07777);
    wire_put_i64(w, TAG_LENGTH, st->st_size);
    if (!channel_send(job->channel, w, NULL, 0))
        return file_fail(&job->error, CODE_INTERNAL, "the answer does not fit a frame");
    return 0;
}

static int take_open(struct file_job *job, int fd)
{
    int64_t max = wire_i64(&job->in, TAG_MAX_BYTES, 0);
    struct stat st;
    char *data;
    int r;

    if (fstat(fd, &st))
        return file_fail_errno(&job->error, errno, "read", job->path);
    if (!S_ISREG(st.st_mode))
        return file_fail_type(&job->error, st.st_mode, "read", job->path);
    if (job->pipe < 0)
        return file_fail(&job->error, CODE_INVALID, "no pipe");
    if (st.st_size > max)
        return file_fail(&job->error, CODE_TOO_LARGE, "%.900s has %lld bytes, more than %lld",
                         job->path, (long long)st.st_size, (long long)max);
    data = block(job);
    r = data ? take_reply(job, fd, &st) : -1;
    if (!r)
        pour_out(job, fd, st.st_size, data);
    free(data);
    return r;
}

int file_take(struct file_job *job)
{
    struct stat st;
    int fd = open(job->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r;

    if (fd < 0 && errno == ENXIO && !stat(job->path, &st))
        return file_fail_type(&job->error, st.st_mode, "read", job->path);
    if (fd < 0)
        return file_fail_errno(&job->error, errno, "read", job->path);
    r = take_open(job, fd);
    close(fd);
    return r;
}
