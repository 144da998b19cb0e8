#include "backend/derive/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define LINE_MAX_BYTES 400

struct span {
    const char *s;
    size_t len;
};

static struct span next_line(const char **at, const char *end)
{
    const char *nl = memchr(*at, '\n', (size_t)(end - *at));
    struct span line = { *at, (size_t)((nl ? nl : end) - *at) };

    *at = nl ? nl + 1 : end;
    if (line.len > LINE_MAX_BYTES)
        line.len = LINE_MAX_BYTES;
    return line;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span l)
{
    while (l.len && blank(l.s[0]))
        l.s++, l.len--;
    while (l.len && blank(l.s[l.len - 1]))
        l.len--;
    return l;
}

/* Likeness in 0..1000: shared two-byte sequences (Dice), case ignored. */
static unsigned alike(struct span a, struct span b)
{
    unsigned char counts[1024] = { 0 };
    size_t shared = 0;

    a = trim(a);
    b = trim(b);
    if (a.len == b.len && !memcmp(a.s, b.s, a.len))
        return 1000;
    if (a.len < 2 || b.len < 2)
        return 0;
#define SLOT(s, i)                                     \
    ((unsigned)tolower((unsigned char)(s)[i]) * 31u +  \
     (unsigned)tolower((unsigned char)(s)[(i) + 1])) % \
        1024
    for (size_t i = 0; i + 1 < a.len; i++)
        if (counts[SLOT(a.s, i)] < 255)
            counts[SLOT(a.s, i)]++;
    for (size_t i = 0; i + 1 < b.len; i++)
        if (counts[SLOT(b.s, i)]) {
            counts[SLOT(b.s, i)]--;
            shared++;
        }
#undef SLOT
    return (unsigned)(2000 * shared / (a.len + b.len - 2));
}

/* The first line of `wanted` that is not blank decides where to look. */
static struct span anchor(const char *wanted)
{
    const char *at = wanted, *end = wanted + strlen(wanted);
    struct span line = { wanted, 0 };

    while (at < end && !trim(line).len)
        line = next_line(&at, end);
    return line;
}

static const char *difference(struct span file, struct span wanted)
{
    struct span f = trim(file), w = trim(wanted);

    if (f.len != w.len || memcmp(f.s, w.s, f.len))
        return strncasecmp(f.s, w.s, f.len < w.len ? f.len : w.len) || f.len != w.len
                   ? "differs"
                   : "differs in case";
    if (file.len && memchr(file.s, '\r', file.len) && !memchr(wanted.s, '\r', wanted.len))
        return "ends in CR LF where `old` has LF";
    return "differs in spaces or tabs";
}

static int quote(struct buf *out, struct span l, struct err *err)
{
    if (buf_addc(out, '"', err))
        return -1;
    for (size_t i = 0; i < l.len && i < 160; i++) {
        int r = l.s[i] == '\t'   ? buf_adds(out, "\\t", err)
                : l.s[i] == '\r' ? buf_adds(out, "\\r", err)
                                 : buf_addc(out, l.s[i], err);
        if (r)
            return -1;
    }
    return buf_adds(out, l.len > 160 ? "...\"" : "\"", err);
}

/* From the best line on, compare line by line and tell of the first difference. */
static int tell(struct buf *out, const char *at, const char *end, size_t number, const char *wanted,
                struct err *err)
{
    const char *want_end = wanted + strlen(wanted);
    struct span file = { at, 0 }, want = { wanted, 0 };

    while (at < end && wanted < want_end) {
        want = next_line(&wanted, want_end);
        file = next_line(&at, end);
        if (file.len != want.len || memcmp(file.s, want.s, file.len))
            break;
        number++;
    }
    if (buf_addf(out, err, "the closest is line %zu, which %s: file ", number,
                 difference(file, want)) ||
        quote(out, file, err) || buf_adds(out, ", old ", err))
        return -1;
    return quote(out, want, err);
}

int near_miss(struct buf *out, const char *text, size_t len, const char *wanted, struct err *err)
{
    const char *at = text, *end = text + len, *best_at = NULL;
    struct span want = anchor(wanted);
    unsigned best = 400;
    size_t best_line = 0;

    for (size_t n = 1; at < end && n <= NEAR_LINES_MAX && best < 1000; n++) {
        const char *start = at;
        unsigned score = alike(next_line(&at, end), want);
        if (score > best) {
            best = score;
            best_at = start;
            best_line = n;
        }
    }
    return best_at ? tell(out, best_at, end, best_line, want.s, err) : 0;
}
