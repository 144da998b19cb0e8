#include "backend/recording/mkv.h"

#include <string.h>

#define HEAD_MAX 1024 /* of a cluster, up to its picture; a head of ours is far shorter */

static uint64_t be(const unsigned char *p, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

bool jpeg_size(const void *data, size_t len, int *width, int *height)
{
    const unsigned char *p = data;
    size_t at = 2;

    if (len < 4 || p[0] != 0xff || p[1] != 0xd8)
        return false;
    while (at + 9 < len && p[at] == 0xff) {
        unsigned char marker = p[at + 1];
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
            marker != 0xcc) {
            *height = (int)be(p + at + 5, 2);
            *width = (int)be(p + at + 7, 2);
            return *width && *height;
        }
        at += marker == 0xff ? 1 : 2 + be(p + at + 2, 2);
    }
    return false;
}

/* An element's id and size as mkv.c writes them: sizes have 8 bytes. 0 at anything else. */
static size_t element(const unsigned char *p, size_t len, uint32_t *id, uint64_t *size)
{
    int n = len && p[0] ? __builtin_clz(p[0]) - 23 : 0;

    if (n < 1 || n > 4 || len < (size_t)n + 8 || p[n] != 1)
        return 0;
    *id = (uint32_t)be(p, n);
    *size = be(p + n, 8) & 0x00ffffffffffffffull;
    return (size_t)n + 8;
}

/* p: the content of a cluster at `at`, which ends at `end`; len bytes of it were read. */
static bool cluster(const unsigned char *p, size_t len, uint64_t at, uint64_t end,
                    struct mkv_picture *out)
{
    uint32_t id;
    uint64_t size;
    size_t n = element(p, len, &id, &size);

    if (!n || id != 0xE7 || size > 8 || n + size > len)
        return false;
    out->ms = (int64_t)be(p + n, (int)size);
    p += n + size;
    at += n + size;
    len -= n + size;
    n = element(p, len, &id, &size);
    if (!n || id != 0xA3 || size < 4 || at + n > end || size > end - at - n)
        return false;
    out->at = at + n + 4;
    out->len = size - 4;
    return true;
}

/* -1 no memory */
static int keep(struct mkv_picture **all, size_t *count, size_t *cap, const struct mkv_picture *one)
{
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 256;
        struct mkv_picture *grown = realloc(*all, more * sizeof(*grown));
        if (!grown)
            return -1;
        *all = grown;
        *cap = more;
    }
    (*all)[(*count)++] = *one;
    return 0;
}

int mkv_pictures(int fd, struct mkv_picture **out, size_t *count, struct err *err)
{
    AUTO_FREE struct mkv_picture *all = NULL;
    unsigned char head[HEAD_MAX];
    size_t n = 0, cap = 0;
    off_t end = lseek(fd, 0, SEEK_END);
    uint64_t at = 0;

    while (end > 0 && at < (uint64_t)end && n < MKV_PICTURES_MAX) {
        ssize_t got = pread(fd, head, sizeof(head), (off_t)at);
        struct mkv_picture one;
        uint64_t size;
        uint32_t id;
        size_t len = got > 0 ? element(head, (size_t)got, &id, &size) : 0;
        if (!len)
            break;
        at += len;
        if (id == 0x18538067) /* the segment: what it holds comes next */
            continue;
        if (size > (uint64_t)end - at)
            break;
        if (id == 0x1F43B675 && cluster(head + len, (size_t)got - len, at, at + size, &one) &&
            keep(&all, &n, &cap, &one))
            return err_oom(err);
        at += size;
    }
    *out = TAKE(all);
    *count = n;
    return 0;
}
