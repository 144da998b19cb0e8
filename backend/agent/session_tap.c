#include "backend/agent/session_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP (1024 * 1024)
#define STEPS 16 /* in a row, so that nobody starves */

void tap_close(struct tap *t)
{
    if (t->from >= 0)
        close(t->from);
    if (t->keep >= 0)
        close(t->keep);
    if (t->to >= 0)
        close(t->to);
    *t = TAP_NONE;
}

static bool is_fifo(int fd)
{
    struct stat st;

    return fd >= 0 && !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

bool tap_open(struct tap *t, const char *path, int to)
{
    *t = TAP_NONE;
    t->to = to;
    (void)unlink(path);
    if (!mkfifo(path, 0600)) {
        t->from = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        t->keep = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    }
    if (is_fifo(t->from) && is_fifo(t->keep))
        return true;
    tap_close(t);
    return false;
}

void tap_poll(const struct tap *t, struct pollfd *p)
{
    *p = t->full ? (struct pollfd){ .fd = t->to, .events = POLLOUT }
                 : (struct pollfd){ .fd = t->from, .events = POLLIN };
}

static int waiting(int fd)
{
    int n = 0;

    return ioctl(fd, FIONREAD, &n) ? 0 : n;
}

static ssize_t move(struct tap *t)
{
    static char waste[65536];
    ssize_t n;

    if (t->to >= 0) {
        n = splice(t->from, NULL, t->to, NULL, STEP, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n >= 0 || errno == EAGAIN || errno == EINTR)
            return n;
        close(t->to);
        t->to = -1;
    }
    return read(t->from, waste, sizeof(waste));
}

void tap_pump(struct tap *t)
{
    for (int i = 0; i < STEPS && t->from >= 0; i++) {
        ssize_t n = move(t);
        t->full = false;
        if (n > 0) {
            t->owed -= n < t->owed ? n : t->owed;
        } else if (n < 0 && errno == EAGAIN) {
            t->full = t->to >= 0 && waiting(t->from);
            return;
        } else if (!n || errno != EINTR) {
            tap_close(t);
        }
    }
}

void tap_settle(struct tap *t)
{
    if (t->from < 0)
        return;
    t->owed = waiting(t->from);
    if (t->keep >= 0)
        close(t->keep);
    t->keep = -1;
    tap_pump(t);
}
