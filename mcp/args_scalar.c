#include "mcp/args_parts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SAFE_INTEGER 9007199254740992.0 /* 2^53: doubles up to here are exact integers */
#define SIGNAL_MAX 64

/* A number as it was given, in JSON or spelled in a string. */
struct number {
    bool whole; /* `integer` holds it exactly */
    int64_t integer;
    double real;
};

static void store(void *to, const void *value, size_t size)
{
    memcpy(to, value, size);
}

int args_text(struct binder *b, const struct args_place *at, yyjson_val *v, size_t min, size_t max,
              const char **out)
{
    const char *s = yyjson_get_str(v);
    size_t len = yyjson_get_len(v);
    char *copy;

    if (!s)
        return args_wrong_type(b, at, "a string", v);
    if (!len && min == 1)
        return args_fail(b, at, "must not be empty");
    if (len < min || len > max)
        return args_fail(b, at, "%zu bytes is not within %zu..%zu bytes", len, min, max);
    if (memchr(s, '\0', len))
        return args_fail(b, at, "contains a NUL character");
    copy = args_alloc(b, len + 1, 1);
    if (!copy)
        return -1;
    memcpy(copy, s, len + 1);
    *out = copy;
    return 0;
}

static void number_of_double(double d, struct number *out)
{
    *out = (struct number){ .real = d };
    out->whole = d == floor(d) && fabs(d) <= SAFE_INTEGER;
    if (out->whole)
        out->integer = (int64_t)d;
}

/* Decimal digits, and nothing more when only integers are wanted. */
static bool number_of_text(yyjson_val *v, bool integer, struct number *out)
{
    const char *s = yyjson_get_str(v);
    const char *digits = s + (*s == '-');
    char *end;

    if (strspn(digits, "0123456789") == 0 || strlen(s) != yyjson_get_len(v))
        return false;
    if (s[strspn(s, integer ? "-0123456789" : "-+0123456789.eE")])
        return false;
    errno = 0;
    out->integer = strtoll(s, &end, 10);
    out->whole = !*end && !errno;
    out->real = strtod(s, &end);
    return !*end && isfinite(out->real);
}

static bool number_of(yyjson_val *v, bool integer, struct number *out)
{
    if (yyjson_is_str(v))
        return number_of_text(v, integer, out);
    if (!yyjson_is_num(v))
        return false;
    if (yyjson_is_real(v) || (yyjson_is_uint(v) && yyjson_get_uint(v) > INT64_MAX))
        number_of_double(yyjson_get_num(v), out);
    else
        *out = (struct number){
            .whole = true,
            .integer = yyjson_get_sint(v),
            .real = yyjson_get_num(v),
        };
    return true;
}

/* Shortest form without an exponent where that is readable. */
static const char *spelled(double d, char out[32])
{
    bool whole = d == floor(d) && fabs(d) <= SAFE_INTEGER;

    snprintf(out, 32, whole ? "%.0f" : "%.15g", d);
    return out;
}

static int out_of_range(struct binder *b, const struct args_place *at, const struct number *n,
                        double min, double max)
{
    char given[32], least[32], most[32];

    if (n->whole)
        snprintf(given, sizeof(given), "%lld", (long long)n->integer);
    else
        spelled(n->real, given);
    return args_fail(b, at, "%s is not within %s..%s", given, spelled(min, least),
                     spelled(max, most));
}

static int bind_integer(struct binder *b, const struct args_place *at, double min, double max,
                        yyjson_val *v, int64_t *out)
{
    struct number n;
    char given[32];

    if (!number_of(v, true, &n))
        return args_wrong_type(b, at, "an integer", v);
    if (!n.whole && n.real != floor(n.real))
        return args_fail(b, at, "must be an integer, not %s", spelled(n.real, given));
    if (!n.whole || (double)n.integer < min || (double)n.integer > max)
        return out_of_range(b, at, &n, min, max);
    *out = n.integer;
    return 0;
}

static int bind_int(struct binder *b, const struct args_place *at, const struct arg_row *row,
                    yyjson_val *v, void *to)
{
    int64_t value;

    if (bind_integer(b, at, row->min, row->max, v, &value))
        return -1;
    store(to, &value, sizeof(value));
    return 0;
}

static int bind_number(struct binder *b, const struct args_place *at, const struct arg_row *row,
                       yyjson_val *v, void *to)
{
    struct number n;

    if (!number_of(v, false, &n))
        return args_wrong_type(b, at, "a number", v);
    if (!(n.real >= row->min && n.real <= row->max))
        return out_of_range(b, at, &n, row->min, row->max);
    store(to, &n.real, sizeof(n.real));
    return 0;
}

static int bind_bool(struct binder *b, const struct args_place *at,
                     const struct arg_row *row UNUSED, yyjson_val *v, void *to)
{
    bool value = yyjson_is_true(v) || yyjson_equals_str(v, "true");

    if (!value && !yyjson_is_false(v) && !yyjson_equals_str(v, "false"))
        return args_wrong_type(b, at, "true or false", v);
    store(to, &value, sizeof(value));
    return 0;
}

/* A number where a string is wanted: file permissions and signals are often given so. */
static int spell(struct binder *b, const struct args_place *at, bool octal, yyjson_val *v,
                 const char **out)
{
    char *text = args_alloc(b, 8, 1);
    int64_t value;

    if (!text || bind_integer(b, at, octal ? 0 : 1, octal ? 7777 : SIGNAL_MAX, v, &value))
        return -1;
    snprintf(text, 8, octal ? "%04d" : "%d", (int)value);
    if (octal && strspn(text, "01234567") != strlen(text))
        return args_fail(b, at, "%d is not octal", (int)value);
    *out = text;
    return 0;
}

static int bind_string(struct binder *b, const struct args_place *at, const struct arg_row *row,
                       yyjson_val *v, void *to)
{
    const char *text = NULL;
    int failed;

    if (yyjson_is_num(v) && row->flags & (ARG_OCTAL | ARG_SIGNAL))
        failed = spell(b, at, row->flags & ARG_OCTAL, v, &text);
    else
        failed = args_text(b, at, v, row->min_len, row->max_len, &text);
    if (failed)
        return -1;
    store(to, &text, sizeof(text));
    return 0;
}

int args_choice(struct binder *b, const struct args_place *at, const char *const *choices,
                yyjson_val *v, int *out)
{
    const char *s = yyjson_get_str(v);

    if (!s)
        return args_wrong_type(b, at, "a string", v);
    for (int i = 0; choices[i]; i++) {
        if (!yyjson_equals_str(v, choices[i]))
            continue;
        *out = i;
        return 0;
    }
    return args_no_choice(b, at, choices, s);
}

static int bind_enum(struct binder *b, const struct args_place *at, const struct arg_row *row,
                     yyjson_val *v, void *to)
{
    int index;

    if (args_choice(b, at, row->choices, v, &index))
        return -1;
    store(to, &index, sizeof(index));
    return 0;
}

int args_bind_scalar(struct binder *b, const struct args_place *at, const struct arg_row *row,
                     yyjson_val *v, void *to)
{
    static int (*const binds[])(struct binder *, const struct args_place *, const struct arg_row *,
                                yyjson_val *, void *) = {
        [ARG_STRING] = bind_string, [ARG_INT] = bind_int,   [ARG_NUMBER] = bind_number,
        [ARG_BOOL] = bind_bool,     [ARG_ENUM] = bind_enum,
    };

    return binds[row->type](b, at, row, v, to);
}

void args_absent(const struct arg_row *row, void *to)
{
    double number = row->has_default ? row->default_number : 0;
    int64_t integer = (int64_t)number;
    bool flag = number != 0;
    int index = row->has_default ? (int)number : -1;

    if (row->type == ARG_STRING)
        store(to, &row->default_string, sizeof(row->default_string));
    else if (row->type == ARG_INT)
        store(to, &integer, sizeof(integer));
    else if (row->type == ARG_NUMBER)
        store(to, &number, sizeof(number));
    else if (row->type == ARG_BOOL)
        store(to, &flag, sizeof(flag));
    else if (row->type == ARG_ENUM)
        store(to, &index, sizeof(index));
}
