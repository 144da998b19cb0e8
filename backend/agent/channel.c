#include "backend/agent/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_fds(struct msghdr *msg, int *fds)
{
    int n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        memcpy(fds, CMSG_DATA(c), bytes);
        n = (int)(bytes / sizeof(int));
    }
    return n;
}

int channel_recv(int fd, struct wire_in *in, uint8_t *bytes, int *fds, int *nfds, int flags)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
        struct cmsghdr align;
    } control;
    struct iovec iov = { bytes, WIRE_MAX };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.buf,
                          .msg_controllen = sizeof(control.buf) };
    ssize_t n;

    *nfds = 0;
    do
        n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? -1 : 0;
    if (!n)
        return 0;
    *nfds = take_fds(&msg, fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !wire_parse(in, bytes, (size_t)n) ||
        in->nfds != *nfds) {
        for (int i = 0; i < *nfds; i++)
            close(fds[i]);
        *nfds = 0;
        return -2;
    }
    return 1;
}

bool channel_send(int fd, struct wire_out *w, const int *fds, int nfds)
{
    union {
        char buf[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { w->bytes, w->len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t n;

    if (!wire_end(w))
        return false;
    if (nfds) {
        struct cmsghdr *c = &control.align;
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)nfds);
    }
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)w->len;
}

static bool field_fits(const struct wire_in *in, uint16_t tag, const struct frame_field *fields,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields[i].tag == tag)
            return fields[i].value == FIELD_BYTES || in->tags[tag].len == sizeof(uint32_t);
    return false;
}

bool channel_shape(const struct wire_in *in, const struct frame_field *fields, size_t count)
{
    for (uint16_t tag = 0; tag < TAG_MAX; tag++)
        if (wire_has(in, tag) && !field_fits(in, tag, fields, count))
            return false;
    return true;
}

void channel_error(int fd, uint32_t code, const char *next, const char *fmt, ...)
{
    static struct wire_out w;
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    wire_begin(&w, WIRE_ERROR, 0);
    wire_put_u32(&w, TAG_CODE, code);
    wire_put_str(&w, TAG_TEXT, text);
    wire_put_str(&w, TAG_NEXT_TEXT, next);
    (void)channel_send(fd, &w, NULL, 0);
}
