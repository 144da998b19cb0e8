/*
 * Overwrite and create: a temporary beside the file, then a rename. In place only where that
 * cannot be: other hard links, another owner, a folder that takes no new names, a mount point.
 */
#include "backend/agent/file_old.h"
#include "backend/agent/file_target.h"
#include "backend/agent/file_text.h"
#include "backend/agent/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OVERWRITE, CREATE, APPEND };

struct writing {
    struct file_job *job;
    struct file_target target;
    const char *data;
    size_t len;
    uint32_t how;
    int mode;          /* -1: keep, or 0644 */
    char expected[65]; /* "" : none */
    bool fresh;        /* must not exist */
    bool created;
    bool keep;       /* what was there before */
    bool exact;      /* the path is the file, not a link to it */
    struct stat was; /* of what is appended to */
};

static int failed(struct writing *w, const char *action)
{
    return file_fail_errno(&w->job->error, errno, action, w->target.path);
}

static int exists(struct writing *w)
{
    file_fail(&w->job->error, CODE_CONFLICT, "%.900s exists", w->target.path);
    return file_hint(&w->job->error, "pass mode overwrite to replace it, or another path");
}

static int pipe_content(struct writing *w, size_t len, char *data)
{
    struct pollfd p[2] = { { .fd = w->job->pipe, .events = POLLIN }, { .fd = w->job->channel } };
    size_t have = 0;

    while (have < len) {
        ssize_t n;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return -1;
        if (p[1].revents & (POLLHUP | POLLERR))
            return -1;
        n = p[0].revents ? read(w->job->pipe, data + have, len - have) : -2;
        if (!n || (n == -1 && errno != EINTR && errno != EAGAIN))
            return -1;
        have += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* *owned is what must be freed. */
static int content(struct writing *w, char **owned)
{
    const struct wire_in *in = &w->job->in;
    uint64_t len = (uint64_t)wire_i64(in, TAG_LENGTH, 0);

    if (!wire_has(in, TAG_LENGTH)) {
        w->data = (const char *)in->tags[TAG_DATA].data;
        w->len = in->tags[TAG_DATA].len;
        return 0;
    }
    if (len > FILE_WRITE_MAX) {
        file_fail(&w->job->error, CODE_TOO_LARGE, "one write takes up to %d MiB",
                  FILE_WRITE_MAX >> 20);
        return file_hint(&w->job->error, "write the rest with mode append");
    }
    w->data = *owned = malloc(len + 1);
    w->len = len;
    if (!*owned)
        return file_fail(&w->job->error, CODE_INTERNAL, "out of memory");
    if (pipe_content(w, len, *owned))
        return file_fail(&w->job->error, CODE_UNAVAILABLE,
                         "the content did not arrive whole; nothing was written");
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* What the request says about the content that is there now. */
static int expectation(struct writing *w)
{
    char now[65];

    if (!w->expected[0])
        return 0;
    if (!w->target.exists) {
        file_fail(&w->job->error, CODE_CONFLICT, "%.900s does not exist (any more)",
                  w->target.path);
        return file_hint(&w->job->error, "write it without expect_sha256 to create it");
    }
    if (target_hash(&w->target, now, &w->job->error))
        return -1;
    if (!strcmp(now, w->expected))
        return 0;
    file_fail(&w->job->error, CODE_CONFLICT, "%.800s has changed: its sha256 is now %s",
              w->target.path, now);
    return file_hint(&w->job->error, "read it again with file_read and redo the change");
}

static void hash(struct writing *w, char hex[65])
{
    struct sha256 sha;
    bool made = true;

    if (w->how == APPEND && w->keep && !w->created) {
        made = old_put_appended(&w->job->out, &w->target, &w->was, w->len, hex);
    } else if (w->how == APPEND) {
        made = !target_hash(&w->target, hex, &w->job->error);
    } else {
        sha256_init(&sha);
        sha256_add(&sha, w->data, w->len);
        sha256_hex(&sha, hex);
    }
    if (!made)
        hex[0] = '\0';
}

static int reply(struct writing *w, int fd)
{
    struct wire_out *out = &w->job->out;
    struct stat st;
    char hex[65];

    if (fstat(fd, &st))
        return failed(w, "look at");
    wire_begin(out, WIRE_REPLY, 0);
    hash(w, hex);
    old_put(out);
    wire_put_str(out, TAG_PATH, w->target.path);
    wire_put_i64(out, TAG_WRITTEN, (int64_t)w->len);
    wire_put_i64(out, TAG_SIZE, st.st_size);
    wire_put_u32(out, TAG_MODE, st.st_mode & 07777);
    if (hex[0])
        wire_put_str(out, TAG_SHA256, hex);
    wire_put_u32(out, TAG_FLAGS, w->created ? WIRE_F_CREATED : 0);
    return file_job_reply(w->job, NULL, 0);
}

static int open_there(struct writing *w, int flags)
{
    return openat(w->target.dir, w->target.name,
                  O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags, 0644);
}

/* Space first, so that a full disk is noticed while the old content is whole. */
static int overwrite_open(struct writing *w, int fd)
{
    struct stat st;
    off_t len = (off_t)w->len;

    if (fstat(fd, &st))
        return failed(w, "write");
    if (!S_ISREG(st.st_mode))
        return file_fail_type(&w->job->error, st.st_mode, "write", w->target.path);
    if (expectation(w))
        return -1;
    if (len > st.st_size && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, len) &&
        (errno == ENOSPC || errno == EDQUOT)) {
        int number = errno;
        (void)!ftruncate(fd, st.st_size);
        errno = number;
        return failed(w, "write");
    }
    if (w->keep)
        old_copy(&w->target);
    if (w->mode >= 0 && fchmod(fd, (mode_t)w->mode))
        return failed(w, "set the mode of");
    if (write_all(fd, w->data, w->len) || ftruncate(fd, len))
        return failed(w, "overwrite (it may hold a part of the new content now)");
    return reply(w, fd);
}

static int in_place(struct writing *w)
{
    int fd = open_there(w, 0), r;

    if (fd < 0)
        return failed(w, "write");
    r = overwrite_open(w, fd);
    close(fd);
    return r;
}

static int append_open(struct writing *w, int fd)
{
    struct stat st, now;

    if (fstat(fd, &st))
        return failed(w, "append to");
    if (!S_ISREG(st.st_mode))
        return file_fail_type(&w->job->error, st.st_mode, "append to", w->target.path);
    if (expectation(w))
        return -1;
    w->was = st;
    if (w->mode >= 0 && fchmod(fd, (mode_t)w->mode))
        return failed(w, "set the mode of");
    if (write_all(fd, w->data, w->len)) {
        int number = errno;
        if (!fstat(fd, &now) && now.st_size > st.st_size &&
            now.st_size < st.st_size + (off_t)w->len)
            (void)!ftruncate(fd, st.st_size);
        if (w->created)
            unlinkat(w->target.dir, w->target.name, 0);
        errno = number;
        return failed(w, "append to");
    }
    return reply(w, fd);
}

static int append(struct writing *w)
{
    int fd, r;

    w->created = !w->target.exists;
    fd = open_there(w, O_APPEND | O_CREAT | (w->fresh ? O_EXCL : 0));
    if (fd < 0)
        return errno == EEXIST ? exists(w) : failed(w, "append to");
    r = append_open(w, fd);
    close(fd);
    return r;
}

/* errno of the failure, or 0. */
static int fill(struct writing *w, int fd)
{
    if (write_all(fd, w->data, w->len))
        return errno;
    return target_adopt(&w->target, fd, w->mode);
}

static int replace(struct writing *w)
{
    char name[256];
    int fd = target_temporary(&w->target, name), number, r = -1;

    if (fd < 0)
        return target_only_in_place(&w->target, errno) ? in_place(w) : failed(w, "write");
    number = fill(w, fd);
    if (!number && !expectation(w)) {
        w->created = w->keep ? !old_open(&w->target) : !w->target.exists;
        number = target_publish(&w->target, name, w->fresh || w->how == CREATE) ? errno : 0;
        if (!number)
            r = reply(w, fd);
    }
    if (r)
        unlinkat(w->target.dir, name, 0);
    close(fd);
    if (!number)
        return r;
    if (target_only_in_place(&w->target, number))
        return in_place(w);
    errno = number;
    return number == EEXIST ? exists(w) : failed(w, "write");
}

static int store(struct writing *w)
{
    const struct file_target *t = &w->target;

    if (t->exists && (w->how == CREATE || w->fresh))
        return exists(w);
    if (t->exists && faccessat(t->dir, t->name, W_OK, 0))
        return failed(w, "write");
    if (w->how == APPEND)
        return append(w);
    return t->exists && t->st.st_nlink > 1 ? in_place(w) : replace(w);
}

static int checked(struct writing *w)
{
    const struct wire_in *in = &w->job->in;
    struct file_error *e = &w->job->error;

    if (wire_has(in, TAG_SHA256) &&
        (!wire_str(in, TAG_SHA256, w->expected, sizeof(w->expected)) || strlen(w->expected) != 64))
        return file_fail(e, CODE_INVALID, "expect_sha256: must be 64 hex digits");
    for (char *p = w->expected; *p; p++)
        *p = *p >= 'A' && *p <= 'F' ? (char)(*p + 32) : *p;
    if (w->how > APPEND || w->mode > 07777)
        return file_fail(e, CODE_INVALID, "no such write mode or permissions");
    if (w->mode >= 0 && w->mode & 06000)
        return file_fail(e, CODE_DENIED, "permissions: no set-id bits in a sandbox");
    return 0;
}

/* The content first: whoever sends it through the pipe waits until it is taken. */
int file_write(struct file_job *job)
{
    const struct wire_in *in = &job->in;
    struct writing w = { .job = job,
                         .how = wire_u32(in, TAG_WRITE_MODE, OVERWRITE),
                         .mode = (int)wire_u32(in, TAG_MODE, UINT32_MAX),
                         .target = { .dir = -1 },
                         .fresh = wire_u32(in, TAG_FLAGS, 0) & WIRE_F_MUST_NOT_EXIST,
                         .keep = wire_u32(in, TAG_FLAGS, 0) & WIRE_F_OLD,
                         .exact = wire_u32(in, TAG_FILE_OP, 0) == WIRE_FILE_RESTORE };
    char *owned = NULL;
    int r = content(&w, &owned) || checked(&w) || (w.exact && restore_check(job)) ? -1 : 0;

    if (!r)
        r = target_open(&w.target, job->path, &job->error);
    if (!r && w.exact && strcmp(w.target.path, job->path))
        r = file_fail(&job->error, CODE_CONFLICT, "%.900s has become a link", job->path);
    if (!r)
        r = store(&w);
    target_done(&w.target);
    free(owned);
    return r;
}
