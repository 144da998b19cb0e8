/*
 * Globs of URLs. Input: a pattern, a newline, a URL. A pattern without groups and escapes is held
 * against another way of matching it, step by step through all that may be open at a time.
 *
 * covers: backend/browser/route_glob.c
 * seeds: tests/fuzz/seeds/glob
 */
#include "backend/browser/route.h"
#include "tests/fuzz/must.h"

#include <string.h>

#define URL_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* open[i]: what was read so far can be what the pattern says before i. */
static bool steps(const char *pattern, const char *url, bool flat)
{
    bool open[ROUTE_PATTERN_MAX + 1] = { true }, next[ROUTE_PATTERN_MAX + 1];
    size_t n = strlen(pattern);

    for (;; url++) {
        for (size_t i = 0; i < n; i++)
            open[i + 1] |= open[i] && pattern[i] == '*';
        if (!*url)
            return open[n];
        memset(next, 0, sizeof(next));
        for (size_t i = 0; i < n; i++) {
            bool two = pattern[i + 1] == '*' || (i && pattern[i - 1] == '*');
            if (open[i] && pattern[i] == '*' && (flat || two || *url != '/'))
                next[i] = true;
            else if (open[i] && pattern[i] == *url && pattern[i] != '*')
                next[i + 1] = true;
        }
        memcpy(open, next, sizeof(open));
    }
}

static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? host + 3 + strcspn(host + 3, "/?#") : url;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *split = memchr(data, '\n', size);
    char pattern[ROUTE_PATTERN_MAX + 8], url[URL_MAX];
    struct url_glob *g = NULL;
    struct err err = { 0 };
    size_t len = split ? (size_t)(split - data) : size, rest = split ? size - len - 1 : 0;

    if (len >= sizeof(pattern) || rest >= sizeof(url))
        return 0;
    memcpy(pattern, data, len);
    pattern[len] = '\0';
    memcpy(url, data + size - rest, rest);
    url[rest] = '\0';
    for (char *p = url; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    if (url_glob_new(pattern, &g, &err)) {
        must(err.code == ERR_INVALID);
        return 0;
    }
    bool matches = url_glob_matches(g, url);
    if (!strpbrk(pattern, "{}\\"))
        must(matches ==
             steps(pattern, *pattern == '/' ? path_of(url) : url, !strchr(pattern, '/')));
    must(strlen(url_glob_wide(g)) <= 2 * strlen(pattern) + 1);
    url_glob_free(g);
    return 0;
}
