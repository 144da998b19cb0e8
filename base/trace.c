#include "base/trace.h"
#include "base/id.h"

#include <stddef.h>
#include <string.h>

#define HEX "0123456789abcdef"
#define VERSION_LEN 2
#define ID_LEN 32
#define SPAN_LEN 16
#define FLAGS_LEN 2
#define PARENT_LEN (VERSION_LEN + 1 + ID_LEN + 1 + SPAN_LEN + 1 + FLAGS_LEN)
#define SAMPLED 1

static int hex_digit(char c)
{
    const char *at = c ? strchr(HEX, c) : NULL;

    return at ? (int)(at - HEX) : -1;
}

/* len hex digits and then `end`. */
static bool is_hex(const char *s, size_t len, char end)
{
    for (size_t i = 0; i < len; i++)
        if (hex_digit(s[i]) < 0)
            return false;
    return s[len] == end;
}

static bool all_zero(const char *s, size_t len)
{
    return strspn(s, "0") >= len;
}

/* A later version may have more behind the flags. */
static bool well_formed(const char *s)
{
    size_t len = strlen(s);
    bool first = !strncmp(s, "00", 2);

    if (len < PARENT_LEN || (first && len != PARENT_LEN) || !strncmp(s, "ff", 2))
        return false;
    return is_hex(s, VERSION_LEN, '-') && is_hex(s + 3, ID_LEN, '-') &&
           is_hex(s + 36, SPAN_LEN, '-') && is_hex(s + 53, FLAGS_LEN, len > PARENT_LEN ? '-' : 0) &&
           !all_zero(s + 3, ID_LEN) && !all_zero(s + 36, SPAN_LEN);
}

/* simple-key, or tenant@system; both of a-z 0-9 _ - * / */
static bool is_key(const char *s, size_t len)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-*/@");

    return len && n >= len && len <= 256 && *s != '@' && !strchr("_-*/", *s);
}

static bool is_value(const char *s, size_t len)
{
    if (!len || len > 256)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '=')
            return false;
    return s[len - 1] != ' ';
}

static bool is_member(const char *s, size_t len)
{
    const char *eq = memchr(s, '=', len);
    size_t key = eq ? (size_t)(eq - s) : 0;

    return eq && is_key(s, key) && is_value(eq + 1, len - key - 1);
}

static bool is_state(const char *s)
{
    unsigned members = 0;

    if (strlen(s) > TRACE_STATE_MAX)
        return false;
    while (*s) {
        size_t len = strcspn(s, ","), n = len, skip = strspn(s, " \t");
        while (n > skip && strchr(" \t", s[n - 1]))
            n--;
        if (skip < n && (!is_member(s + skip, n - skip) || ++members > TRACE_STATE_KEYS))
            return false;
        s += len + (s[len] == ',');
    }
    return members > 0;
}

bool trace_read(struct trace *t, const char *traceparent, const char *tracestate)
{
    if (!traceparent || !well_formed(traceparent))
        return false;
    memcpy(t->id, traceparent + 3, ID_LEN);
    memcpy(t->parent, traceparent + 36, SPAN_LEN);
    t->id[ID_LEN] = t->parent[SPAN_LEN] = '\0';
    t->sampled = hex_digit(traceparent[54]) & SAMPLED;
    t->state[0] = '\0';
    if (tracestate && is_state(tracestate))
        strcpy(t->state, tracestate);
    return true;
}

static void random_hex(char *out, size_t digits)
{
    unsigned char raw[ID_LEN / 2];

    do {
        random_bytes(raw, digits / 2);
        for (size_t i = 0; i < digits; i++)
            out[i] = HEX[raw[i / 2] >> (i % 2 ? 0 : 4) & 15];
        out[digits] = '\0';
    } while (all_zero(out, digits));
}

void trace_begin(struct trace *t)
{
    if (!*t->id) {
        random_hex(t->id, ID_LEN);
        t->parent[0] = t->state[0] = '\0';
        t->sampled = true;
    }
    random_hex(t->span, SPAN_LEN);
}
