#include "backend/agent/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ignore_rule {
    struct glob glob;
    size_t base;
    bool keep; /* ! */
    bool folders;
};

static bool room(struct ignore *ig)
{
    size_t cap = ig->cap ? ig->cap * 2 : 64;
    struct ignore_rule *rules;

    if (ig->count < ig->cap)
        return true;
    if (ig->count >= IGNORE_RULES_MAX)
        return false;
    rules = realloc(ig->rules, cap * sizeof(*rules));
    if (!rules)
        return false;
    ig->rules = rules;
    ig->cap = cap;
    return true;
}

/* Length without the blanks behind it, save an escaped one. */
static size_t trimmed(const char *line, size_t len)
{
    while (len && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r')) {
        size_t escapes = 0;
        while (escapes + 1 < len && line[len - 2 - escapes] == '\\')
            escapes++;
        if (escapes % 2)
            break;
        len--;
    }
    return len;
}

static void add_line(struct ignore *ig, const char *line, size_t len, size_t base)
{
    struct ignore_rule rule = { .base = base };

    len = trimmed(line, len);
    if (!len || *line == '#')
        return;
    rule.keep = *line == '!';
    line += rule.keep;
    len -= rule.keep;
    rule.folders = len && line[len - 1] == '/';
    len -= rule.folders;
    if (!len || !room(ig) || !glob_compile(&rule.glob, line, len, GLOB_NO_BRACES))
        return;
    ig->rules[ig->count++] = rule;
}

void ignore_add(struct ignore *ig, const char *text, size_t len, size_t base)
{
    const char *end = text + len;

    while (text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        const char *stop = nl ? nl : end;
        add_line(ig, text, (size_t)(stop - text), base);
        text = stop + 1;
    }
}

static size_t read_whole(int fd, char *out, size_t max)
{
    size_t have = 0;

    while (have < max) {
        ssize_t n = read(fd, out + have, max - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

size_t ignore_push(struct ignore *ig, int dirfd, size_t base)
{
    size_t mark = ignore_file(ig, dirfd, ".gitignore", base);

    ignore_file(ig, dirfd, ".ignore", base);
    return mark;
}

size_t ignore_file(struct ignore *ig, int dirfd, const char *name, size_t base)
{
    size_t mark = ig->count, max;
    struct stat st;
    char *text;
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return mark;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0) {
        max = st.st_size < IGNORE_FILE_MAX ? (size_t)st.st_size : IGNORE_FILE_MAX;
        text = malloc(max);
        if (text)
            ignore_add(ig, text, read_whole(fd, text, max), base);
        free(text);
    }
    close(fd);
    return mark;
}

void ignore_pop(struct ignore *ig, size_t mark)
{
    while (ig->count > mark)
        glob_done(&ig->rules[--ig->count].glob);
}

void ignore_done(struct ignore *ig)
{
    ignore_pop(ig, 0);
    free(ig->rules);
    *ig = (struct ignore){ 0 };
}

bool ignore_match(const struct ignore *ig, const char *path, size_t len, size_t name, bool folder)
{
    for (size_t i = ig->count; i--;) {
        const struct ignore_rule *r = &ig->rules[i];
        if (r->folders && !folder)
            continue;
        if (glob_match_path(&r->glob, path + r->base, len - r->base, name - r->base))
            return !r->keep;
    }
    return false;
}
