#include "backend/agent/file_old.h"
#include "backend/agent/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define HASH_BLOCK (256 * 1024)

static struct {
    int fd; /* 0: none */
    char *data;
    size_t len;
    mode_t mode;
} old;

void old_forget(void)
{
    if (old.fd > 0)
        close(old.fd);
    free(old.data);
    memset(&old, 0, sizeof(old));
}

static int open_regular(const struct file_target *t, struct stat *st)
{
    int fd = openat(t->dir, t->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0 && (fstat(fd, st) || !S_ISREG(st->st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* How much came; -1 when it cannot be read. */
static ssize_t read_from_start(int fd, char *to, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = pread(fd, to + have, len - have, (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (!n)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

bool old_open(const struct file_target *t)
{
    struct stat st;

    old.fd = open_regular(t, &st);
    if (old.fd > 0)
        return true;
    old.fd = 0;
    return t->exists || !fstatat(t->dir, t->name, &st, AT_SYMLINK_NOFOLLOW);
}

void old_copy(const struct file_target *t)
{
    struct stat st;
    int fd = open_regular(t, &st);
    ssize_t n = -1;

    if (fd >= 0 && st.st_size <= FILE_WRITE_MAX)
        old.data = malloc((size_t)st.st_size + 1);
    if (old.data)
        n = read_from_start(fd, old.data, (size_t)st.st_size + 1);
    if (fd >= 0)
        close(fd);
    if (n != st.st_size) {
        old_forget();
        return;
    }
    old.len = (size_t)n;
    old.mode = st.st_mode & 07777;
}

static void put_size(struct wire_out *out, off_t size, mode_t mode)
{
    wire_put_i64(out, TAG_OLD_SIZE, size);
    wire_put_u32(out, TAG_OLD_MODE, mode & 07777);
}

/* A file that still has a name is not the one that was replaced. */
static void put_opened(struct wire_out *out)
{
    static char data[WIRE_INLINE_MAX];
    struct stat st;

    if (fstat(old.fd, &st) || st.st_nlink)
        return;
    old.mode = st.st_mode & 07777;
    old.len = (size_t)st.st_size;
    if (st.st_size <= WIRE_INLINE_MAX) {
        if (read_from_start(old.fd, data, old.len) != st.st_size)
            return;
        wire_put(out, TAG_OLD_DATA, data, old.len);
    }
    put_size(out, st.st_size, old.mode);
}

/* What was told whole, or will not be asked for, need not be kept. */
void old_put(struct wire_out *out)
{
    if (old.fd)
        put_opened(out);
    if (old.data) {
        if (old.len <= WIRE_INLINE_MAX)
            wire_put(out, TAG_OLD_DATA, old.data, old.len);
        put_size(out, (off_t)old.len, old.mode);
    }
    if (old.len <= WIRE_INLINE_MAX || old.len > FILE_WRITE_MAX)
        old_forget();
}

/* Two hashes in one pass: of the first `cut` bytes, and of all. */
static bool hash_twice(int fd, off_t cut, char first[65], char all[65])
{
    char *block = malloc(HASH_BLOCK);
    struct sha256 sha, at_cut;
    off_t at = 0;
    ssize_t n = -1;

    sha256_init(&sha);
    while (block && at < FILE_TOTALS_MAX) {
        size_t want = at < cut && cut - at < HASH_BLOCK ? (size_t)(cut - at) : HASH_BLOCK;
        if (at == cut)
            at_cut = sha;
        n = pread(fd, block, want, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        sha256_add(&sha, block, (size_t)n);
        at += n;
    }
    free(block);
    if (n || at < cut)
        return false;
    sha256_hex(&at_cut, first);
    sha256_hex(&sha, all);
    return true;
}

bool old_put_appended(struct wire_out *out, const struct file_target *t, const struct stat *was,
                      size_t len, char hex[65])
{
    struct stat st;
    char first[65];
    int fd = open_regular(t, &st);
    bool done =
        fd >= 0 && st.st_size <= FILE_TOTALS_MAX && hash_twice(fd, was->st_size, first, hex);

    if (fd >= 0)
        close(fd);
    if (!done || st.st_size != was->st_size + (off_t)len)
        return done;
    put_size(out, was->st_size, was->st_mode);
    wire_put_str(out, TAG_OLD_SHA256, first);
    return true;
}

int file_old(struct file_job *job)
{
    char *data = old.data;
    int r;

    if (!old.fd && !old.data)
        return file_fail(&job->error, CODE_GONE, "nothing is kept of the last write");
    if (old.len > FILE_WRITE_MAX || job->pipe < 0)
        return file_fail(&job->error, CODE_TOO_LARGE, "it is too large");
    if (!data)
        data = malloc(old.len + 1);
    if (!data)
        return file_fail(&job->error, CODE_INTERNAL, "out of memory");
    if (!old.data && read_from_start(old.fd, data, old.len + 1) != (ssize_t)old.len) {
        free(data);
        return file_fail(&job->error, CODE_GONE, "it has changed");
    }
    wire_begin(&job->out, WIRE_REPLY, 0);
    r = file_job_reply(job, data, old.len);
    if (!old.data)
        free(data);
    old_forget();
    return r;
}
