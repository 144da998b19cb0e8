/* Keywords that hold schemas, and references to them. */
#include "mcp/schema_parts.h"

#include <string.h>

/* ---- members and items ---- */

int judge_properties(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
                     const struct args_place *at)
{
    yyjson_val *key, *inner;
    size_t i, max;

    if (!yyjson_is_obj(v) || !yyjson_is_obj(arg))
        return 0;
    yyjson_obj_foreach (arg, i, max, key, inner) {
        struct args_place here = { .up = at, .name = yyjson_get_str(key) };
        yyjson_val *member = yyjson_obj_getn(v, yyjson_get_str(key), yyjson_get_len(key));
        if (judge_pay(j, 1 + yyjson_obj_size(v) / 4))
            return -1;
        if (member && judge_value(j, inner, member, &here))
            return -1;
    }
    return 0;
}

/* "a, b, c" of at most 512 bytes. */
static void join_names(yyjson_val *properties, char out[512])
{
    yyjson_val *key, *val;
    size_t i, max, n = 0;

    snprintf(out, 512, "none");
    if (!properties)
        return;
    yyjson_obj_foreach (properties, i, max, key, val)
        if (n < 512)
            n += (size_t)snprintf(out + n, 512 - n, "%s%s", i ? ", " : "", yyjson_get_str(key));
}

int judge_additional(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
                     const struct args_place *at)
{
    yyjson_val *known = yyjson_obj_get(schema, "properties"), *key, *member;
    char list[512];
    size_t i, max;

    if (!yyjson_is_obj(v))
        return 0;
    yyjson_obj_foreach (v, i, max, key, member) {
        struct args_place here = { .up = at, .name = yyjson_get_str(key) };
        if (judge_pay(j, 1 + yyjson_obj_size(known) / 4))
            return -1;
        if (yyjson_obj_getn(known, yyjson_get_str(key), yyjson_get_len(key)))
            continue;
        if (yyjson_is_false(arg)) {
            join_names(known, list);
            return args_fail(&j->say, &here, "unknown argument; accepted: %s", list);
        }
        if (judge_value(j, arg, member, &here))
            return -1;
    }
    return 0;
}

int judge_required(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
                   const struct args_place *at)
{
    yyjson_val *name;
    size_t i, max;

    if (!yyjson_is_obj(v))
        return 0;
    yyjson_arr_foreach (arg, i, max, name) {
        struct args_place here = { .up = at, .name = yyjson_get_str(name) };
        if (judge_pay(j, 1 + yyjson_obj_size(v) / 4))
            return -1;
        if (here.name && !yyjson_obj_getn(v, here.name, yyjson_get_len(name)))
            return args_fail(&j->say, &here, "is required");
    }
    return 0;
}

int judge_items(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
                const struct args_place *at)
{
    struct args_place item = { .up = at };
    yyjson_val *val;
    size_t max;

    yyjson_arr_foreach (v, item.index, max, val)
        if (judge_value(j, arg, val, &item))
            return -1;
    return 0;
}

int judge_unique(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
                 const struct args_place *at)
{
    yyjson_val *one, *other;
    size_t i, k, max, before;
    bool equal;

    if (!yyjson_is_true(arg) || !yyjson_is_arr(v))
        return 0;
    yyjson_arr_foreach (v, i, max, one) {
        yyjson_arr_foreach (v, k, before, other) {
            if (k == i)
                break;
            if (judge_equal(j, one, other, &equal))
                return -1;
            if (equal)
                return args_fail(&j->say, at, "items %zu and %zu are the same", k, i);
        }
    }
    return 0;
}

/* ---- references ---- */

static yyjson_val *find_anchor(yyjson_val *v, const char *name, unsigned depth, size_t *cost)
{
    yyjson_val *key, *val, *found = NULL;
    size_t i, max;

    *cost += 1;
    if (depth == SCHEMA_DEPTH_MAX)
        return NULL;
    if (yyjson_is_obj(v) && yyjson_equals_str(yyjson_obj_get(v, "$anchor"), name))
        return v;
    yyjson_obj_foreach (v, i, max, key, val)
        if ((found = find_anchor(val, name, depth + 1, cost)))
            return found;
    yyjson_arr_foreach (v, i, max, val)
        if ((found = find_anchor(val, name, depth + 1, cost)))
            return found;
    return NULL;
}

yyjson_val *schema_resolve(yyjson_val *root, yyjson_val *ref, size_t *cost)
{
    const char *text = yyjson_get_str(ref);
    size_t len = yyjson_get_len(ref);

    *cost = 16;
    if (!text || *text != '#' || strlen(text) != len || strchr(text, '%'))
        return NULL;
    if (len == 1)
        return root;
    return text[1] == '/' ? yyjson_ptr_getn(root, text + 1, len - 1)
                          : find_anchor(root, text + 1, 0, cost);
}

int judge_ref(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
              const struct args_place *at)
{
    size_t cost;
    yyjson_val *target = schema_resolve(j->root, arg, &cost);

    if (judge_pay(j, cost))
        return -1;
    return target ? judge_value(j, target, v, at) : 0;
}

/* ---- alternatives ---- */

/* How it fits, without a word about why not. -1: no verdict. */
static int try(struct judge *j, yyjson_val *schema, yyjson_val *v, const struct args_place *at,
               bool *fits)
{
    struct binder say = j->say;

    j->say.err = NULL;
    *fits = !judge_value(j, schema, v, at);
    j->say = say;
    return j->stopped ? -1 : 0;
}

/* In how many of the list. */
static int count_fitting(struct judge *j, yyjson_val *list, yyjson_val *v,
                         const struct args_place *at, size_t enough, size_t *count)
{
    yyjson_val *one;
    size_t i, max;
    bool fits;

    *count = 0;
    yyjson_arr_foreach (list, i, max, one) {
        if (try(j, one, v, at, &fits))
            return -1;
        *count += fits;
        if (*count == enough)
            break;
    }
    return 0;
}

/* When there was but one alternative left to be met, or none is met, the first says why. */
static int fits_none(struct judge *j, yyjson_val *list, yyjson_val *v, const struct args_place *at)
{
    char why[1024];

    if (!j->say.err)
        return -1;
    if (!judge_value(j, yyjson_arr_get_first(list), v, at))
        return 0;
    if (j->stopped || yyjson_arr_size(list) == 1)
        return -1;
    snprintf(why, sizeof(why), "%s", j->say.err->msg);
    return args_fail(&j->say, at, "fits none of %zu alternatives; of the first: %s",
                     yyjson_arr_size(list), why);
}

int judge_all(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
              const struct args_place *at)
{
    yyjson_val *one;
    size_t i, max;

    yyjson_arr_foreach (arg, i, max, one)
        if (judge_value(j, one, v, at))
            return -1;
    return 0;
}

int judge_any(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
              const struct args_place *at)
{
    size_t count;

    if (!yyjson_is_arr(arg))
        return 0;
    if (count_fitting(j, arg, v, at, 1, &count))
        return -1;
    return count ? 0 : fits_none(j, arg, v, at);
}

int judge_one(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
              const struct args_place *at)
{
    size_t count;

    if (!yyjson_is_arr(arg))
        return 0;
    if (count_fitting(j, arg, v, at, 2, &count))
        return -1;
    if (count == 2)
        return args_fail(&j->say, at, "fits more than one alternative");
    return count ? 0 : fits_none(j, arg, v, at);
}

int judge_not(struct judge *j, yyjson_val *schema UNUSED, yyjson_val *arg, yyjson_val *v,
              const struct args_place *at)
{
    bool fits;

    if (try(j, arg, v, at, &fits))
        return -1;
    return fits ? args_fail(&j->say, at, "is what must not be here") : 0;
}

int judge_if(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
             const struct args_place *at)
{
    yyjson_val *then = yyjson_obj_get(schema, "then"), *otherwise = yyjson_obj_get(schema, "else");
    bool fits;

    if (try(j, arg, v, at, &fits))
        return -1;
    if (fits)
        return then ? judge_value(j, then, v, at) : 0;
    return otherwise ? judge_value(j, otherwise, v, at) : 0;
}
