#include "mcp/view_parts.h"

#include <string.h>

#define LIST_MAX 700 /* bytes of the known names in an error */

static bool same(const char *name, const char *s, size_t len)
{
    return strlen(name) == len && !memcmp(name, s, len);
}

/* One of the words between blanks. */
static bool holds(const char *words, const char *s, size_t len)
{
    while (words && *words) {
        size_t n = strcspn(words, " ");
        if (n == len && !memcmp(words, s, len))
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

static bool means(const struct tool_def *def, const char *s, size_t len, unsigned kinds)
{
    return (kinds & SELECT_ALL && same("all", s, len)) ||
           (kinds & SELECT_TOOLSET && def->toolset && same(def->toolset, s, len)) ||
           (kinds & SELECT_PRESET && holds(def->presets, s, len)) ||
           (kinds & SELECT_TOOL && same(def->name, s, len));
}

bool select_knows(const char *name, size_t len, unsigned kinds)
{
    for (size_t i = 0; i < tool_def_count; i++)
        if (means(&tool_defs[i], name, len, kinds))
            return true;
    return false;
}

/* ---- the known names, for an error ---- */

static void add_name(char out[LIST_MAX], const char *s, size_t len)
{
    size_t n = strlen(out);

    for (const char *at = out; *at;) {
        size_t word = strcspn(at, ",");
        if (word == len && !memcmp(at, s, len))
            return;
        at += word + strspn(at + word, ", ");
    }
    snprintf(out + n, LIST_MAX - n, "%s%.*s", n ? ", " : "", (int)len, s);
}

static void known_names(unsigned kinds, char out[LIST_MAX])
{
    out[0] = '\0';
    if (kinds & SELECT_ALL)
        add_name(out, "all", 3);
    for (const struct tool_def *def = tool_defs; kinds & SELECT_TOOLSET && def->name; def++)
        if (def->toolset)
            add_name(out, def->toolset, strlen(def->toolset));
    for (const struct tool_def *def = tool_defs; kinds & SELECT_PRESET && def->name; def++)
        for (const char *w = def->presets; w && *w;
             w += strcspn(w, " ") + (w[strcspn(w, " ")] == ' '))
            add_name(out, w, strcspn(w, " "));
    for (const struct tool_def *def = tool_defs; kinds & SELECT_TOOL && def->name; def++)
        add_name(out, def->name, strlen(def->name));
}

static int unknown(const char *what, const char *s, size_t len, unsigned kinds, struct err *err)
{
    char known[LIST_MAX];

    known_names(kinds, known);
    return err_set(err, ERR_NOT_FOUND, "%s: \"%.*s\" is none of %s", what,
                   (int)(len < 64 ? len : 64), s, known);
}

int select_names(const char *what, const char *text, size_t len, unsigned kinds,
                 struct tool_set *out, struct err *err)
{
    for (size_t at = 0; at <= len;) {
        const char *name = text + at, *comma = memchr(name, ',', len - at);
        size_t n = comma ? (size_t)(comma - name) : len - at;
        if (!n)
            return err_set(err, ERR_INVALID, "%s: a name is empty", what);
        if (!select_knows(name, n, kinds))
            return unknown(what, name, n, kinds, err);
        for (size_t i = 0; i < tool_def_count; i++)
            if (means(&tool_defs[i], name, n, kinds))
                tool_set_add(out, i);
        at += n + 1;
    }
    return 0;
}
