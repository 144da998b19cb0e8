#include "backend/agent/file_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CHUNK (8 * 1024 * 1024) /* between two looks at the channel */
#define BLOCK (256 * 1024)

/* Through a buffer; `end` may lie behind the file's. *at advances. */
static int pump(int in, int out, off_t *at, off_t end, bool sized)
{
    char *block = malloc(BLOCK);
    int number = block ? 0 : ENOMEM;

    while (!number && *at < end) {
        size_t want = end - *at < BLOCK ? (size_t)(end - *at) : BLOCK;
        ssize_t n = sized ? pread(in, block, want, *at) : read(in, block, want), put = 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            number = n ? errno : -1;
            break;
        }
        while (!number && put < n) {
            ssize_t w = pwrite(out, block + put, (size_t)(n - put), *at + put);
            if (w < 0 && errno != EINTR)
                number = errno;
            put += w > 0 ? w : 0;
        }
        *at += n;
    }
    free(block);
    return number;
}

/* One stretch without holes. -1: the file ends before. */
static int stretch(struct file_report *r, int in, int out, off_t *at, off_t end, bool *kernel)
{
    while (*at < end) {
        off_t stop = end - *at < CHUNK ? end : *at + CHUNK, to = *at;
        ssize_t n = -1;
        int number;
        if (report_halted(r, true))
            return ECANCELED;
        if (*kernel)
            n = copy_file_range(in, at, out, &to, (size_t)(stop - *at), 0);
        if (n > 0)
            continue;
        if (*kernel && n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            return errno;
        *kernel = false;
        number = pump(in, out, at, stop, true);
        if (number)
            return number;
    }
    return 0;
}

static int with_holes(struct file_report *r, int in, int out, const struct stat *st)
{
    bool sparse = st->st_blocks * 512 < st->st_size, kernel = true;
    off_t at = 0, end;
    int number = 0;

    while (!number && at < st->st_size) {
        end = st->st_size;
        if (sparse) {
            off_t data = lseek(in, at, SEEK_DATA);
            if (data < 0 && errno == ENXIO)
                break;
            sparse = data >= 0;
            at = sparse ? data : at;
            end = sparse ? lseek(in, at, SEEK_HOLE) : st->st_size;
            end = end < 0 || end > st->st_size ? st->st_size : end;
        }
        number = stretch(r, in, out, &at, end, &kernel);
    }
    if (number > 0)
        return number;
    if (number == 0 && at < st->st_size)
        at = st->st_size;
    return ftruncate(out, at) ? errno : 0;
}

int copy_data(struct file_report *r, int in, int out, const struct stat *st)
{
    off_t at = 0;
    int number;

    if (st->st_size)
        return ioctl(out, FICLONE, in) ? with_holes(r, in, out, st) : 0;
    number = pump(in, out, &at, COPY_UNSIZED_MAX, false);
    return number == -1 ? 0 : number ? number : EFBIG;
}
