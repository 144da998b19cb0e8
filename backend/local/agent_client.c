#include "backend/local/agent_client.h"
#include "backend/local/local.h"
#include "backend/local/rebind.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#define PIPE_FITS 65536 /* what a new pipe takes without a reader */
#define SEND_WAIT_MS 5000

struct agent *agent_ref(struct agent *a)
{
    atomic_fetch_add(&a->refs, 1);
    return a;
}

void agent_unref(struct agent *a)
{
    if (!a || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    fd_close(&a->control);
    fd_close(&a->pidfd);
    fd_close(&a->listener);
    pthread_mutex_destroy(&a->lock);
    rebind_free(a->rebind);
    free(a->facts);
    free(a);
}

void agent_stop(struct agent *a, const char *why)
{
    pthread_mutex_lock(&a->lock);
    if (!a->dead) {
        snprintf(a->why, sizeof(a->why), "%s", why);
        a->dead = true;
        if (a->control >= 0)
            shutdown(a->control, SHUT_RDWR);
    }
    pthread_mutex_unlock(&a->lock);
}

int agent_violation(struct agent *a, const char *what, struct err *err)
{
    log_warn("sandbox %s broke the protocol: %s", a->sandbox->base.id, what);
    agent_stop(a, what);
    if (a->pidfd >= 0)
        pidfd_send_signal(a->pidfd, SIGKILL, NULL, 0);
    return err_set(err, ERR_ISOLATION, "the sandbox was destroyed: its agent sent %s", what);
}

int agent_silent(struct agent *a, struct err *err)
{
    agent_stop(a, "it did not answer in time");
    err_set(err, ERR_UNAVAILABLE, "the sandbox did not answer in time and was stopped");
    return err_next(err, "call again: it is started anew");
}

static int own(struct agent *a, int fd, struct err *err)
{
    if (a->chown_pipes && fchown(fd, a->uid, a->gid))
        return err_sys(err, errno, "give a pipe to the sandbox");
    return 0;
}

static int make_pipe(struct agent *a, int *reader, int *writer, struct err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return err_sys(err, errno, "make a pipe");
    if (own(a, ends[0], err)) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

int agent_pipe_out(struct agent *a, int *mine, int *child, struct err *err)
{
    if (make_pipe(a, mine, child, err))
        return -1;
    fcntl(*mine, F_SETFL, O_NONBLOCK);
    return 0;
}

int agent_pipe_in(struct agent *a, int *mine, int *child, struct err *err)
{
    if (make_pipe(a, child, mine, err))
        return -1;
    fcntl(*mine, F_SETFL, O_WRONLY | O_NONBLOCK);
    return 0;
}

static int input_memfd(struct agent *a, const void *data, size_t len, int *child, struct err *err)
{
    AUTO_FD int fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_sys(err, errno, "make the input");
    if (io_write_all(fd, data, len) || lseek(fd, 0, SEEK_SET) < 0 || own(a, fd, err) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL))
        return err_sys(err, errno, "make the input");
    *child = TAKE_FD(&fd);
    return 0;
}

int agent_input(struct agent *a, const void *data, size_t len, int *child, struct err *err)
{
    AUTO_FD int reader = -1;
    AUTO_FD int writer = -1;

    if (!len) {
        *child = fcntl(a->sandbox->backend->null_fd, F_DUPFD_CLOEXEC, 0);
        return *child < 0 ? err_sys(err, errno, "open /dev/null") : 0;
    }
    if (len > PIPE_FITS)
        return input_memfd(a, data, len, child, err);
    if (make_pipe(a, &reader, &writer, err))
        return -1;
    if (io_write_all(writer, data, len))
        return err_sys(err, errno, "write the input");
    *child = TAKE_FD(&reader);
    return 0;
}

/* 1 sent, 0 the queue is full, -1 with errno. */
static int send_frame(int fd, struct wire_out *frame, const int *fds, size_t count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { .iov_base = frame->bytes, .iov_len = frame->len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (count) {
        struct cmsghdr *c;
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    }
    do
        n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 1;
    return errno == EAGAIN ? 0 : -1;
}

int channel_send(int channel, struct wire_out *frame, const int *fds, size_t count, struct err *err)
{
    int r;

    frame->bytes[offsetof(struct wire_header, nfds)] = (uint8_t)count;
    if (count > WIRE_MAX_FDS || !wire_end(frame))
        return err_set(err, ERR_TOO_LARGE, "the request is longer than %d bytes", WIRE_MAX);
    r = send_frame(channel, frame, fds, count);
    if (r > 0)
        return 0;
    if (!r)
        return err_set(err, ERR_UNAVAILABLE, "the sandbox does not take requests");
    return err_set(err, ERR_UNAVAILABLE, "the operation has ended");
}

int channel_signal(int channel, int signal, struct err *err)
{
    AUTO_FREE struct wire_out *w = malloc(sizeof(*w));

    if (!w)
        return err_oom(err);
    wire_begin(w, WIRE_SIGNAL, 0);
    wire_put_u32(w, TAG_SIGNAL, (uint32_t)signal);
    return channel_send(channel, w, NULL, 0, err);
}

/* OPEN frames queue while pid 1 forks; a full queue empties within milliseconds. */
static int send_open(struct agent *a, struct wire_out *open, const int *fds, size_t count,
                     struct err *err)
{
    int64_t deadline = clock_ms() + SEND_WAIT_MS;
    int r;

    for (;;) {
        struct pollfd p = { .events = POLLOUT };
        pthread_mutex_lock(&a->lock);
        r = a->dead ? -1 : send_frame(a->control, open, fds, count);
        p.fd = a->control;
        pthread_mutex_unlock(&a->lock);
        if (r > 0)
            return 0;
        if (r < 0)
            return err_set(err, ERR_UNAVAILABLE, "the sandbox has stopped%s%s", a->dead ? ": " : "",
                           a->dead ? a->why : "");
        if (clock_ms() >= deadline) {
            agent_stop(a, "pid 1 took no request for 5 s");
            return err_set(err, ERR_UNAVAILABLE, "the sandbox took no request for 5 s");
        }
        poll(&p, 1, 100);
    }
}

int agent_open(struct agent *a, uint8_t kind, struct wire_out *start, const int *fds, size_t count,
               int *out, struct err *err)
{
    AUTO_FD int mine = -1;
    AUTO_FD int theirs = -1;
    int pair[2], all[WIRE_MAX_FDS];
    struct wire_out *open = start;

    if (count + 1 > WIRE_MAX_FDS)
        return err_set(err, ERR_INTERNAL, "too many descriptors");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return err_sys(err, errno, "open a channel");
    mine = pair[0];
    theirs = pair[1];
    if (channel_send(mine, start, NULL, 0, err))
        return -1;
    all[0] = theirs;
    if (count)
        memcpy(all + 1, fds, sizeof(int) * count);
    wire_begin(open, kind, (uint8_t)(count + 1));
    wire_end(open);
    if (send_open(a, open, all, count + 1, err))
        return -1;
    *out = TAKE_FD(&mine);
    return 0;
}

/* No room for descriptors is offered: the kernel drops what comes and sets MSG_CTRUNC. */
enum channel_read channel_recv(int channel, struct frame *f)
{
    struct iovec iov = { .iov_base = f->bytes, .iov_len = sizeof(f->bytes) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    do
        n = recvmsg(channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? CHANNEL_AGAIN : CHANNEL_EOF;
    if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return CHANNEL_BAD;
    if (!n)
        return CHANNEL_EOF;
    return wire_parse(&f->in, f->bytes, (size_t)n) && !f->in.nfds ? CHANNEL_FRAME : CHANNEL_BAD;
}

int channel_error(const struct frame *f, struct err *err)
{
    uint32_t code = wire_u32(&f->in, TAG_CODE, ERR_INTERNAL);
    char text[sizeof(err->msg)], next[sizeof(err->next)];

    if (!code || code >= ERR_CODE_COUNT)
        code = ERR_INTERNAL;
    if (!wire_str(&f->in, TAG_TEXT, text, sizeof(text)))
        snprintf(text, sizeof(text), "the agent failed without a reason");
    err_set(err, (enum err_code)code, "%s", text);
    if (wire_str(&f->in, TAG_NEXT_TEXT, next, sizeof(next)))
        err_next(err, "%s", next);
    return -1;
}

int channel_expect(struct agent *a, int channel, uint8_t want, struct call *call,
                   int64_t deadline_ms, struct frame *f, struct err *err)
{
    for (;;) {
        struct pollfd p[2] = { { .fd = channel, .events = POLLIN },
                               { .fd = call ? call->event_fd : -1, .events = POLLIN } };
        switch (channel_recv(channel, f)) {
        case CHANNEL_FRAME:
            if (f->in.op == want)
                return 0;
            if (f->in.op == WIRE_ERROR)
                return channel_error(f, err);
            return agent_violation(a, "an unexpected frame", err);
        case CHANNEL_EOF:
            return err_set(err, ERR_UNAVAILABLE, "the sandbox ended the operation without a reply");
        case CHANNEL_BAD:
            return agent_violation(a, "a malformed frame", err);
        case CHANNEL_AGAIN:
            break;
        }
        if (call && call_check(call, err))
            return -1;
        if (deadline_ms && clock_ms() >= deadline_ms)
            return agent_silent(a, err);
        poll(p, 2, clock_left(deadline_ms));
    }
}
