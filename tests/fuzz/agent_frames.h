/*
 * Frames of backend/wire.h out of a fuzzer's bytes, well formed more often than chance has it.
 *
 * A frame is a byte for its op, a byte for the number of its TLVs, and per TLV a byte for its tag,
 * two for its length and so many bytes. Op 0 is any datagram: two bytes of length and the bytes.
 * Op 255 ends the frames.
 */
#ifndef TESTS_FUZZ_AGENT_FRAMES_H
#define TESTS_FUZZ_AGENT_FRAMES_H

#include "backend/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

struct frames {
    const uint8_t *at, *end;
    uint8_t op;
    struct wire_out out; /* the frame that frames_next() took */
};

static inline uint8_t frames_u8(struct frames *f)
{
    return f->at < f->end ? *f->at++ : 0;
}

/* Bytes with their length before them, at most what is left and fits. */
static inline const uint8_t *frames_bytes(struct frames *f, size_t *len)
{
    size_t n = frames_u8(f) | (size_t)frames_u8(f) << 8;
    const uint8_t *at = f->at;

    if (n > (size_t)(f->end - f->at))
        n = (size_t)(f->end - f->at);
    f->at += n;
    *len = n;
    return at;
}

static inline void frames_raw(struct frames *f)
{
    size_t n;
    const uint8_t *at = frames_bytes(f, &n);

    memcpy(f->out.bytes, at, n);
    f->out.len = n;
}

/* False when there is none left. */
static inline bool frames_next(struct frames *f)
{
    unsigned count;

    if (f->at == f->end || (f->op = frames_u8(f)) == 255)
        return false;
    f->out.overflow = false;
    if (!f->op) {
        frames_raw(f);
        return true;
    }
    wire_begin(&f->out, f->op, 0);
    count = frames_u8(f) % 24;
    for (unsigned i = 0; i < count; i++) {
        uint8_t tag = frames_u8(f);
        size_t n;
        const uint8_t *at = frames_bytes(f, &n);
        wire_put(&f->out, tag, at, n);
    }
    (void)wire_end(&f->out);
    return true;
}

/* Send it, with a descriptor unless that is -1; lost when the queue is full. */
static inline void frames_send(int fd, struct frames *f, int with)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { f->out.bytes, f->out.len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (with >= 0) {
        control.align.cmsg_level = SOL_SOCKET;
        control.align.cmsg_type = SCM_RIGHTS;
        control.align.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.align), &with, sizeof(int));
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
    }
    (void)sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

#endif
