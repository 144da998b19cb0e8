#include "base/utf8.h"

#include <string.h>

/* Length of the well-formed character at s, 0 when malformed or incomplete. */
static size_t one(const unsigned char *s, size_t len)
{
    size_t n;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        n = 2;
    else if ((s[0] & 0xf0) == 0xe0)
        n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        n = 4;
    else
        return 0;
    if (len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static size_t ascii_run(const char *s, size_t len)
{
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        unsigned long long w;
        memcpy(&w, s + i, 8);
        if (w & 0x8080808080808080ULL)
            break;
    }
    while (i < len && !(s[i] & 0x80))
        i++;
    return i;
}

static size_t valid_run(const char *s, size_t len)
{
    size_t i = 0, n;

    while (i < len) {
        i += ascii_run(s + i, len - i);
        if (i == len)
            break;
        n = one((const unsigned char *)s + i, len - i);
        if (!n)
            break;
        i += n;
    }
    return i;
}

bool utf8_valid(const char *s, size_t len)
{
    return valid_run(s, len) == len;
}

size_t utf8_cut(const char *s, size_t len)
{
    size_t back = len;

    while (back && len - back < 3 && (s[back - 1] & 0xc0) == 0x80)
        back--;
    if (!back || !(s[back - 1] & 0x80))
        return len;
    return one((const unsigned char *)s + back - 1, len - back + 1) ? len : back - 1;
}

size_t utf8_skip(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && n < 3 && (s[n] & 0xc0) == 0x80)
        n++;
    return n;
}

int utf8_add(struct buf *out, const char *s, size_t len, bool *replaced, struct err *err)
{
    while (len) {
        size_t n = valid_run(s, len);
        if (buf_add(out, s, n, err))
            return -1;
        s += n;
        len -= n;
        if (!len)
            break;
        if (buf_add(out, "\xef\xbf\xbd", 3, err))
            return -1;
        if (replaced)
            *replaced = true;
        s++;
        len--;
    }
    return 0;
}

/* Length of the escape sequence at s (s[0] is ESC), at least 1. */
static size_t escape(const char *s, size_t len)
{
    size_t i = 2;

    if (len < 2)
        return len;
    if (s[1] == '[') {
        while (i < len && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x40)
            i++;
        return i < len ? i + 1 : i;
    }
    if (s[1] == ']' || s[1] == 'P' || s[1] == '_' || s[1] == '^' || s[1] == 'X') {
        while (i < len && s[i] != '\a' && s[i] != '\n') {
            if (s[i] == '\033' && i + 1 < len && s[i + 1] == '\\')
                return i + 2;
            i++;
        }
        return i < len && s[i] == '\a' ? i + 1 : i;
    }
    while (i < len && (unsigned char)s[i - 1] >= 0x20 && (unsigned char)s[i - 1] < 0x30)
        i++;
    return i;
}

/* A return moves to the start of the line: what follows replaces it. */
static void collapse(struct buf *out, size_t *line)
{
    out->len = *line;
    if (out->data)
        out->data[out->len] = '\0';
}

/* Bytes of the control character at s; 0: it is none. U+0080 to U+009F are controls, too. */
static size_t control(const char *s, size_t len)
{
    unsigned char c = (unsigned char)*s;

    if (c == 0xc2 && len > 1 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0)
        return 2;
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

int text_add_plain(struct buf *out, const char *s, size_t len, bool *replaced, struct err *err)
{
    size_t line = out->len, i = 0;
    bool pending = false;

    while (i < len) {
        size_t n = i;
        while (n < len && !control(s + n, len - n))
            n++;
        if (n > i) {
            if (pending)
                collapse(out, &line);
            pending = false;
            if (utf8_add(out, s + i, n - i, replaced, err))
                return -1;
            i = n;
            continue;
        }
        if (s[i] == '\n') {
            if (buf_addc(out, '\n', err))
                return -1;
            line = out->len;
            pending = false;
        }
        pending = pending || s[i] == '\r';
        i += s[i] == '\033' ? escape(s + i, len - i) : control(s + i, len - i);
    }
    return 0;
}
