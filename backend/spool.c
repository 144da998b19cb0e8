#include "backend/spool.h"
#include "base/cleanup.h"
#include "base/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_CAP (64 * 1024) /* what a stream may always keep of head and ring each */

void spool_init(struct spool *s, int dir_fd, struct spool_quota *quota)
{
    *s = (struct spool){
        .quota = quota,
        .dir_fd = dir_fd,
        .fd = -1,
        .head_cap = SPOOL_HEAD,
        .ring_cap = SPOOL_RING,
    };
}

void spool_done(struct spool *s)
{
    free(s->memory);
    fd_close(&s->fd);
    if (s->in_file && s->name[0] && !s->kept)
        unlinkat(s->dir_fd, s->name, 0);
    if (s->quota)
        atomic_fetch_sub(&s->quota->used, s->charged);
    spool_init(s, -1, NULL);
}

void spool_name(struct spool *s, const char *name)
{
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->begin = sizeof(struct spool_head);
}

static int make_named(const struct spool *s)
{
    const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(s->dir_fd, s->name, flags, 0600);
    const char *slash = strchr(s->name, '/');
    char folder[SPOOL_NAME];

    if (fd >= 0 || errno != ENOENT || !slash)
        return fd;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - s->name), s->name);
    if (mkdirat(s->dir_fd, folder, 0700) && errno != EEXIST)
        return -1;
    return openat(s->dir_fd, s->name, flags, 0600);
}

/* Unlinked from birth, so nothing is left behind whatever happens to the server. */
static int make_unlinked(int dir_fd)
{
    char name[48];
    int fd = openat(dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    id_make("sp", name);
    fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlinkat(dir_fd, name, 0);
    return fd;
}

static bool write_at(int fd, const char *data, size_t len, uint64_t at)
{
    while (len) {
        ssize_t n = pwrite(fd, data, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}

static uint64_t file_size(const struct spool *s, uint64_t total)
{
    uint64_t max = s->head_cap + s->ring_cap;

    return total < max ? total : max;
}

/* Charge what the file will hold when `total` bytes were added; when the quota has no room,
 * stop growing: the ring wraps within what is there. */
static void charge(struct spool *s, uint64_t total)
{
    uint64_t want = file_size(s, total), more;

    if (want <= s->charged)
        return;
    more = want - s->charged;
    if (atomic_fetch_add(&s->quota->used, more) + more <= s->quota->max) {
        s->charged = want;
        return;
    }
    atomic_fetch_sub(&s->quota->used, more);
    if (s->total <= s->head_cap && s->head_cap == SPOOL_HEAD) {
        s->head_cap = s->total > MIN_CAP ? s->total : MIN_CAP;
        s->ring_cap = MIN_CAP;
    } else if (s->ring_cap == SPOOL_RING && s->total < s->head_cap + s->ring_cap) {
        uint64_t ring = s->total - s->head_cap;
        s->ring_cap = ring > MIN_CAP ? ring : MIN_CAP;
    }
}

static void lose(struct spool *s, uint64_t stored)
{
    s->lost = true;
    s->stored = stored;
}

/* Where the file holds that byte, and how many follow it there. */
static void locate(const struct spool *s, uint64_t at, uint64_t *place, uint64_t *room)
{
    uint64_t in_ring;

    if (at < s->head_cap) {
        *place = s->begin + at;
        *room = s->head_cap - at;
        return;
    }
    in_ring = (at - s->head_cap) % s->ring_cap;
    *place = s->begin + s->head_cap + in_ring;
    *room = s->ring_cap - in_ring;
}

static void store(struct spool *s, uint64_t at, const char *data, size_t len)
{
    while (len && !s->lost) {
        uint64_t place, room;
        size_t n;
        locate(s, at, &place, &room);
        n = len < room ? len : (size_t)room;
        if (!write_at(s->fd, data, n, place))
            lose(s, at);
        at += n;
        data += n;
        len -= n;
    }
}

static bool keep_in_memory(struct spool *s, const void *data, size_t len)
{
    size_t need = (size_t)s->total + len, cap = s->memory_cap ? s->memory_cap : 4096;

    if (need > SPOOL_MEMORY)
        return false;
    while (cap < need)
        cap *= 2;
    if (cap > s->memory_cap) {
        char *p = realloc(s->memory, cap);
        if (!p)
            return false;
        s->memory = p;
        s->memory_cap = cap;
    }
    memcpy(s->memory + s->total, data, len);
    return true;
}

/* The file's size says it all until more was added than it holds. */
static void write_head(struct spool *s)
{
    struct spool_head h = {
        .magic = SPOOL_MAGIC,
        .total = s->total,
        .lines = s->lines,
        .head_cap = s->head_cap,
        .ring_cap = s->ring_cap,
        .stored = s->stored,
        .lost = s->lost,
        .closed = s->resting,
    };

    if (s->name[0] && s->fd >= 0)
        (void)write_at(s->fd, (const char *)&h, sizeof(h), 0);
}

static void move_to_file(struct spool *s)
{
    s->fd = s->name[0] ? make_named(s) : make_unlinked(s->dir_fd);
    if (s->fd < 0) {
        lose(s, s->total);
        return;
    }
    s->in_file = true;
    write_head(s);
    charge(s, s->total);
    store(s, 0, s->memory, (size_t)s->total);
    free(s->memory);
    s->memory = NULL;
    s->memory_cap = 0;
}

uint64_t spool_lines(const char *p, size_t len)
{
    const uint64_t ones = 0x0101010101010101u, low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t n = 0, word;

    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        word ^= ones * '\n';
        word = ~((((word & low) + low) | word) | low) >> 7;
        n += (word * ones) >> 56;
    }
    for (; len; len--)
        n += *p++ == '\n';
    return n;
}

void spool_add(struct spool *s, const void *data, size_t len)
{
    uint64_t caps = s->head_cap + s->ring_cap;
    bool lost = s->lost;

    if (!len || s->resting)
        return;
    if (!s->in_file && !s->lost && (s->kept || !keep_in_memory(s, data, len)))
        move_to_file(s);
    if (s->in_file && !s->lost) {
        charge(s, s->total + len);
        store(s, s->total, data, len);
    }
    s->lines += spool_lines(data, len);
    s->total += len;
    if (s->total > s->head_cap + s->ring_cap || caps != s->head_cap + s->ring_cap ||
        lost != s->lost)
        write_head(s);
}

void spool_keep(struct spool *s)
{
    s->kept = true;
    if (s->total && !s->in_file && !s->lost)
        move_to_file(s);
}

void spool_rest(struct spool *s)
{
    if (s->resting)
        return;
    s->resting = true;
    write_head(s);
    if (s->name[0])
        fd_close(&s->fd);
}

bool spool_gap(const struct spool *s, uint64_t *from, uint64_t *to)
{
    uint64_t kept = s->head_cap + s->ring_cap;

    if (s->lost) {
        *from = s->stored < s->head_cap ? s->stored : s->head_cap;
        *to = s->total;
        return *from < *to;
    }
    if (s->total <= kept && !s->margin)
        return false;
    *from = s->head_cap;
    *to = s->total - s->ring_cap + (s->margin < s->ring_cap ? s->margin : s->ring_cap);
    return true;
}

size_t spool_read(const struct spool *s, uint64_t offset, void *out, size_t len)
{
    uint64_t from, to, end = s->total;
    AUTO_FD int own = -1;
    size_t done = 0;
    int fd = s->fd;

    if (spool_gap(s, &from, &to) && offset < to)
        end = from;
    if (offset >= end)
        return 0;
    if (len > end - offset)
        len = (size_t)(end - offset);
    if (s->memory) {
        memcpy(out, s->memory + offset, len);
        return len;
    }
    if (fd < 0 && s->in_file)
        fd = own = openat(s->dir_fd, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    while (done < len) {
        uint64_t place, room;
        ssize_t n;
        locate(s, offset + done, &place, &room);
        n = pread(fd, (char *)out + done, room < len - done ? (size_t)room : len - done,
                  (off_t)place);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}
