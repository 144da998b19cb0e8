#include "tools/gen/model.h"

#include <math.h>
#include <string.h>

#define SAFE_INTEGER 9007199254740991.0 /* 2^53 - 1: the same number in every client */

static double number(const struct gen_place *at, yyjson_val *schema, const char *keyword)
{
    yyjson_val *v = yyjson_obj_get(schema, keyword);

    if (!yyjson_is_num(v))
        gen_fail(at, "%s is missing, or not a number", keyword);
    return yyjson_get_num(v);
}

/* A count; `otherwise` < 0: it has to be given. */
static size_t count(const struct gen_place *at, yyjson_val *schema, const char *keyword,
                    int64_t otherwise)
{
    yyjson_val *v = yyjson_obj_get(schema, keyword);

    if (!v && otherwise >= 0)
        return (size_t)otherwise;
    if (!yyjson_is_uint(v))
        gen_fail(at, "%s is missing, or not a count", keyword);
    return (size_t)yyjson_get_uint(v);
}

static void read_lengths(const struct gen_place *at, yyjson_val *schema, const char *least,
                         const char *most, struct gen_property *p)
{
    p->min_len = count(at, schema, least, 0);
    p->max_len = count(at, schema, most, -1);
    if (p->min_len > p->max_len)
        gen_fail(at, "%s is more than %s", least, most);
}

static void read_string(const struct gen_place *at, yyjson_val *schema, struct gen_property *p)
{
    yyjson_val *coerce = yyjson_obj_get(schema, "x-coerce");

    p->choices = gen_choices(at, schema);
    if (p->choices) {
        p->type = ARG_ENUM;
        if (coerce || yyjson_obj_get(schema, "minLength") || yyjson_obj_get(schema, "maxLength"))
            gen_fail(at, "an enum has no lengths and no x-coerce");
        return;
    }
    read_lengths(at, schema, "minLength", "maxLength", p);
    if (yyjson_equals_str(coerce, "octal"))
        p->coerce = ARG_OCTAL;
    else if (yyjson_equals_str(coerce, "signal"))
        p->coerce = ARG_SIGNAL;
    else if (coerce)
        gen_fail(at, "x-coerce is not octal or signal");
}

static void read_number(const struct gen_place *at, yyjson_val *schema, struct gen_property *p)
{
    p->min = number(at, schema, "minimum");
    p->max = number(at, schema, "maximum");
    if (p->min > p->max)
        gen_fail(at, "minimum is more than maximum");
    if (p->type == ARG_INT && (p->min != floor(p->min) || p->max != floor(p->max) ||
                               p->min < -SAFE_INTEGER || p->max > SAFE_INTEGER))
        gen_fail(at, "the bounds of an integer must be integers within 2^53");
}

static void read_items(const struct gen_place *at, yyjson_val *schema, struct gen_property *p)
{
    struct gen_property item = { 0 };

    if (gen_type(at, schema, false) != ARG_STRING || yyjson_obj_get(schema, "default"))
        gen_fail(at, "must be texts without a default");
    read_string(at, schema, &item);
    if (item.coerce)
        gen_fail(at, "x-coerce is not known here");
    p->item_min = item.min_len;
    p->item_max = item.max_len;
    p->choices = item.choices;
}

static struct gen_object *nested(const struct gen_place *at, yyjson_val *schema, const char *name)
{
    struct gen_object *object = calloc(1, sizeof(*object));

    if (!object)
        gen_fail(at, "out of memory");
    gen_read_object(at, schema, name, object);
    for (size_t i = 0; i < object->count; i++)
        if (object->properties[i].writes)
            gen_fail(at, "x-writes is for parameters of the tool itself");
    return object;
}

static void read_array(const struct gen_place *at, yyjson_val *schema, const char *struct_name,
                       struct gen_property *p)
{
    yyjson_val *items = yyjson_obj_get(schema, "items");
    struct gen_place inside = gen_below(at, "[]");

    read_lengths(at, schema, "minItems", "maxItems", p);
    if (gen_type(&inside, items, false) == ARG_OBJECT) {
        p->type = ARG_OBJECTS;
        p->object = nested(&inside, items, gen_text("%s_item", struct_name));
        return;
    }
    read_items(&inside, items, p);
}

static void read_map_or_object(const struct gen_place *at, yyjson_val *schema,
                               const char *struct_name, struct gen_property *p)
{
    yyjson_val *values = yyjson_obj_get(schema, "additionalProperties");
    struct gen_place inside = gen_below(at, "*");

    if (!values) {
        if (yyjson_obj_get(schema, "maxProperties"))
            gen_fail(at, "maxProperties is for maps");
        p->object = nested(at, schema, struct_name);
        return;
    }
    if (yyjson_obj_get(schema, "properties") || yyjson_obj_get(schema, "required"))
        gen_fail(at, "has properties or additionalProperties, not both");
    p->type = ARG_MAP;
    p->max_len = count(at, schema, "maxProperties", -1);
    read_items(&inside, values, p);
}

static void read_default(const struct gen_place *at, yyjson_val *schema, struct gen_property *p)
{
    yyjson_val *v = p->fallback = yyjson_obj_get(schema, "default");
    size_t len = yyjson_get_len(v);
    bool fits;

    if (!v)
        return;
    if (p->required)
        gen_fail(at, "is required and has a default");
    if (p->type == ARG_ENUM)
        fits = yyjson_is_str(v) && gen_holds(p->choices, yyjson_get_str(v));
    else if (p->type == ARG_STRING)
        fits = yyjson_is_str(v) && len >= p->min_len && len <= p->max_len;
    else if (p->type == ARG_BOOL)
        fits = yyjson_is_bool(v);
    else
        fits = (p->type == ARG_INT ? yyjson_is_int(v) : yyjson_is_num(v)) &&
               yyjson_get_num(v) >= p->min && yyjson_get_num(v) <= p->max;
    if (!fits)
        gen_fail(at, "the default is not among what it accepts");
}

static void read_writes(const struct gen_place *at, yyjson_val *schema, struct gen_property *p)
{
    yyjson_val *flag = yyjson_obj_get(schema, "x-writes");

    if (!flag)
        return;
    p->writes = yyjson_is_true(flag);
    if (!p->writes || p->required || p->fallback || (p->type != ARG_STRING && p->type != ARG_BOOL))
        gen_fail(at, "x-writes is true, of a text or boolean that is optional without a default");
}

static const char *c_name(const char *name)
{
    static const char *const taken[] = {
        "asm",     "auto",    "bool",   "break",    "case",   "char",     "const",    "continue",
        "do",      "default", "double", "else",     "enum",   "extern",   "false",    "float",
        "for",     "goto",    "if",     "inline",   "int",    "long",     "register", "restrict",
        "return",  "short",   "signed", "sizeof",   "static", "struct",   "switch",   "true",
        "typedef", "typeof",  "union",  "unsigned", "void",   "volatile", "while",
    };

    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (!strcmp(name, taken[i]))
            return gen_text("%s_", name);
    return name;
}

static void read_property(const struct gen_place *at, yyjson_val *schema, const char *struct_name,
                          struct gen_property *p)
{
    yyjson_val *text = yyjson_obj_get(schema, "description");

    p->type = gen_type(at, schema, false);
    p->c_name = c_name(p->name);
    if (text && !yyjson_get_len(text))
        gen_fail(at, "description is empty, or not a text");
    if (p->type == ARG_STRING)
        read_string(at, schema, p);
    else if (p->type == ARG_INT || p->type == ARG_NUMBER)
        read_number(at, schema, p);
    else if (p->type == ARG_STRINGS)
        read_array(at, schema, struct_name, p);
    else if (p->type == ARG_OBJECT)
        read_map_or_object(at, schema, struct_name, p);
    read_default(at, schema, p);
    read_writes(at, schema, p);
    p->has_member = !p->required && !p->fallback &&
                    (p->type == ARG_INT || p->type == ARG_NUMBER || p->type == ARG_BOOL ||
                     p->type == ARG_OBJECT);
}

static void read_name(const struct gen_place *at, const char *name)
{
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        strlen(name) > GEN_NAME_MAX || name[0] < 'a')
        gen_fail(at, "property \"%s\" is not [a-z][a-z0-9_]{0,%d}", name, GEN_NAME_MAX - 1);
}

static bool named(const struct gen_property *p, const char *member)
{
    return !strcmp(p->c_name, member) ||
           (p->has_member && !strcmp(gen_text("has_%s", p->name), member));
}

static void check_members(const struct gen_place *at, const struct gen_object *object)
{
    for (size_t i = 0; i < object->count; i++)
        for (size_t j = 0; j < object->count; j++)
            if (i != j && named(&object->properties[i], object->properties[j].c_name))
                gen_fail(at, "\"%s\" is the name of two members", object->properties[j].c_name);
}

void gen_read_object(const struct gen_place *at, yyjson_val *schema, const char *struct_name,
                     struct gen_object *object)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *val;
    size_t i, max;

    if (gen_type(at, schema, false) != ARG_OBJECT || !yyjson_is_obj(properties) ||
        yyjson_obj_get(schema, "additionalProperties") || yyjson_obj_get(schema, "maxProperties"))
        gen_fail(at, "must be an object with properties, and no others");
    if (yyjson_obj_size(properties) > GEN_PROPERTIES_MAX)
        gen_fail(at, "has more than %d properties", GEN_PROPERTIES_MAX);
    gen_check_required(at, schema);
    object->struct_name = struct_name;
    yyjson_obj_foreach (properties, i, max, key, val) {
        struct gen_property *p = &object->properties[object->count++];
        struct gen_place inside = gen_below(at, yyjson_get_str(key));
        p->name = yyjson_get_str(key);
        read_name(at, p->name);
        if (yyjson_obj_get(properties, p->name) != val)
            gen_fail(&inside, "is there twice");
        p->required = gen_holds(yyjson_obj_get(schema, "required"), p->name);
        read_property(&inside, val, gen_text("%s_%s", gen_owner(struct_name), p->name), p);
    }
    check_members(at, object);
}
