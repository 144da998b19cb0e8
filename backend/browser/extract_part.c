#include "backend/browser/extract.h"
#include "base/utf8.h"

#include <string.h>

struct cuts {
    size_t paragraph, line, code; /* ends of the last of each that fits; 0 none */
    bool long_line;               /* a line that is no code does not fit */
};

/* How many backticks a line begins with, behind indents, quotes and the markers of lists; *only:
 * nothing follows. */
static size_t ticks(const char *line, size_t len, bool *only)
{
    size_t from = 0, to;

    while (from < len && line[from] && strchr(" >-:.0123456789", line[from]))
        from++;
    for (to = from; to < len && line[to] == '`'; to++)
        ;
    *only = to == len;
    return to - from;
}

static bool blank(const char *line, size_t len)
{
    while (len && (line[len - 1] == ' ' || line[len - 1] == '>'))
        len--;
    return !len;
}

static struct cuts look(const char *text, size_t len, size_t offset, size_t limit)
{
    struct cuts c = { 0 };
    size_t fence = 0;

    for (size_t at = 0, end; at < limit; at = end) {
        const char *line = text + at, *newline = memchr(line, '\n', len - at);
        size_t width = newline ? (size_t)(newline - line) : len - at;
        bool only;
        size_t n = ticks(line, width, &only);

        end = at + width + 1;
        if (end > limit) {
            c.long_line = !fence && n < 3;
            break;
        }
        if (!fence && n >= 3)
            fence = n;
        else if (fence && n >= fence && only)
            fence = 0;
        if (end <= offset)
            continue;
        *(fence ? &c.code : &c.line) = end;
        if (!fence && blank(line, width))
            c.paragraph = end;
    }
    return c;
}

/* Behind the last such character among the last n; 0 none. */
static size_t last_of(const char *text, size_t limit, size_t n, char what)
{
    const char *at = memrchr(text + limit - n, what, n);

    return at ? (size_t)(at - text) + 1 : 0;
}

size_t extract_part(const char *text, size_t len, size_t offset, size_t max)
{
    size_t limit = offset + max, cut;
    struct cuts c;

    if (offset >= len || max >= len - offset)
        return len;
    c = look(text, len, offset, limit);
    if (c.paragraph > offset + max - max / 4)
        return c.paragraph;
    if (c.line > offset + (c.long_line ? max / 4 : 0))
        return c.line;
    if (c.code)
        return c.code;
    cut = last_of(text, limit, max / 4, *text == '<' ? '>' : ' ');
    if (cut)
        return cut;
    cut = utf8_cut(text + offset, max);
    return offset + (cut ? cut : max);
}
