#include "backend/agent/glob_step.h"

#include <stdlib.h>
#include <string.h>

#define BRACES_MAX 16 /* deeper ones stand for themselves */

struct compiler {
    const char *p;
    size_t len;
    unsigned flags;
    struct glob_step *steps;
    unsigned count;
};

static unsigned emit(struct compiler *c, enum glob_op op, unsigned a, unsigned b)
{
    c->steps[c->count] = (struct glob_step){ .op = op, .a = (uint16_t)a, .b = (uint16_t)b };
    return c->count++;
}

static void emit_loop(struct compiler *c, enum glob_op op)
{
    unsigned split = c->count;

    emit(c, STEP_SPLIT, split + 1, split + 3);
    emit(c, op, 0, 0);
    emit(c, STEP_JUMP, split, 0);
}

static bool edge(char c, const char *braces)
{
    return c == '/' || strchr(braces, c);
}

/* Stars at `at`; where they end. */
static size_t stars(struct compiler *c, size_t at)
{
    const char *open = c->flags & GLOB_NO_BRACES ? "" : "{,", *close = *open ? "}," : "";
    size_t end = at;
    bool whole;

    while (end < c->len && c->p[end] == '*')
        end++;
    whole = end - at >= 2 && (!at || edge(c->p[at - 1], open)) &&
            (end == c->len || edge(c->p[end], close));
    if (!whole) {
        emit_loop(c, STEP_ANY);
        return end;
    }
    if (end < c->len && c->p[end] == '/') {
        unsigned split = emit(c, STEP_SPLIT, c->count + 1, 0);
        emit_loop(c, STEP_ALL);
        c->steps[emit(c, STEP_CHAR, 0, 0)].c = '/';
        c->steps[split].b = (uint16_t)c->count;
        return end + 1;
    }
    emit_loop(c, STEP_ALL);
    return end;
}

/* Behind the text's closing brace, or 0 when it has none; a comma must be in it. */
static size_t braces_end(const struct compiler *c, size_t at)
{
    unsigned depth = 0;

    for (size_t i = at; i < c->len; i++) {
        if (c->p[i] == '\\')
            i++;
        else if (c->p[i] == '{')
            depth++;
        else if (c->p[i] == '}' && !--depth)
            return i + 1;
    }
    return 0;
}

static size_t part(struct compiler *c, size_t at, size_t end, unsigned depth);

/* "{a,b}": split to a and the rest; every alternative ends in a jump behind all of them. */
static size_t braces(struct compiler *c, size_t at, size_t end, unsigned depth)
{
    unsigned jumps = UINT16_MAX;

    for (at++;;) {
        unsigned split = emit(c, STEP_SPLIT, c->count + 1, 0);
        at = part(c, at, end - 1, depth + 1);
        if (at < end - 1) {
            jumps = emit(c, STEP_JUMP, jumps, 0);
            c->steps[split].b = (uint16_t)c->count;
            at++;
            continue;
        }
        c->steps[split].op = STEP_JUMP;
        break;
    }
    while (jumps != UINT16_MAX) {
        unsigned next = c->steps[jumps].a;
        c->steps[jumps].a = (uint16_t)c->count;
        jumps = next;
    }
    return end;
}

static size_t literal(struct compiler *c, size_t at)
{
    size_t size, escape = c->p[at] == '\\' && at + 1 < c->len;
    uint32_t ch = glob_char(c->p + at + escape, c->len - at - escape, &size);

    if (c->flags & GLOB_ICASE && ch >= 'A' && ch <= 'Z')
        ch |= 0x20;
    c->steps[emit(c, STEP_CHAR, 0, 0)].c = ch;
    return at + escape + size;
}

/* From at up to end, or to a comma of the braces it is in; where it stopped. */
static size_t part(struct compiler *c, size_t at, size_t end, unsigned depth)
{
    while (at < end) {
        size_t n;
        switch (c->p[at]) {
        case '*':
            at = stars(c, at);
            continue;
        case '?':
            emit(c, STEP_ANY, 0, 0);
            at++;
            continue;
        case '[':
            n = glob_class_len(c->p + at + 1, end - at - 1);
            if (!n)
                break;
            emit(c, STEP_SET, (unsigned)at + 1, (unsigned)(at + 1 + n));
            at += n + 2;
            continue;
        case '{':
            n = c->flags & GLOB_NO_BRACES || depth >= BRACES_MAX ? 0 : braces_end(c, at);
            if (!n || n > end)
                break;
            at = braces(c, at, n, depth);
            continue;
        case ',':
            if (depth)
                return at;
            break;
        }
        at = literal(c, at);
    }
    return at;
}

unsigned glob_steps(const char *pattern, size_t len, unsigned flags, struct glob_step **steps)
{
    struct compiler c = { .p = pattern, .len = len, .flags = flags };
    struct glob_step *fit;

    c.steps = malloc(GLOB_STEPS_MAX * sizeof(*c.steps));
    if (!c.steps)
        return 0;
    part(&c, 0, len, 0);
    emit(&c, STEP_MATCH, 0, 0);
    fit = realloc(c.steps, c.count * sizeof(*c.steps));
    *steps = fit ? fit : c.steps;
    return c.count;
}
