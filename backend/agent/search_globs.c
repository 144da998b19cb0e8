#include "backend/agent/search_globs.h"

#include <string.h>

static bool add(struct glob_list *l, const char *p, size_t len, bool path)
{
    if (l->count == SEARCH_GLOBS_MAX)
        return false;
    if (!glob_compile(&l->list[l->count], p, len, 0))
        return false;
    l->list[l->count++].path |= path;
    return true;
}

/* The pattern up to the end of each part that begins with a dot, to get into those folders. */
bool search_globs_show(struct search_globs *g, const char *p, size_t len)
{
    bool path = memchr(p, '/', len);

    for (size_t at = 0; at < len;) {
        const char *slash = memchr(p + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - p) : len;
        bool dot = p[at] == '.' && end - at > 1 && !(end - at == 2 && p[at + 1] == '.');
        if (dot && !add(&g->dots, p, end, path))
            return false;
        at = end + 1;
    }
    return true;
}

static bool add_one(struct search_globs *g, bool include, const char *p, size_t len,
                    const char *root)
{
    char below[GLOB_PATTERN_MAX + 3];
    size_t n = strlen(root);

    if (len > n && n > 1 && !memcmp(p, root, n) && p[n] == '/') {
        p += n;
        len -= n;
    }
    if (len > GLOB_PATTERN_MAX)
        return false;
    if (len > 1 && p[len - 1] == '/') {
        memcpy(below, p, len);
        memcpy(below + len, "**", 2);
        p = below;
        len += 2;
    }
    if (!add(include ? &g->include : &g->exclude, p, len, false))
        return false;
    return !include || search_globs_show(g, p, len);
}

bool search_globs_add(struct search_globs *g, bool include, const uint8_t *text, size_t len,
                      const char *root)
{
    const char *p = (const char *)text, *end = len ? p + len : p;

    while (p < end) {
        size_t n = strnlen(p, (size_t)(end - p));
        if (n && !add_one(g, include, p, n, root))
            return false;
        p += n + 1;
    }
    return true;
}

static void done(struct glob_list *l)
{
    while (l->count)
        glob_done(&l->list[--l->count]);
}

void search_globs_done(struct search_globs *g)
{
    done(&g->include);
    done(&g->exclude);
    done(&g->dots);
}

static bool any(const struct glob_list *l, const char *path, size_t len, size_t name)
{
    for (unsigned i = 0; i < l->count; i++)
        if (glob_match_path(&l->list[i], path, len, name))
            return true;
    return false;
}

bool search_globs_take(struct search_globs *g, const struct walk_entry *e, bool *skip)
{
    bool in;

    *skip = any(&g->exclude, e->path, e->len, e->name);
    if (*skip)
        return false;
    if (!g->include.count)
        return true;
    in = (e->depth > 1 && g->inside[e->depth]) || any(&g->include, e->path, e->len, e->name);
    if (e->type == 'd')
        g->inside[e->depth + 1] = in;
    return in;
}

bool search_globs_shows(void *globs, const char *path, size_t len, size_t name)
{
    const struct search_globs *g = globs;

    return any(&g->dots, path, len, name);
}
