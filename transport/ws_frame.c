#include "transport/ws_frame.h"
#include "base/b64.h"
#include "base/utf8.h"

#include <openssl/sha.h>
#include <string.h>

#define KEEP_MAX (1024 * 1024) /* of the memory of a message, for the next one */

void ws_reader_init(struct ws_reader *r, size_t message_max)
{
    *r = (struct ws_reader){ .message = BUF_MAX(message_max) };
}

void ws_reader_done(struct ws_reader *r)
{
    buf_done(&r->message);
}

static enum ws_got wrong(enum ws_status why, enum ws_status *status)
{
    *status = why;
    return WS_GOT_WRONG;
}

/* Of the head whose first bytes are there. */
static size_t head_size(const struct ws_reader *r)
{
    unsigned length = r->have > 1 ? r->head[1] & 0x7f : 0;

    return r->have < 2 ? 2 : 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

static uint64_t big_endian(const unsigned char *p, size_t n)
{
    uint64_t value = 0;

    while (n--)
        value = value << 8 | *p++;
    return value;
}

/* What the first two bytes already forbid. */
static enum ws_got check_start(const struct ws_reader *r, enum ws_status *status)
{
    unsigned opcode = r->head[0] & 0x0f, length = r->head[1] & 0x7f;
    bool control = opcode & 8;

    if (r->head[0] & 0x70 || !(r->head[1] & 0x80) || (opcode > WS_BINARY && opcode < WS_CLOSE) ||
        opcode > WS_PONG || (control && (length > WS_CONTROL_MAX || !(r->head[0] & 0x80))) ||
        (opcode == WS_MORE && !r->open) || (!control && opcode != WS_MORE && r->open))
        return wrong(WS_PROTOCOL, status);
    return opcode == WS_BINARY ? wrong(WS_UNSUPPORTED, status) : WS_GOT_NOTHING;
}

static enum ws_got begin_payload(struct ws_reader *r, enum ws_status *status)
{
    unsigned length = r->head[1] & 0x7f;

    r->left = length < 126 ? length : big_endian(r->head + 2, length == 126 ? 2 : 8);
    if ((length == 126 && r->left < 126) || (length == 127 && (r->left < 65536 || r->left >> 63)))
        return wrong(WS_PROTOCOL, status);
    r->opcode = (enum ws_opcode)(r->head[0] & 0x0f);
    r->final = r->head[0] & 0x80;
    r->mask_at = 0;
    if (r->opcode & 8) {
        r->control_len = 0;
        return WS_GOT_NOTHING;
    }
    if (!r->open && r->message.cap > KEEP_MAX)
        buf_done(&r->message);
    if (!r->open)
        buf_clear(&r->message);
    r->open = true;
    if (r->left > r->message.max - r->message.len)
        return wrong(WS_TOO_LARGE, status);
    return WS_GOT_NOTHING;
}

static void unmask(struct ws_reader *r, unsigned char *data, size_t len)
{
    const unsigned char *mask = r->head + head_size(r) - 4;
    unsigned char m[8];
    uint64_t wide, word;
    size_t i = 0;

    for (unsigned k = 0; k < 8; k++)
        m[k] = mask[(r->mask_at + k) % 4];
    memcpy(&wide, m, 8);
    for (; i + 8 <= len; i += 8) {
        memcpy(&word, data + i, 8);
        word ^= wide;
        memcpy(data + i, &word, 8);
    }
    for (; i < len; i++)
        data[i] ^= m[i % 8];
    r->mask_at = (unsigned)((r->mask_at + len) % 4);
}

static bool good_close(const struct ws_reader *r)
{
    uint64_t code = r->control_len >= 2 ? big_endian(r->control, 2) : WS_NORMAL;

    if (r->control_len == 1 || code < 1000 || code > 4999 || (code >= 1004 && code <= 1006) ||
        (code > 1014 && code < 3000))
        return false;
    return r->control_len <= 2 || utf8_valid((const char *)r->control + 2, r->control_len - 2);
}

static enum ws_got end_frame(struct ws_reader *r, enum ws_status *status)
{
    r->have = 0;
    switch (r->opcode) {
    case WS_PING:
        return WS_GOT_PING;
    case WS_PONG:
        return WS_GOT_PONG;
    case WS_CLOSE:
        return good_close(r) ? WS_GOT_CLOSE : wrong(WS_PROTOCOL, status);
    case WS_MORE:
    case WS_TEXT:
    case WS_BINARY:
        break;
    }
    if (!r->final)
        return WS_GOT_NOTHING;
    r->open = false;
    if (!utf8_valid(buf_str(&r->message), r->message.len))
        return wrong(WS_ENCODING, status);
    return WS_GOT_MESSAGE;
}

static enum ws_got read_head(struct ws_reader *r, unsigned char byte, enum ws_status *status)
{
    enum ws_got got = WS_GOT_NOTHING;

    r->head[r->have++] = byte;
    if (r->have == 2)
        got = check_start(r, status);
    if (!got && r->have == head_size(r) && r->have > 2)
        got = begin_payload(r, status);
    return got;
}

/* True while the head is not all there. */
static bool in_head(const struct ws_reader *r)
{
    return r->have < 3 || r->have < head_size(r);
}

static int keep(struct ws_reader *r, const unsigned char *data, size_t n)
{
    if (!(r->opcode & 8))
        return buf_add(&r->message, data, n, NULL);
    memcpy(r->control + r->control_len, data, n);
    r->control_len += n;
    return 0;
}

enum ws_got ws_read(struct ws_reader *r, unsigned char *data, size_t len, size_t *used,
                    enum ws_status *status)
{
    enum ws_got got = WS_GOT_NOTHING;
    size_t at = 0;

    while (!got && at < len) {
        if (in_head(r)) {
            got = read_head(r, data[at++], status);
        } else {
            size_t n = len - at < r->left ? len - at : (size_t)r->left;
            unmask(r, data + at, n);
            if (keep(r, data + at, n))
                got = wrong(WS_TOO_LARGE, status);
            at += n;
            r->left -= n;
        }
        if (!got && !in_head(r) && !r->left)
            got = end_frame(r, status);
    }
    *used = at;
    return got;
}

size_t ws_head(unsigned char out[WS_HEAD_MAX], enum ws_opcode opcode, uint64_t len)
{
    size_t bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;

    out[0] = (unsigned char)(0x80 | opcode);
    out[1] = (unsigned char)(bytes == 0 ? len : bytes == 2 ? 126 : 127);
    for (size_t i = 0; i < bytes; i++)
        out[2 + i] = (unsigned char)(len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

bool ws_accept(const char *key, char out[WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    AUTO(buf) struct buf nonce = BUF_MAX(64), text = BUF_MAX(64);
    unsigned char digest[SHA_DIGEST_LENGTH];
    char both[24 + sizeof(guid)];

    if (!key || strlen(key) != 24 || b64_decode(&nonce, key, 24, NULL) || nonce.len != 16)
        return false;
    memcpy(both, key, 24);
    memcpy(both + 24, guid, sizeof(guid));
    SHA1((const unsigned char *)both, sizeof(both) - 1, digest);
    if (b64_encode(&text, digest, sizeof(digest), NULL) || text.len >= WS_ACCEPT_SIZE)
        return false;
    memcpy(out, text.data, text.len + 1);
    return true;
}
