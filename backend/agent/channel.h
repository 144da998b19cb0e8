/*
 * Frames on a SOCK_SEQPACKET socket.
 */
#ifndef BACKEND_AGENT_CHANNEL_H
#define BACKEND_AGENT_CHANNEL_H

#include "backend/wire.h"

#include <stddef.h>

/*
 * One frame with its descriptors (CLOEXEC, up to WIRE_MAX_FDS into fds). 1 a frame, 0 end of
 * file, -1 nothing there (flags MSG_DONTWAIT), -2 anything that is not a well-formed frame whose
 * nfds is the number of descriptors that came.
 */
int channel_recv(int fd, struct wire_in *in, uint8_t *bytes, int *fds, int *nfds, int flags);

/* Seals and sends; false when it did not fit or the other side has gone. */
bool channel_send(int fd, struct wire_out *w, const int *fds, int nfds);

/* How the value of a tag has to be. */
enum frame_value { FIELD_BYTES, FIELD_U32 };

struct frame_field {
    uint16_t tag;
    enum frame_value value;
};

/* True when a frame has no tag but these (all optional), and the numbers are of their size. */
bool channel_shape(const struct wire_in *in, const struct frame_field *fields, size_t count);

/* An ERROR frame: code of base/err.h, what to do next (NULL: nothing), message. */
void channel_error(int fd, uint32_t code, const char *next, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
