#include "mcp/args_parts.h"

#include "base/utf8.h"

#include <string.h>

#define SHOWN_MAX ARGS_SHOWN_MAX
#define NEAR_MAX 32 /* longer names are not compared */

const char *args_shown(const char *s, char out[SHOWN_MAX + 4])
{
    size_t len = strlen(s), n = len > SHOWN_MAX ? utf8_cut(s, SHOWN_MAX) : len;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i];
    memcpy(out + n, n < len ? "..." : "", n < len ? 4 : 1);
    return out;
}

static void put_place(const struct args_place *at, char *out, size_t size)
{
    char name[SHOWN_MAX + 4];
    size_t n;

    if (!at || !at->up) {
        snprintf(out, size, "%s", at && at->name ? args_shown(at->name, name) : "arguments");
        return;
    }
    put_place(at->up, out, size);
    if (!at->up->up && !at->up->name)
        out[0] = '\0';
    n = strlen(out);
    if (!at->name)
        snprintf(out + n, size - n, "[%zu]", at->index);
    else
        snprintf(out + n, size - n, "%s%s", n ? "." : "", args_shown(at->name, name));
}

int args_fail(struct binder *b, const struct args_place *at, const char *fmt, ...)
{
    char place[256], why[700];
    va_list ap;

    put_place(at, place, sizeof(place));
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return err_set(b->err, ERR_INVALID, "%s: %s", place, why);
}

const char *args_kind(yyjson_val *v)
{
    static const char *const kinds[8] = {
        [YYJSON_TYPE_NULL] = "null",
        [YYJSON_TYPE_BOOL] = "a boolean",
        [YYJSON_TYPE_NUM] = "a number",
        [YYJSON_TYPE_STR] = "a string",
        [YYJSON_TYPE_ARR] = "an array",
        [YYJSON_TYPE_OBJ] = "an object",
        [YYJSON_TYPE_RAW] = "a number out of range",
        [YYJSON_TYPE_NONE] = "nothing",
    };

    return kinds[yyjson_get_type(v)];
}

int args_wrong_type(struct binder *b, const struct args_place *at, const char *wanted,
                    yyjson_val *v)
{
    args_fail(b, at, "must be %s, not %s", wanted, args_kind(v));
    return yyjson_is_null(v) ? err_next(b->err, "leave it out instead of passing null") : -1;
}

static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[NEAR_MAX + 1], before, above;

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            above = row[j];
            size_t best = before + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            before = above;
        }
    }
    return row[lb];
}

/* All letters of a, in order, are in b: "cmd" in "command", "path" in "file_path". */
static bool within(const char *a, const char *b)
{
    if (strlen(a) < 3)
        return false;
    for (; *a && *b; b++)
        a += *a == *b;
    return !*a;
}

/* How unlike the name is what was given: 0 for an abbreviation, SIZE_MAX for another word. */
static size_t unlikeness(const char *given, const char *name)
{
    size_t len = strlen(given), far;

    if (len > NEAR_MAX || strlen(name) > NEAR_MAX)
        return SIZE_MAX;
    if (within(given, name) || within(name, given))
        return *given == *name ? 0 : 1;
    far = distance(given, name);
    return far <= (len < 6 ? 1 : len / 3) ? far : SIZE_MAX;
}

const char *args_nearest(const char *given, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        size_t far = unlikeness(given, names[i]);
        if (far < least) {
            least = far;
            best = names[i];
        }
    }
    return best;
}

/* "a, b, c" of at most 512 bytes. */
static void join(const char *const *names, size_t count, char out[512])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && n < 512; i++)
        n += (size_t)snprintf(out + n, 512 - n, "%s%s", i ? ", " : "", names[i]);
}

static int suggest(struct binder *b, const char *given, const char *const *names, size_t count)
{
    const char *near = args_nearest(given, names, count);

    return near ? err_next(b->err, "did you mean \"%s\"?", near) : -1;
}

int args_unknown(struct binder *b, const struct args_place *at, const struct arg_table *table,
                 const char *name)
{
    struct args_place here = { .up = at, .name = name };
    const char *names[64] = { NULL };
    char list[512];
    size_t count = table->count < COUNT_OF(names) ? table->count : COUNT_OF(names);

    for (size_t i = 0; i < count; i++)
        names[i] = table->rows[i].name;
    join(names, count, list);
    args_fail(b, &here, "unknown argument; accepted: %s", count ? list : "none");
    return suggest(b, name, names, count);
}

int args_no_choice(struct binder *b, const struct args_place *at, const char *const *choices,
                   const char *given)
{
    char list[512], word[SHOWN_MAX + 4];
    size_t count = 0;

    while (choices[count])
        count++;
    join(choices, count, list);
    args_fail(b, at, "\"%s\" is not one of %s", args_shown(given, word), list);
    return suggest(b, given, choices, count);
}
