#include "backend/agent/file_encoding.h"

#include <stdlib.h>

uint32_t encoding_of(const char *head, size_t len)
{
    if (len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3))
        return WIRE_UTF8_BOM;
    if (len >= 2 && !memcmp(head, "\xfe\xff", 2))
        return WIRE_UTF16BE;
    if (len >= 2 && !memcmp(head, "\xff\xfe", 2) && (len < 4 || head[2] || head[3]))
        return WIRE_UTF16LE;
    return WIRE_PLAIN;
}

static uint32_t unit(const char *at, uint32_t encoding)
{
    uint32_t first = (unsigned char)at[0], second = (unsigned char)at[1];

    return encoding == WIRE_UTF16BE ? first << 8 | second : second << 8 | first;
}

static char *put(char *to, uint32_t c)
{
    static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    int bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (int i = bytes - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    to[0] = (char)(bytes == 1 ? c : leads[bytes] | c);
    return to + bytes;
}

char *encoding_utf8(const char *text, size_t len, uint32_t encoding, size_t *out)
{
    char *utf8 = malloc(len / 2 * 3 + 4), *to = utf8;

    if (!utf8)
        return NULL;
    for (size_t i = 2; i + 1 < len; i += 2) {
        uint32_t c = unit(text + i, encoding);
        if (c >= 0xd800 && c < 0xdc00 && i + 3 < len) {
            uint32_t low = unit(text + i + 2, encoding);
            bool pair = low >= 0xdc00 && low < 0xe000;
            c = pair ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
            i += pair ? 2 : 0;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        to = put(to, c);
    }
    if (len % 2)
        to = put(to, 0xfffd);
    *out = (size_t)(to - utf8);
    return utf8;
}
