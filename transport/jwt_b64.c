#include "transport/jwt_b64.h"

static int value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool jwt_b64(const char *text, size_t len, void *out, size_t max, size_t *out_len)
{
    unsigned char *p = out;
    unsigned bits = 0, have = 0;

    if (len % 4 == 1 || len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0) > max)
        return false;
    for (size_t i = 0; i < len; i++) {
        int v = value(text[i]);
        if (v < 0)
            return false;
        bits = (bits << 6 | (unsigned)v) & 0xffff;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        *p++ = (unsigned char)(bits >> have);
    }
    *out_len = (size_t)(p - (unsigned char *)out);
    return !(bits & ((1u << have) - 1));
}
