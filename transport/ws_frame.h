/*
 * Frames of a WebSocket as its server reads and writes them (RFC 6455). Pure: bytes in, messages
 * out; what comes is hostile.
 */
#ifndef TRANSPORT_WS_FRAME_H
#define TRANSPORT_WS_FRAME_H

#include "base/buf.h"
#include <stdint.h>

#define WS_CONTROL_MAX 125
#define WS_HEAD_MAX 10 /* bytes before the payload of a frame that we send */

enum ws_opcode { WS_MORE = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

enum ws_status {
    WS_NORMAL = 1000,
    WS_GOING = 1001,
    WS_PROTOCOL = 1002,
    WS_UNSUPPORTED = 1003,
    WS_ENCODING = 1007,
    WS_POLICY = 1008,
    WS_TOO_LARGE = 1009,
    WS_FAILED = 1011,
    WS_LATER = 1013,
};

struct ws_reader {
    struct buf message; /* of the whole message; its max bounds one */
    unsigned char control[WS_CONTROL_MAX];
    size_t control_len;

    unsigned char head[14];
    size_t have; /* of the head; all of it: the payload follows */
    uint64_t left;
    unsigned mask_at;
    bool final, open; /* open: a fragmented message waits for more */
    enum ws_opcode opcode;
};

/* message_max: bytes of one message, all its fragments together. */
void ws_reader_init(struct ws_reader *r, size_t message_max);
void ws_reader_done(struct ws_reader *r);

enum ws_got {
    WS_GOT_NOTHING, /* all was used, more is needed */
    WS_GOT_MESSAGE, /* in `message`, valid UTF-8, until the next call */
    WS_GOT_PING,    /* in `control`, as for the next two */
    WS_GOT_PONG,
    WS_GOT_CLOSE, /* control: nothing, or a valid code and UTF-8 */
    WS_GOT_WRONG, /* *status says what to close with; nothing more is to be read */
};

/* Read from data (which is unmasked in place); *used: how many bytes of it. */
enum ws_got ws_read(struct ws_reader *r, unsigned char *data, size_t len, size_t *used,
                    enum ws_status *status);

/* The head of an unfragmented, unmasked frame; returns its length. */
size_t ws_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t len);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key; false when the key is none. */
#define WS_ACCEPT_SIZE 29
bool ws_accept(const char *key, char out[WS_ACCEPT_SIZE]);

#endif
