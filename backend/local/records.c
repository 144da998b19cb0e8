#include "backend/local/records.h"

#include <string.h>

#define RECORD_MAX 65536

struct records records_over(const void *data, size_t len)
{
    const uint8_t *at = len ? data : (const void *)"";

    return (struct records){ .at = at, .end = at + len, .record_end = at };
}

static const uint8_t *take(struct records *r, const uint8_t *end, size_t n)
{
    const uint8_t *at = r->at;

    if (r->bad || (size_t)(end - at) < n) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return at;
}

char records_next(struct records *r)
{
    const uint8_t *p;
    uint32_t len;

    if (r->bad || r->at == r->end)
        return 0;
    p = take(r, r->end, sizeof(len));
    if (!p)
        return 0;
    memcpy(&len, p, sizeof(len));
    if (!len || len > RECORD_MAX || (size_t)(r->end - r->at) < len) {
        r->bad = true;
        return 0;
    }
    r->record_end = r->at + len;
    return records_char(r);
}

int64_t records_i64(struct records *r)
{
    const uint8_t *p = take(r, r->record_end, sizeof(int64_t));
    int64_t v = 0;

    if (p)
        memcpy(&v, p, sizeof(v));
    return v;
}

char records_char(struct records *r)
{
    const uint8_t *p = take(r, r->record_end, 1);

    return p ? (char)*p : 0;
}

char *records_str(struct records *r)
{
    const uint8_t *p = take(r, r->record_end, sizeof(uint32_t));
    uint32_t n;
    char *s;

    if (!p)
        return NULL;
    memcpy(&n, p, sizeof(n));
    p = take(r, r->record_end, n);
    if (!p || memchr(p, 0, n)) {
        r->bad = true;
        return NULL;
    }
    s = malloc((size_t)n + 1);
    if (s) {
        memcpy(s, p, n);
        s[n] = '\0';
    }
    return s;
}

bool records_done(const struct records *r)
{
    return !r->bad && r->at == r->record_end;
}
