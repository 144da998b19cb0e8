#include "base/b64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int b64_encode(struct buf *out, const void *data, size_t len, struct err *err)
{
    const uint8_t *s = data;
    size_t need = (len + 2) / 3 * 4;
    char *p = buf_reserve(out, need, err);
    size_t i = 0;

    if (!p)
        return -1;
    for (; i + 2 < len; i += 3) {
        uint32_t v = (uint32_t)s[i] << 16 | (uint32_t)s[i + 1] << 8 | s[i + 2];
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        *p++ = alphabet[v >> 6 & 63];
        *p++ = alphabet[v & 63];
    }
    if (i < len) {
        uint32_t v = (uint32_t)s[i] << 16 | (i + 1 < len ? (uint32_t)s[i + 1] << 8 : 0);
        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        *p++ = i + 1 < len ? alphabet[v >> 6 & 63] : '=';
        *p++ = '=';
    }
    buf_commit(out, need);
    return 0;
}

/* last: the two characters in which the alphabets differ. */
static int value(char c, const char *last)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

int b64_decode(struct buf *out, const char *text, size_t len, struct err *err)
{
    size_t pad = 0, keep;
    char *p;

    if (len % 4)
        return err_set(err, ERR_INVALID, "base64 length is not a multiple of 4");
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    keep = len / 4 * 3 - pad;
    p = buf_reserve(out, keep + 2, err);
    if (!p)
        return -1;
    for (size_t i = 0; i < len; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = i + k >= len - pad ? 0 : value(text[i + k], "+/");
            if (d < 0)
                return err_set(err, ERR_INVALID, "not base64 at offset %zu", i + k);
            v = v << 6 | (uint32_t)d;
        }
        for (size_t k = 0; k < 3 && i / 4 * 3 + k < keep; k++)
            *p++ = (char)(v >> (16 - 8 * k));
    }
    buf_commit(out, keep);
    return 0;
}

static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int b64url_encode(struct buf *out, const void *data, size_t len, struct err *err)
{
    const uint8_t *s = data;
    size_t need = (len * 4 + 2) / 3;
    char *p = buf_reserve(out, need, err);
    unsigned bits = 0, have = 0;

    if (!p)
        return -1;
    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | s[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6)
            *p++ = url_alphabet[bits >> (have - 6) & 63];
    }
    if (have)
        *p++ = url_alphabet[bits << (6 - have) & 63];
    buf_commit(out, need);
    return 0;
}

int b64url_decode(struct buf *out, const char *text, size_t len, struct err *err)
{
    size_t keep = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    char *p = buf_reserve(out, keep + 1, err);
    unsigned bits = 0, have = 0;

    if (!p)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int v = value(text[i], "-_");
        if (v < 0)
            return err_set(err, ERR_INVALID, "not base64url at offset %zu", i);
        bits = (bits << 6 | (unsigned)v) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *p++ = (char)(bits >> have);
        }
    }
    if (have >= 6 || (bits & ((1u << have) - 1)))
        return err_set(err, ERR_INVALID, "not canonical base64url");
    buf_commit(out, keep);
    return 0;
}
