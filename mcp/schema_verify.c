#include "mcp/schema_parts.h"

#include <string.h>

struct verifier {
    yyjson_val *root;
    struct binder say;
    size_t count;
    unsigned depth;
};

static int verify(struct verifier *f, yyjson_val *schema, const struct args_place *at);

static int verify_list(struct verifier *f, yyjson_val *list, const struct args_place *at)
{
    struct args_place item = { .up = at };
    yyjson_val *one;
    size_t max;

    if (!yyjson_arr_size(list))
        return args_fail(&f->say, at, "must be an array of schemas");
    yyjson_arr_foreach (list, item.index, max, one)
        if (verify(f, one, &item))
            return -1;
    return 0;
}

static int verify_map(struct verifier *f, yyjson_val *map, const struct args_place *at)
{
    yyjson_val *key, *one;
    size_t i, max;

    if (!yyjson_is_obj(map))
        return args_fail(&f->say, at, "must be an object of schemas");
    yyjson_obj_foreach (map, i, max, key, one) {
        struct args_place here = { .up = at, .name = yyjson_get_str(key) };
        if (strlen(here.name) != yyjson_get_len(key))
            return args_fail(&f->say, at, "a name contains a NUL character");
        if (yyjson_obj_get(map, here.name) != one)
            return args_fail(&f->say, &here, "is there twice");
        if (verify(f, one, &here))
            return -1;
    }
    return 0;
}

static bool names(yyjson_val *list)
{
    yyjson_val *one, *other;
    size_t i, k, max, before;

    yyjson_arr_foreach (list, i, max, one) {
        if (!yyjson_is_str(one) || strlen(yyjson_get_str(one)) != yyjson_get_len(one))
            return false;
        yyjson_arr_foreach (list, k, before, other) {
            if (k == i)
                break;
            if (yyjson_equals(one, other))
                return false;
        }
    }
    return yyjson_is_arr(list) && yyjson_arr_size(list) <= SCHEMA_COUNT_MAX;
}

static bool types(yyjson_val *arg)
{
    yyjson_val *one;
    size_t i, max;
    bool is;

    if (yyjson_is_str(arg))
        return schema_type(yyjson_get_str(arg), NULL, &is);
    yyjson_arr_foreach (arg, i, max, one)
        if (!yyjson_is_str(one) || !schema_type(yyjson_get_str(one), NULL, &is))
            return false;
    return yyjson_arr_size(arg) && names(arg);
}

static bool refers(struct verifier *f, yyjson_val *ref)
{
    size_t cost;
    yyjson_val *target = schema_resolve(f->root, ref, &cost);

    return yyjson_is_obj(target) || yyjson_is_bool(target);
}

/* What is wrong with an argument that holds no schemas; NULL: nothing. */
static const char *fault(struct verifier *f, const struct schema_keyword *word, yyjson_val *arg)
{
    switch (word->arg) {
    case SCHEMA_NAMES:
        return names(arg) ? NULL : "must be an array of different names";
    case SCHEMA_VALUES:
        return yyjson_arr_size(arg) ? NULL : "must be an array that is not empty";
    case SCHEMA_COUNT:
        return yyjson_is_uint(arg) ? NULL : "must be an integer from 0 on";
    case SCHEMA_NUMBER:
        return yyjson_is_num(arg) ? NULL : "must be a number";
    case SCHEMA_FLAG:
        return yyjson_is_bool(arg) ? NULL : "must be true or false";
    case SCHEMA_TYPES:
        return types(arg) ? NULL : "names no type";
    case SCHEMA_REF:
        return refers(f, arg) ? NULL : "refers to no schema of this document";
    case SCHEMA_ANCHOR:
        return yyjson_get_len(arg) ? NULL : "must be a name";
    case SCHEMA_DIALECT_ARG:
        if (f->depth > 1)
            return "belongs at the root";
        return yyjson_equals_str(arg, SCHEMA_DIALECT) ? NULL : "is not " SCHEMA_DIALECT;
    default:
        return NULL;
    }
}

static int verify_keyword(struct verifier *f, const struct schema_keyword *word, yyjson_val *arg,
                          const struct args_place *at)
{
    const char *why;

    switch (word->arg) {
    case SCHEMA_ONE:
        return verify(f, arg, at);
    case SCHEMA_LIST:
        return verify_list(f, arg, at);
    case SCHEMA_MAP:
        return verify_map(f, arg, at);
    default:
        why = fault(f, word, arg);
        return why ? args_fail(&f->say, at, "%s", why) : 0;
    }
}

static int verify_members(struct verifier *f, yyjson_val *schema, const struct args_place *at)
{
    yyjson_val *key, *arg;
    size_t i, max;

    yyjson_obj_foreach (schema, i, max, key, arg) {
        struct args_place here = { .up = at, .name = yyjson_get_str(key) };
        const struct schema_keyword *word = schema_keyword(key);
        if (!word)
            return args_fail(&f->say, &here, "is a keyword that is not supported");
        if (yyjson_obj_get(schema, here.name) != arg)
            return args_fail(&f->say, &here, "is there twice");
        if (verify_keyword(f, word, arg, &here))
            return -1;
    }
    return 0;
}

static int verify(struct verifier *f, yyjson_val *schema, const struct args_place *at)
{
    int failed;

    if (++f->count > SCHEMA_COUNT_MAX)
        return args_fail(&f->say, at, "is one of more than %d schemas", SCHEMA_COUNT_MAX);
    if (yyjson_is_bool(schema))
        return 0;
    if (!yyjson_is_obj(schema))
        return args_fail(&f->say, at, "is not a schema");
    if (f->depth == SCHEMA_DEPTH_MAX)
        return args_fail(&f->say, at, "is nested deeper than %d schemas", SCHEMA_DEPTH_MAX);
    f->depth++;
    failed = verify_members(f, schema, at);
    f->depth--;
    return failed;
}

int schema_verify(yyjson_val *schema, struct err *err)
{
    struct verifier f = { .root = schema, .say = { .err = err } };
    struct args_place top = { .name = "schema" };

    return verify(&f, schema, &top);
}
