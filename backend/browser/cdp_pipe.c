#include "backend/browser/cdp.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define READ_SIZE (64 * 1024)
#define PIPE_SIZE (1024 * 1024)
#define KEEP_MAX (1024 * 1024)
#define SEND_MS 5000 /* a browser that reads nothing for so long is broken */

struct pipe_wire {
    struct cdp_wire base;
    int in, out, stop_fd;
    size_t at, len; /* what of `chunk` was not taken yet */
    char chunk[READ_SIZE];
};

static int wait_for(struct pipe_wire *w, int fd, short events, int ms)
{
    struct pollfd fds[2] = { { .fd = fd, .events = events },
                             { .fd = w->stop_fd, .events = POLLIN } };
    int n;

    do
        n = poll(fds, 2, ms);
    while (n < 0 && errno == EINTR);
    if (n <= 0 || fds[1].revents)
        return -1;
    return 0;
}

static int write_all(struct pipe_wire *w, const char *data, size_t len, struct err *err)
{
    while (len) {
        ssize_t n = write(w->out, data, len);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            if (wait_for(w, w->out, POLLOUT, SEND_MS))
                return err_set(err, ERR_UNAVAILABLE, "the browser takes no commands any more");
        } else if (errno != EINTR) {
            return err_sys(err, errno, "write to the browser");
        }
    }
    return 0;
}

static int pipe_send(struct cdp_wire *wire, const char *json, size_t len, struct err *err)
{
    struct pipe_wire *w = (struct pipe_wire *)wire;

    return write_all(w, json, len + 1, err);
}

static int fill(struct pipe_wire *w, struct err *err)
{
    for (;;) {
        ssize_t n = read(w->in, w->chunk, sizeof(w->chunk));
        if (n >= 0) {
            w->at = 0;
            w->len = (size_t)n;
            return n > 0;
        }
        if (errno == EAGAIN) {
            if (wait_for(w, w->in, POLLIN, -1))
                return 0;
        } else if (errno != EINTR) {
            return err_sys(err, errno, "read from the browser");
        }
    }
}

static int keep(struct buf *buf, const char *data, size_t n, struct err *err)
{
    size_t room = buf->max - buf->len;

    return buf_add(buf, data, n < room ? n : room, err);
}

static int pipe_receive(struct cdp_wire *wire, struct buf *buf, struct err *err)
{
    struct pipe_wire *w = (struct pipe_wire *)wire;

    if (buf->cap > KEEP_MAX)
        buf_done(buf);
    buf_clear(buf);
    for (;;) {
        if (w->len) {
            char *from = w->chunk + w->at, *end = memchr(from, '\0', w->len);
            size_t n = end ? (size_t)(end - from) : w->len;
            if (keep(buf, from, n, err))
                return -1;
            w->at += n + (end != NULL);
            w->len -= n + (end != NULL);
            if (end)
                return 1;
        }
        int got = fill(w, err);
        if (got <= 0)
            return got;
    }
}

static void pipe_stop(struct cdp_wire *wire)
{
    (void)eventfd_write(((struct pipe_wire *)wire)->stop_fd, 1);
}

static void pipe_free(struct cdp_wire *wire)
{
    struct pipe_wire *w = (struct pipe_wire *)wire;

    fd_close(&w->in);
    fd_close(&w->out);
    fd_close(&w->stop_fd);
    free(w);
}

int cdp_pipe_new(int from_browser, int to_browser, struct cdp_wire **out, struct err *err)
{
    AUTO_FD int in = from_browser;
    AUTO_FD int to = to_browser;
    AUTO_FD int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (stop_fd < 0)
        return err_sys(err, errno, "eventfd");
    if (io_set_nonblocking(in, true) || io_set_nonblocking(to, true))
        return err_sys(err, errno, "the browser's pipes");
    (void)fcntl(in, F_SETPIPE_SZ, PIPE_SIZE);
    struct pipe_wire *w = calloc(1, sizeof(*w));
    if (!w)
        return err_oom(err);
    w->base = (struct cdp_wire){ pipe_send, pipe_receive, pipe_stop, pipe_free };
    w->in = TAKE_FD(&in);
    w->out = TAKE_FD(&to);
    w->stop_fd = TAKE_FD(&stop_fd);
    *out = &w->base;
    return 0;
}
