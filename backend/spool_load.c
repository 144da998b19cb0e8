#include "backend/spool.h"
#include "base/cleanup.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARGIN (256 * 1024) /* one add at most: its bytes may be there before the head says so */
#define BLOCK 65536

static bool sound(const struct spool_head *h)
{
    return !memcmp(h->magic, SPOOL_MAGIC, sizeof(h->magic)) && h->head_cap &&
           h->head_cap <= SPOOL_HEAD && h->ring_cap && h->ring_cap <= SPOOL_RING;
}

static uint64_t count_lines(int fd, uint64_t from, uint64_t len)
{
    AUTO_FREE char *block = malloc(BLOCK);
    uint64_t n = 0;

    while (block && len) {
        ssize_t got = pread(fd, block, len < BLOCK ? (size_t)len : BLOCK, (off_t)from);
        if (got <= 0)
            break;
        n += spool_lines(block, (size_t)got);
        from += (uint64_t)got;
        len -= (uint64_t)got;
    }
    return n;
}

/* size: bytes of the stream in the file. */
static void take(struct spool *s, const struct spool_head *h, uint64_t size)
{
    uint64_t caps = h->head_cap + h->ring_cap;

    s->head_cap = h->head_cap;
    s->ring_cap = h->ring_cap;
    s->lines = h->lines;
    s->total = h->total;
    s->lost = h->lost;
    s->stored = h->stored;
    if (s->lost || (h->closed && size >= (h->total < caps ? h->total : caps))) {
        if (s->lost && s->stored > size)
            s->stored = size;
        return;
    }
    if (size < caps) {
        s->total = size;
        s->lines = count_lines(s->fd, s->begin, size);
        return;
    }
    if (s->total < size)
        s->total = size;
    s->margin = MARGIN;
}

int spool_load(struct spool *s, int dir_fd, struct spool_quota *quota, const char *name,
               struct err *err)
{
    struct spool_head h;
    struct stat st;

    spool_init(s, dir_fd, quota);
    spool_name(s, name);
    s->kept = s->resting = true;
    s->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (s->fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, errno, "open the output %s", name);
    s->in_file = true;
    if (fstat(s->fd, &st) || !S_ISREG(st.st_mode)) {
        fd_close(&s->fd);
        s->in_file = false;
        return err_set(err, ERR_INVALID, "the output %s is no file", name);
    }
    if (st.st_size < (off_t)sizeof(h)) {
        fd_close(&s->fd); /* ended before the first byte */
        s->in_file = false;
        return 0;
    }
    if (pread(s->fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || !sound(&h)) {
        fd_close(&s->fd);
        s->in_file = false;
        return err_set(err, ERR_INVALID, "the output %s cannot be read", name);
    }
    take(s, &h, (uint64_t)st.st_size - s->begin);
    s->charged = (uint64_t)st.st_size - s->begin;
    atomic_fetch_add(&quota->used, s->charged);
    fd_close(&s->fd);
    return 0;
}
