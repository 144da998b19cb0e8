/*
 * The agent's matchers: an input is three lines - flags, a pattern, and a text or path (all that
 * is left). The pattern is a glob and a rule of .gitignore for the path, and what is looked for
 * in the text; the text is also a .gitignore of its own. Escaped, a path matches itself; what a
 * search gives are records of the text's own lines, in order.
 *
 * covers: backend/agent/glob.c backend/agent/glob_class.c backend/agent/glob_compile.c
 * covers: backend/agent/ignore.c backend/agent/search_file.c backend/agent/search_pattern.c
 * covers: backend/agent/file_text.c
 * seeds: tests/fuzz/seeds/agent_search
 */
#include "backend/agent/file_text.h"
#include "backend/agent/ignore.h"
#include "backend/agent/search.h"
#include "backend/agent/search_file.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)   \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

struct input {
    unsigned flags;
    const char *pattern, *text;
    size_t pattern_len, len;
};

static bool take(const uint8_t *data, size_t size, struct input *in)
{
    const char *p = (const char *)data, *end = p + size, *nl;

    for (; p < end && *p != '\n'; p++)
        in->flags = in->flags * 8 + ((unsigned)*p & 7);
    if (p == end || !(nl = memchr(p + 1, '\n', (size_t)(end - p - 1))))
        return false;
    in->pattern = p + 1;
    in->pattern_len = (size_t)(nl - p - 1);
    in->text = nl + 1;
    in->len = (size_t)(end - nl - 1);
    return true;
}

static void glob_itself(const struct input *in)
{
    char escaped[GLOB_PATTERN_MAX];
    size_t n = 0;
    struct glob g;

    for (size_t i = 0; i < in->len; i++) {
        if (n + 2 > sizeof(escaped))
            return;
        if (strchr("*?[]{},\\!^-", in->text[i]))
            escaped[n++] = '\\';
        escaped[n++] = in->text[i];
    }
    if (!n || in->text[0] == '/' || (in->text[0] == '.' && n > 1 && in->text[1] == '/'))
        return;
    MUST(glob_compile(&g, escaped, n, in->flags & (GLOB_ICASE | GLOB_NO_BRACES)));
    MUST(glob_match(&g, in->text, in->len));
    glob_done(&g);
}

static void try_glob(const struct input *in)
{
    size_t len = in->len < 4096 ? in->len : 4096, name = len;
    struct glob g;

    while (name && in->text[name - 1] != '/')
        name--;
    if (!glob_compile(&g, in->pattern, in->pattern_len, in->flags & 3))
        return;
    MUST(glob_match(&g, in->text, len) == glob_match(&g, in->text, len));
    (void)glob_match_path(&g, in->text, len, name);
    glob_done(&g);
}

static void try_ignore(const struct input *in)
{
    struct ignore ig = { 0 };
    size_t len = in->len < 512 ? in->len : 512, name = len, mark;

    while (name && in->text[name - 1] != '/')
        name--;
    ignore_add(&ig, in->pattern, in->pattern_len, 0);
    mark = ig.count;
    ignore_add(&ig, in->text, len, 0);
    (void)ignore_match(&ig, in->text, len, name, in->flags & 1);
    ignore_pop(&ig, mark);
    (void)ignore_match(&ig, in->text, len, name, !(in->flags & 1));
    ignore_done(&ig);
}

static void check_records(const struct search_text *t)
{
    const char *p = t->records->len ? t->records->data : "", *end = p + t->records->len;
    int64_t line = 0, last = 0, hits = 0;
    uint32_t n, path_len, text_len;

    for (; p < end; p += n + 4, last = line) {
        memcpy(&n, p, 4);
        MUST(n + 4 <= (size_t)(end - p) && p[4] == 'm' && strchr("mab", p[5]));
        memcpy(&line, p + 6, 8);
        memcpy(&path_len, p + 22, 4);
        MUST(line > last && path_len == t->path_len);
        memcpy(&text_len, p + 26 + path_len, 4);
        MUST(text_len <= SEARCH_LINE_MAX && 26 + path_len + text_len == n);
        MUST(!memchr(p + 30 + path_len, 0, text_len));
        MUST(!text_len || memchr(t->text, 0, t->len) ||
             memmem(t->text, t->len, p + 30 + path_len, text_len));
        hits += p[5] == 'm';
    }
    MUST(hits == t->hits - (t->hits < t->skip ? t->hits : t->skip) || t->cut);
    MUST(t->hits <= SEARCH_FILE_HITS);
}

static void try_search(const struct input *in)
{
    struct file_error error = { 0 };
    struct search_pattern pattern;
    struct search_matcher matcher;
    struct file_buf records = { .max = 1 << 20 };
    struct search_text t = { .pattern = &pattern,
                             .matcher = &matcher,
                             .path = "a/path",
                             .path_len = 6,
                             .text = in->text,
                             .len = in->len < 16384 ? in->len : 16384,
                             .multiline = in->flags & 4,
                             .context = in->flags >> 3 & 3,
                             .skip = in->flags >> 5 & 3,
                             .enough = in->flags & 128 ? 2 : 1000,
                             .full = 1 << 19,
                             .records = &records };

    if (search_pattern_compile(&pattern, in->pattern, in->pattern_len, in->flags & 1, in->flags & 2,
                               &error)) {
        MUST(error.code && error.text[0]);
        return;
    }
    MUST(search_matcher_init(&matcher, &pattern));
    search_text(&t);
    if (!t.multiline && !pattern.spans)
        check_records(&t);
    search_matcher_done(&matcher);
    search_pattern_done(&pattern);
    file_buf_done(&records);
}

static void try_text(const struct input *in)
{
    uint64_t lines = text_newlines(in->text, in->len), back = lines;
    size_t cut = text_cut(in->text, in->len);

    MUST(text_after(in->text, in->len, lines) <= in->len);
    MUST(text_after(in->text, in->len, lines + 1) == in->len + 1);
    MUST(!lines || text_after_back(in->text, in->len, &back) == text_after(in->text, in->len, 1));
    MUST(cut <= in->len && in->len - cut < 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { 0 };

    if (!take(data, size, &in))
        return 0;
    glob_itself(&in);
    try_glob(&in);
    try_ignore(&in);
    try_search(&in);
    try_text(&in);
    return 0;
}
