#include "transport/disposition.h"
#include "base/attr.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Not seen, or seen as something else. */
static const struct {
    uint32_t first, last;
} unseen[] = {
    { 0x80, 0x9f },     { 0xad, 0xad },        { 0x61c, 0x61c },   { 0x180e, 0x180e },
    { 0x200b, 0x200f }, { 0x2028, 0x202e },    { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
    { 0xfff0, 0xffff }, { 0xe0000, 0x10ffff },
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(" ()+,-.=@_", c));
}

/* Length of the character at s; 0: none is well-formed there. */
static size_t length_of(const char *s, size_t left, uint32_t *c)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned char first = (unsigned char)*s;
    size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (n > left || !utf8_valid(s, n))
        return 0;
    *c = first & masks[n];
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | ((unsigned char)s[i] & 0x3f);
    return n;
}

static bool is_shown(const char *s, size_t n, uint32_t c)
{
    if (n == 1)
        return is_plain(*s);
    for (size_t i = 0; i < COUNT_OF(unseen); i++)
        if (c >= unseen[i].first && c <= unseen[i].last)
            return false;
    return true;
}

static const char *last_part(const char *name)
{
    for (const char *p = name; *p; p++)
        if (*p == '/' || *p == '\\')
            name = p + 1;
    return name;
}

void disposition_name(const char *name, char out[DISPOSITION_NAME_MAX])
{
    const char *s = last_part(name);
    size_t left = strlen(s), len = 0;

    while (left) {
        uint32_t c = 0;
        size_t n = length_of(s, left, &c), step = n ? n : 1;
        bool shown = n && is_shown(s, n, c);
        if (len + step >= DISPOSITION_NAME_MAX)
            break;
        if (shown)
            memcpy(out + len, s, n);
        else
            out[len] = '_';
        len += shown ? n : 1;
        s += step;
        left -= step;
    }
    while (len && (out[len - 1] == '.' || out[len - 1] == ' '))
        len--;
    out[len] = '\0';
    if (!len)
        strcpy(out, "download");
    else if (*out == '.' || *out == ' ' || *out == '-')
        *out = '_';
}

/* One '_' for each character that is not ASCII. */
static char *add_ascii(char *p, const char *name, bool *wide)
{
    *wide = false;
    for (const char *s = name; *s; s++) {
        *wide |= *s & 0x80;
        if (!(*s & 0x80))
            *p++ = *s;
        else if ((*s & 0xc0) == 0xc0)
            *p++ = '_';
    }
    return p;
}

static char *add_encoded(char *p, const char *name)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *s = name; *s; s++) {
        if (is_plain(*s) && !strchr(" (),=@", *s)) {
            *p++ = *s;
            continue;
        }
        *p++ = '%';
        *p++ = hex[(unsigned char)*s >> 4];
        *p++ = hex[*s & 15];
    }
    return p;
}

void disposition_make(const char *name, char out[DISPOSITION_MAX])
{
    char usable[DISPOSITION_NAME_MAX], *p;
    bool wide;

    disposition_name(name, usable);
    p = add_ascii(stpcpy(out, "attachment; filename=\""), usable, &wide);
    *p++ = '"';
    if (wide)
        p = add_encoded(stpcpy(p, "; filename*=UTF-8''"), usable);
    *p = '\0';
}

static bool is_type(const char *mime)
{
    size_t n = strspn(mime, "abcdefghijklmnopqrstuvwxyz0123456789.+-"), m;

    if (!n || mime[n] != '/')
        return false;
    m = strspn(mime + n + 1, "abcdefghijklmnopqrstuvwxyz0123456789.+-");
    return m && !mime[n + 1 + m];
}

const char *disposition_type(const char *mime)
{
    static const char *const active[] = { "text/",  "html",      "xml", "svg",
                                          "script", "multipart", "pdf", "flash" };
    bool good = is_type(mime);

    for (size_t i = 0; good && i < COUNT_OF(active); i++)
        good = !strstr(mime, active[i]);
    return good ? mime : "application/octet-stream";
}
