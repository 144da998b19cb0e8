/* Keywords about one value by itself. */
#include "mcp/schema_parts.h"

#include <math.h>
#include <string.h>

#define LIST_MAX 512 /* bytes of the choices in an error */

static const struct {
    const char *name, *wanted;
    yyjson_type type;
} types[] = {
    { "object", "an object", YYJSON_TYPE_OBJ },   { "array", "an array", YYJSON_TYPE_ARR },
    { "string", "a string", YYJSON_TYPE_STR },    { "boolean", "a boolean", YYJSON_TYPE_BOOL },
    { "null", "null", YYJSON_TYPE_NULL },         { "number", "a number", YYJSON_TYPE_NUM },
    { "integer", "an integer", YYJSON_TYPE_NUM },
};

/* Exact for every number that yyjson reads: long double has 64 bits of mantissa or more. */
static long double number(yyjson_val *v)
{
    if (yyjson_is_uint(v))
        return (long double)yyjson_get_uint(v);
    if (yyjson_is_sint(v))
        return (long double)yyjson_get_sint(v);
    return (long double)yyjson_get_real(v);
}

static const char *number_text(long double n, char out[32])
{
    bool plain = n == floorl(n) && fabsl(n) < 1e18L;

    snprintf(out, 32, plain ? "%.0Lf" : "%.15Lg", n);
    return out;
}

static bool whole(yyjson_val *v)
{
    return !yyjson_is_real(v) || yyjson_get_real(v) == floor(yyjson_get_real(v));
}

static bool is_of(size_t type, yyjson_val *v)
{
    return yyjson_get_type(v) == types[type].type &&
           (strcmp(types[type].name, "integer") != 0 || whole(v));
}

bool schema_type(const char *name, yyjson_val *v, bool *is)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (!strcmp(name, types[i].name)) {
            *is = v && is_of(i, v);
            return true;
        }
    return false;
}

static void add_wanted(const char *name, char *out, size_t size)
{
    size_t n = strlen(out);

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (!strcmp(types[i].name, name))
            snprintf(out + n, size - n, "%s%s", n ? " or " : "", types[i].wanted);
}

int judge_type(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
               const struct args_place *at)
{
    char wanted[128] = "", text[32];
    yyjson_val *one = arg;
    size_t i = 0, max = yyjson_is_arr(arg) ? yyjson_arr_size(arg) : 1;

    for (; i < max; i++) {
        bool is = false;
        if (yyjson_is_arr(arg))
            one = yyjson_arr_get(arg, i);
        if (!yyjson_is_str(one) || !schema_type(yyjson_get_str(one), v, &is) || is)
            return 0;
        add_wanted(yyjson_get_str(one), wanted, sizeof(wanted));
    }
    if (yyjson_is_num(v))
        return args_fail(&j->say, at, "must be %s, not %s", wanted, number_text(number(v), text));
    return args_wrong_type(&j->say, at, wanted, v);
}

/* ---- equality ---- */

static int equal_members(struct judge *j, yyjson_val *a, yyjson_val *b, bool *equal)
{
    yyjson_val *key, *val;
    size_t i, max;

    yyjson_obj_foreach (a, i, max, key, val) {
        yyjson_val *other = yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));
        if (judge_pay(j, yyjson_obj_size(b)))
            return -1;
        *equal = other;
        if (other && judge_equal(j, val, other, equal))
            return -1;
        if (!*equal)
            return 0;
    }
    return 0;
}

static int equal_items(struct judge *j, yyjson_val *a, yyjson_val *b, bool *equal)
{
    yyjson_val *val, *other = yyjson_arr_get_first(b);
    size_t i, max;

    yyjson_arr_foreach (a, i, max, val) {
        if (judge_equal(j, val, other, equal))
            return -1;
        if (!*equal)
            return 0;
        other = unsafe_yyjson_get_next(other);
    }
    return 0;
}

int judge_equal(struct judge *j, yyjson_val *a, yyjson_val *b, bool *equal)
{
    yyjson_type type = yyjson_get_type(a);
    bool nests = type == YYJSON_TYPE_ARR || type == YYJSON_TYPE_OBJ;

    if (judge_pay(j, 1 + (type == YYJSON_TYPE_STR ? yyjson_get_len(a) / 64 : 0)))
        return -1;
    *equal = type == yyjson_get_type(b);
    if (!*equal)
        return 0;
    if (nests) {
        *equal = unsafe_yyjson_get_len(a) == unsafe_yyjson_get_len(b);
        if (!*equal)
            return 0;
        return type == YYJSON_TYPE_ARR ? equal_items(j, a, b, equal)
                                       : equal_members(j, a, b, equal);
    }
    if (type == YYJSON_TYPE_STR)
        *equal = yyjson_equals_strn(a, yyjson_get_str(b), yyjson_get_len(b));
    else if (type == YYJSON_TYPE_NUM)
        *equal = number(a) == number(b);
    else if (type == YYJSON_TYPE_BOOL)
        *equal = yyjson_get_bool(a) == yyjson_get_bool(b);
    return 0;
}

/* ---- enum, const ---- */

/* A list of values for an error; strings without quotes, as args_no_choice() writes them. */
static void add_choice(yyjson_val *v, char *out)
{
    size_t n = strlen(out);
    char *text = yyjson_is_str(v) ? NULL : yyjson_val_write(v, 0, NULL);

    snprintf(out + n, LIST_MAX - n, "%s%s", n ? ", " : "",
             text               ? text
             : yyjson_is_str(v) ? yyjson_get_str(v)
                                : "?");
    free(text);
}

static int no_choice(struct judge *j, yyjson_val *arg, yyjson_val *v, const struct args_place *at)
{
    char list[LIST_MAX] = "", word[64];
    yyjson_val *choice;
    size_t i, max;

    if (!j->say.err)
        return -1;
    if (yyjson_is_arr(arg)) {
        yyjson_arr_foreach (arg, i, max, choice)
            add_choice(choice, list);
    } else {
        add_choice(arg, list);
    }
    if (yyjson_is_str(v))
        return args_fail(&j->say, at, "\"%s\" is not one of %s",
                         args_shown(yyjson_get_str(v), word), list);
    return args_fail(&j->say, at, "%s is not one of %s", args_kind(v), list);
}

int judge_enum(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
               const struct args_place *at)
{
    yyjson_val *choice;
    size_t i, max;
    bool equal;

    yyjson_arr_foreach (arg, i, max, choice) {
        if (judge_equal(j, choice, v, &equal))
            return -1;
        if (equal)
            return 0;
    }
    return no_choice(j, arg, v, at);
}

int judge_const(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
                const struct args_place *at)
{
    bool equal;
    char list[LIST_MAX] = "";

    if (judge_equal(j, arg, v, &equal))
        return -1;
    if (equal || !j->say.err)
        return equal ? 0 : -1;
    add_choice(arg, list);
    return args_fail(&j->say, at, "must be %s", list);
}

/* ---- bounds ---- */

/* "minimum", "exclusiveMaximum": is it the lower one, does it exclude. */
static bool is_least(yyjson_val *schema, yyjson_val *arg, const char *low, const char *other_low)
{
    return arg == yyjson_obj_get(schema, low) ||
           (other_low && arg == yyjson_obj_get(schema, other_low));
}

int judge_number(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
                 const struct args_place *at)
{
    bool least = is_least(schema, arg, "minimum", "exclusiveMinimum");
    bool open = is_least(schema, arg, "exclusiveMinimum", "exclusiveMaximum");
    char given[32], wanted[32];
    long double n, bound;

    if (!yyjson_is_num(v) || !yyjson_is_num(arg))
        return 0;
    n = number(v);
    bound = number(arg);
    if (least ? n > bound : n < bound)
        return 0;
    if (!open && n == bound)
        return 0;
    return args_fail(&j->say, at, "%s is %s than %s", number_text(n, given),
                     open    ? least ? "not more" : "not less"
                     : least ? "less"
                             : "more",
                     number_text(bound, wanted));
}

static int bounded(struct judge *j, yyjson_val *arg, bool least, size_t count, const char *unit,
                   const struct args_place *at)
{
    uint64_t bound = yyjson_get_uint(arg);

    if (!yyjson_is_uint(arg) || (least ? count >= bound : count <= bound))
        return 0;
    return args_fail(&j->say, at, "%zu %s%s is %s than %llu", count, unit, count == 1 ? "" : "s",
                     least ? "less" : "more", (unsigned long long)bound);
}

int judge_length(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
                 const struct args_place *at)
{
    const char *s = yyjson_get_str(v);
    size_t len = yyjson_get_len(v), count = 0;

    if (!s)
        return 0;
    if (judge_pay(j, len / 256))
        return -1;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return bounded(j, arg, is_least(schema, arg, "minLength", NULL), count, "character", at);
}

int judge_size(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
               const struct args_place *at)
{
    bool of_array = is_least(schema, arg, "minItems", "maxItems");

    if (of_array ? !yyjson_is_arr(v) : !yyjson_is_obj(v))
        return 0;
    return bounded(j, arg, is_least(schema, arg, "minItems", "minProperties"),
                   unsafe_yyjson_get_len(v), of_array ? "item" : "member", at);
}
