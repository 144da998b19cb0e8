#include "backend/agent/glob.h"
#include "backend/agent/glob_step.h"

#include <stdlib.h>
#include <string.h>

static bool special(char c, unsigned flags)
{
    return strchr(flags & GLOB_NO_BRACES ? "*?[\\" : "*?[\\{", c);
}

static size_t plain_len(const char *p, size_t len, unsigned flags)
{
    size_t n = 0;

    while (n < len && p[n] && !special(p[n], flags))
        n++;
    return n;
}

bool glob_is_pattern(const char *pattern)
{
    return pattern[plain_len(pattern, strlen(pattern), 0)];
}

/* The shapes that need no automaton: "text", "*text", "text*", "*text*". */
static bool simple(struct glob *g, const char *p, size_t len)
{
    bool front = len && *p == '*', back;
    size_t n;

    p += front;
    len -= front;
    n = plain_len(p, len, g->flags);
    back = n + 1 == len && p[n] == '*';
    if (g->flags & GLOB_ICASE || (n != len && !back) || (front && !n) ||
        (front && back && memchr(p, '/', n)))
        return false;
    g->text = malloc(n + 1);
    if (!g->text)
        return false;
    memcpy(g->text, p, n);
    g->len = n;
    g->shape = front ? back ? GLOB_INNER : GLOB_SUFFIX : back ? GLOB_PREFIX : GLOB_EXACT;
    return true;
}

bool glob_compile(struct glob *g, const char *pattern, size_t len, unsigned flags)
{
    memset(g, 0, sizeof(*g));
    g->flags = flags;
    if (len > GLOB_PATTERN_MAX)
        return false;
    g->path = memchr(pattern, '/', len);
    while (len >= 2 && pattern[0] == '.' && pattern[1] == '/') {
        pattern += 2;
        len -= 2;
    }
    if (len && *pattern == '/') {
        pattern++;
        len--;
    }
    if (simple(g, pattern, len))
        return true;
    g->text = malloc(len + 1);
    if (g->text)
        g->count = glob_steps(pattern, len, flags, &g->steps);
    if (!g->count) {
        glob_done(g);
        return false;
    }
    memcpy(g->text, pattern, len);
    return true;
}

void glob_done(struct glob *g)
{
    free(g->steps);
    free(g->text);
    memset(g, 0, sizeof(*g));
}

/* The states that are alive; `seen` keeps each in the list once. */
struct states {
    unsigned count;
    uint16_t list[GLOB_STEPS_MAX];
};

static void add(struct states *s, uint8_t *seen, uint8_t round, unsigned step)
{
    if (seen[step] == round)
        return;
    seen[step] = round;
    s->list[s->count++] = (uint16_t)step;
}

static bool takes(const struct glob *g, const struct glob_step *step, uint32_t c)
{
    switch (step->op) {
    case STEP_CHAR:
        return step->c == (g->flags & GLOB_ICASE && c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    case STEP_ANY:
        return c != '/';
    case STEP_ALL:
        return true;
    case STEP_SET:
        return glob_class(g->text + step->a, (size_t)(step->b - step->a), c, g->flags & GLOB_ICASE);
    default:
        return false;
    }
}

/* All that can be reached without a character; true when that is the end of the pattern. */
static bool closure(const struct glob *g, struct states *s, uint8_t *seen, uint8_t round)
{
    bool matched = false;

    for (unsigned i = 0; i < s->count; i++) {
        const struct glob_step *step = &g->steps[s->list[i]];
        matched |= step->op == STEP_MATCH;
        if (step->op == STEP_SPLIT)
            add(s, seen, round, step->b);
        if (step->op == STEP_SPLIT || step->op == STEP_JUMP)
            add(s, seen, round, step->a);
    }
    return matched;
}

static bool run(const struct glob *g, const char *text, size_t len)
{
    struct states lists[2], *now = &lists[0], *next = &lists[1];
    uint8_t seen[GLOB_STEPS_MAX], round = 1;
    bool matched;

    memset(seen, 0, g->count);
    now->count = 0;
    add(now, seen, round, 0);
    matched = closure(g, now, seen, round);
    for (size_t at = 0, size; at < len && now->count; at += size) {
        uint32_t c = glob_char(text + at, len - at, &size);
        struct states *swap = now;
        if (!++round) {
            memset(seen, 0, g->count);
            round = 1;
        }
        next->count = 0;
        for (unsigned i = 0; i < now->count; i++)
            if (takes(g, &g->steps[now->list[i]], c))
                add(next, seen, round, now->list[i] + 1u);
        matched = closure(g, next, seen, round);
        now = next;
        next = swap;
    }
    return matched && now->count;
}

bool glob_match(const struct glob *g, const char *text, size_t len)
{
    size_t rest = len - g->len;

    if (g->shape == GLOB_STEPS)
        return run(g, text, len);
    if (len < g->len || (g->shape == GLOB_EXACT && rest))
        return false;
    switch (g->shape) {
    case GLOB_PREFIX:
        return !memcmp(text, g->text, g->len) && !memchr(text + g->len, '/', rest);
    case GLOB_INNER:
        return memmem(text, len, g->text, g->len) && !memchr(text, '/', len);
    default:
        return !memcmp(text + rest, g->text, g->len) && !memchr(text, '/', rest);
    }
}

bool glob_match_path(const struct glob *g, const char *path, size_t len, size_t name)
{
    return g->path ? glob_match(g, path, len) : glob_match(g, path + name, len - name);
}
