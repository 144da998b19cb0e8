#include "backend/browser/download_name.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define EXTENSION_MAX 24

static const struct {
    uint32_t first, last;
} unseen[] = {
    { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },     { 0x61c, 0x61c },
    { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
    { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
    { 0xfffe, 0xffff },
};

static uint32_t character(const char *s, size_t n)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = (unsigned char)*s & masks[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    return c;
}

static bool is_unseen(uint32_t c)
{
    for (size_t i = 0; i < COUNT_OF(unseen); i++)
        if (c >= unseen[i].first && c <= unseen[i].last)
            return true;
    return false;
}

static size_t length_of(const char *s, size_t left)
{
    size_t n = (unsigned char)*s < 0x80   ? 1
               : (unsigned char)*s < 0xe0 ? 2
               : (unsigned char)*s < 0xf0 ? 3
                                          : 4;

    return n <= left && utf8_valid(s, n) ? n : 0;
}

static const char *last_part(const char *path)
{
    for (const char *p = path; *p; p++)
        if (*p == '/' || *p == '\\')
            path = p + 1;
    return path;
}

/* Names of devices on another system, whatever their extension. */
static bool is_device(const char *name)
{
    static const char *const devices[] = { "con", "prn", "aux", "nul" };
    size_t n = strcspn(name, ".");

    for (size_t i = 0; i < COUNT_OF(devices); i++)
        if (n == 3 && !strncasecmp(name, devices[i], 3))
            return true;
    return n == 4 && isdigit((unsigned char)name[3]) &&
           (!strncasecmp(name, "com", 3) || !strncasecmp(name, "lpt", 3));
}

size_t download_extension(const char *name)
{
    size_t len = strlen(name), at = len;
    const char *dot = strrchr(name, '.');

    if (!dot || dot == name || len - (size_t)(dot - name) > EXTENSION_MAX)
        return at;
    at = (size_t)(dot - name);
    if (at > 4 && !strncasecmp(dot - 4, ".tar", 4))
        at -= 4;
    return at;
}

/* All of it that may stay; the result is shorter than `size`, its extension kept. */
static void clean(const char *s, char *out, size_t size)
{
    char all[4096];
    size_t len = strnlen(s, sizeof(all) - 1), n, used = 0;

    for (; len; s += n, len -= n) {
        n = length_of(s, len);
        if (!n || (*s && strchr("<>:\"|?*$`;&'", *s))) {
            n = 1;
            all[used++] = '_';
        } else if (!is_unseen(character(s, n))) {
            memcpy(all + used, s, n);
            used += n;
        }
    }
    while (used && strchr(" .", all[used - 1]))
        used--;
    all[used] = '\0';
    size_t extension = download_extension(all), tail = used - extension;
    size_t head = utf8_cut(all, extension < size - 1 - tail ? extension : size - 1 - tail);
    memcpy(out, all, head);
    memcpy(out + head, all + extension, tail + 1);
}

void download_name(const char *suggested, char out[DOWNLOAD_NAME_MAX])
{
    char name[DOWNLOAD_NAME_MAX - 1];
    const char *from = name;

    clean(last_part(suggested ? suggested : ""), name, sizeof(name));
    while (*from && strchr(" .-", *from))
        from++;
    if (!*from)
        from = "download";
    out[0] = '_';
    strcpy(out + is_device(from), from);
}
