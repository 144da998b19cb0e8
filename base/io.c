#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int io_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t io_read(int fd, void *data, size_t len)
{
    ssize_t n;

    do
        n = read(fd, data, len);
    while (n < 0 && errno == EINTR);
    return n;
}

int io_read_all(int fd, struct buf *out, struct err *err)
{
    for (;;) {
        size_t room = out->max - out->len;
        char *p;
        ssize_t n;

        if (!room) {
            char extra;
            if (io_read(fd, &extra, 1) == 0)
                return 0;
            return err_set(err, ERR_TOO_LARGE, "more than %zu bytes", out->max);
        }
        p = buf_reserve(out, room < 65536 ? room : 65536, err);
        if (!p)
            return -1;
        n = io_read(fd, p, room < 65536 ? room : 65536);
        if (n < 0)
            return err_sys(err, errno, "read");
        if (!n)
            return 0;
        buf_commit(out, (size_t)n);
    }
}

int io_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -1;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int io_read_file(const char *path, size_t max, struct buf *out, struct err *err)
{
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return err_sys(err, errno, "open %s", path);
    if (fstat(fd, &st))
        return err_sys(err, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is not a regular file", path);
    buf_init(out, max);
    if (io_read_all(fd, out, err))
        return err_wrap(err, "read %s", path);
    return 0;
}

int io_make_path(const char *path, mode_t mode, struct err *err)
{
    AUTO_FREE char *copy = strdup(path);

    if (!copy)
        return err_oom(err);
    for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(copy, mode) && errno != EEXIST)
            return err_sys(err, errno, "make the directory %s", copy);
        if (!slash)
            return 0;
        *slash = '/';
    }
}
