#include "backend/agent/file_text.h"

#include <string.h>

#define ONES 0x0101010101010101u
#define LOW7 0x7f7f7f7f7f7f7f7fu

/* Eight bytes at a time; each byte of the sum counts up to 255 words. */
uint64_t text_newlines(const char *text, size_t len)
{
    uint64_t count = 0;

    while (len >= 8) {
        size_t words = len / 8 < 255 ? len / 8 : 255;
        uint64_t sum = 0, low, high;
        for (size_t i = 0; i < words; i++) {
            uint64_t w;
            memcpy(&w, text + i * 8, 8);
            w ^= ONES * '\n';
            w = ~(((w & LOW7) + LOW7) | w) & ~LOW7;
            sum += w >> 7;
        }
        low = sum & 0x00ff00ff00ff00ffu;
        high = sum >> 8 & 0x00ff00ff00ff00ffu;
        count += (low + high) * 0x0001000100010001u >> 48;
        text += words * 8;
        len -= words * 8;
    }
    while (len--)
        count += *text++ == '\n';
    return count;
}

size_t text_after(const char *text, size_t len, uint64_t n)
{
    const char *p = text, *end = text + len;

    while (n) {
        uint64_t here = end - p > 4096 ? text_newlines(p, 4096) : UINT64_MAX;
        if (here < n) {
            n -= here;
            p += 4096;
            continue;
        }
        for (; n; n--) {
            p = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
            if (!p)
                return len + 1;
            p++;
        }
    }
    return (size_t)(p - text);
}

size_t text_after_back(const char *text, size_t len, uint64_t *n)
{
    while (len) {
        const char *p = memrchr(text, '\n', len);
        if (!p)
            break;
        if (!--*n)
            return (size_t)(p - text) + 1;
        len = (size_t)(p - text);
    }
    return SIZE_MAX;
}

size_t text_cut(const char *text, size_t len)
{
    size_t back = 0;
    unsigned char c;

    while (back < 4 && back < len && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == len || back == 4)
        return len;
    c = (unsigned char)text[len - 1 - back];
    if (c < 0xc2 || c > 0xf4 || back >= (c >= 0xf0 ? 3u : c >= 0xe0 ? 2u : 1u))
        return len;
    return len - 1 - back;
}
