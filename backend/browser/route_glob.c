#include "backend/browser/route.h"

#include <stdlib.h>
#include <string.h>

#define ALTERNATIVES_MAX 64

/* Marks of a prepared pattern; none of them occurs in a URL. */
#define ANY '\1'     /* anything */
#define SEGMENT '\2' /* anything but '/' */

struct url_glob {
    char *patterns[ALTERNATIVES_MAX];
    size_t count;
    char wide[ROUTE_PATTERN_MAX * 2 + 8];
    bool path; /* only path and query are matched */
};

/* ---- preparing ---- */

static int add_one(struct url_glob *g, const struct buf *text, struct err *err)
{
    if (g->count == ALTERNATIVES_MAX)
        return err_set(err, ERR_INVALID, "pattern: its braces stand for more than %d patterns",
                       ALTERNATIVES_MAX);
    g->patterns[g->count] = strdup(buf_str(text));
    return g->patterns[g->count++] ? 0 : err_oom(err);
}

/* Where the group that begins at `at` ends; NULL: it does not. Groups do not nest. */
static const char *group_end(const char *at)
{
    for (at++; *at && *at != '}' && *at != '{'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at == '}' ? at : NULL;
}

static int add_character(struct buf *out, const char **at, bool flat, struct err *err)
{
    const char *p = *at;

    if (*p == '*') {
        bool two = p[1] == '*';
        while (*p == '*')
            p++;
        *at = p;
        return buf_addc(out, two || flat ? ANY : SEGMENT, err);
    }
    if (*p == '\\' && p[1])
        p++;
    *at = p + 1;
    return buf_addc(out, *p, err);
}

static int expand(struct url_glob *g, const struct buf *before, const char *at, bool flat,
                  struct err *err);

/* Each alternative, followed by what is behind the group. */
static int expand_group(struct url_glob *g, const struct buf *before, const char *at,
                        const char *end, bool flat, struct err *err)
{
    const char *p = at + 1;

    for (;;) {
        AUTO(buf) struct buf one = BUF_MAX(ROUTE_PATTERN_MAX);
        if (buf_add(&one, buf_str(before), before->len, err))
            return -1;
        while (p < end && *p != ',')
            if (add_character(&one, &p, flat, err))
                return -1;
        if (expand(g, &one, end + 1, flat, err))
            return -1;
        if (p >= end)
            return 0;
        p++;
    }
}

static int expand(struct url_glob *g, const struct buf *before, const char *at, bool flat,
                  struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(ROUTE_PATTERN_MAX);

    if (before->len && buf_add(&text, before->data, before->len, err))
        return -1;
    while (*at) {
        const char *end = *at == '{' ? group_end(at) : NULL;
        if (end)
            return expand_group(g, &text, at, end, flat, err);
        if (add_character(&text, &at, flat, err))
            return -1;
    }
    return add_one(g, &text, err);
}

/* '*' is Fetch's only wildcard beside '?', and a backslash escapes there too. */
static void widen(struct url_glob *g, const char *pattern)
{
    char *out = g->wide;
    const char *end = NULL;

    if (g->path)
        *out++ = '*';
    for (; *pattern; pattern++) {
        if (*pattern == '*' || (*pattern == '{' && (end = group_end(pattern)))) {
            *out++ = '*';
            pattern = *pattern == '{' ? end : pattern;
        } else if (*pattern == '?') {
            *out++ = '\\';
            *out++ = '?';
        } else if (*pattern == '\\' && pattern[1]) {
            *out++ = '\\';
            *out++ = *++pattern;
        } else {
            *out++ = *pattern;
        }
    }
    *out = '\0';
}

int url_glob_new(const char *pattern, struct url_glob **out, struct err *err)
{
    AUTO_PTR(url_glob) struct url_glob *g = NULL;
    struct buf nothing = BUF_MAX(1);

    if (!*pattern || strlen(pattern) >= ROUTE_PATTERN_MAX)
        return err_set(err, ERR_INVALID, "pattern: not 1..%d bytes", ROUTE_PATTERN_MAX - 1);
    for (const char *p = pattern; *p; p++)
        if ((unsigned char)*p < ' ')
            return err_set(err, ERR_INVALID, "pattern: it has a control character");
    g = calloc(1, sizeof(*g));
    if (!g)
        return err_oom(err);
    g->path = *pattern == '/';
    widen(g, pattern);
    if (expand(g, &nothing, pattern, !strchr(pattern, '/'), err))
        return -1;
    *out = TAKE(g);
    return 0;
}

void url_glob_free(struct url_glob *g)
{
    for (size_t i = 0; g && i < g->count; i++)
        free(g->patterns[i]);
    free(g);
}

const char *url_glob_wide(const struct url_glob *g)
{
    return g->wide;
}

/* ---- matching ---- */

/* Goes back to the last mark only: to the last SEGMENT, and when that is stuck to the last ANY.
 * What follows a SEGMENT is not looked for again where it is known not to be: a page's URL may be
 * megabytes. */
static bool match(const char *p, const char *text)
{
    const char *any = NULL, *any_at = NULL, *segment = NULL, *segment_at = NULL;
    const char *const pattern = p, *tried[ROUTE_PATTERN_MAX]; /* of a SEGMENT: up to there */

    memset(tried, 0, strlen(p) * sizeof(*tried));
    for (;;) {
        if (*p == ANY) {
            any = ++p;
            any_at = text;
            segment = NULL;
        } else if (*p == SEGMENT) {
            if (tried[p - pattern] > text)
                text = tried[p - pattern];
            segment = ++p;
            segment_at = text;
        } else if (*p == *text) {
            if (!*text)
                return true;
            p++;
            text++;
        } else if (segment && *segment_at && *segment_at != '/') {
            p = segment;
            text = ++segment_at;
            tried[segment - 1 - pattern] = text;
        } else if (segment && !*segment_at) {
            return false;
        } else if (any && *any_at) {
            p = any;
            text = ++any_at;
            segment = NULL;
        } else {
            return false;
        }
    }
}

static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");

    return host ? host + 3 + strcspn(host + 3, "/?#") : url;
}

bool url_glob_matches(const struct url_glob *g, const char *url)
{
    const char *text = g->path ? path_of(url) : url;

    for (size_t i = 0; i < g->count; i++)
        if (match(g->patterns[i], text))
            return true;
    return false;
}
