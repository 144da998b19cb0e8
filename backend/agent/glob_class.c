#include "backend/agent/glob_step.h"

#include <ctype.h>
#include <string.h>

#define CHAR_BAD 0x110000u

uint32_t glob_char(const char *text, size_t len, size_t *size)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    uint32_t c = n > 1 ? p[0] & (0x7fu >> n) : p[0];

    *size = 1;
    if (n == 1)
        return c;
    if (!n || p[0] > 0xf4 || n > len)
        return CHAR_BAD + p[0];
    for (unsigned i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return CHAR_BAD + p[0];
        c = c << 6 | (p[i] & 0x3f);
    }
    *size = n;
    return c;
}

static bool named(const char *name, size_t len, uint32_t c)
{
    static const struct {
        const char *name;
        int (*is)(int);
    } classes[] = {
        { "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum }, { "upper", isupper },
        { "lower", islower }, { "space", isspace }, { "punct", ispunct }, { "xdigit", isxdigit },
        { "blank", isblank }, { "cntrl", iscntrl }, { "graph", isgraph }, { "print", isprint },
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (strlen(classes[i].name) == len && !memcmp(classes[i].name, name, len))
            return c < 0x80 && classes[i].is((int)c);
    return false;
}

/* Length of "[:name:]" at text, 0 when there is none. */
static size_t named_len(const char *text, size_t len)
{
    if (len < 4 || text[0] != '[' || text[1] != ':')
        return 0;
    for (size_t i = 2; i + 1 < len; i++) {
        if (text[i] == ':' && text[i + 1] == ']')
            return i + 2;
        if (!islower((unsigned char)text[i]))
            return 0;
    }
    return 0;
}

size_t glob_class_len(const char *text, size_t len)
{
    size_t i = len && (*text == '!' || *text == '^') ? 1 : 0;
    size_t first = i;

    for (; i < len && (text[i] != ']' || i == first); i++) {
        size_t n = named_len(text + i, len - i);
        if (n)
            i += n - 1;
        else if (text[i] == '\\' && i + 1 < len)
            i++;
    }
    return i < len ? i : 0;
}

static uint32_t member(const char *body, size_t len, size_t *at)
{
    size_t size;
    uint32_t c;

    if (body[*at] == '\\' && *at + 1 < len)
        ++*at;
    c = glob_char(body + *at, len - *at, &size);
    *at += size;
    return c;
}

static bool holds(const char *body, size_t len, uint32_t c)
{
    size_t at = 0;

    while (at < len) {
        size_t n = named_len(body + at, len - at);
        uint32_t low, high;
        if (n) {
            if (named(body + at + 2, n - 4, c))
                return true;
            at += n;
            continue;
        }
        low = high = member(body, len, &at);
        if (at + 1 < len && body[at] == '-') {
            at++;
            high = member(body, len, &at);
        }
        if (c >= low && c <= high)
            return true;
    }
    return false;
}

bool glob_class(const char *body, size_t len, uint32_t c, bool icase)
{
    bool negated = len && (*body == '!' || *body == '^'), in;

    if (c == '/')
        return false;
    body += negated;
    len -= negated;
    in = holds(body, len, c);
    if (!in && icase && c < 0x80 && isalpha((int)c))
        in = holds(body, len, c ^ 0x20);
    return in != negated;
}
