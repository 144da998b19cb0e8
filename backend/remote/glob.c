#include "backend/remote/glob.h"

#include <string.h>

#define STEPS_MAX 100000

/* One set at p (behind '['); *end is behind its ']'. False and *end NULL when it is not closed. */
static bool in_set(const char *p, char c, const char **end)
{
    bool negated = *p == '!' || *p == '^', found = false, first = true;

    p += negated;
    for (; *p && (*p != ']' || first); first = false) {
        char low = *p == '\\' && p[1] ? *++p : *p, high = low;
        p++;
        if (p[0] == '-' && p[1] && p[1] != ']') {
            high = p[1];
            p += 2;
        }
        found |= (unsigned char)c >= (unsigned char)low && (unsigned char)c <= (unsigned char)high;
    }
    *end = *p ? p + 1 : NULL;
    return found != negated && c != '/';
}

/* The first element of the pattern against one character; *next is behind the element. */
static bool one(const char *p, char c, const char **next)
{
    const char *end;
    bool hit;

    if (*p == '[') {
        hit = in_set(p + 1, c, &end);
        if (end) {
            *next = end;
            return c && hit;
        }
    }
    *next = p + 1;
    if (*p == '?')
        return c && c != '/';
    if (*p == '\\' && p[1]) {
        *next = p + 2;
        return p[1] == c;
    }
    return *p == c;
}

static bool match(const char *p, const char *s, int *steps)
{
    while (*p) {
        const char *next;
        bool deep;
        if (++*steps > STEPS_MAX)
            return false;
        if (*p != '*') {
            if (!*s || !one(p, *s, &next))
                return false;
            p = next;
            s++;
            continue;
        }
        deep = p[1] == '*';
        p += deep ? 2 : 1;
        if (deep && *p == '/' && match(p + 1, s, steps))
            return true;
        for (;; s++) {
            if (match(p, s, steps))
                return true;
            if (!*s || (!deep && *s == '/') || *steps > STEPS_MAX)
                return false;
        }
    }
    return !*s;
}

bool remote_glob_match(const char *pattern, const char *path)
{
    const char *slash = strrchr(path, '/');
    int steps = 0;

    if (!strchr(pattern, '/') && slash)
        path = slash + 1;
    return match(*pattern == '/' ? pattern + 1 : pattern, path, &steps);
}
