#include "mcp/asking.h"
#include "mcp/schema.h"

#include <ctype.h>
#include <string.h>

/* ---- formats of strings in a form; those that we do not know judge nothing ---- */

/* Pattern: 9 is a digit, anything else itself. The length it takes, or 0. */
static size_t pattern(const char *s, const char *shape)
{
    size_t n = 0;

    for (; shape[n]; n++)
        if (shape[n] == '9' ? !isdigit((unsigned char)s[n]) : s[n] != shape[n])
            return 0;
    return n;
}

static bool between(const char *s, int min, int max)
{
    int v = (s[0] - '0') * 10 + s[1] - '0';

    return v >= min && v <= max;
}

static bool starts_with_date(const char *s)
{
    return pattern(s, "9999-99-99") && between(s + 5, 1, 12) && between(s + 8, 1, 31);
}

static bool is_date(const char *s)
{
    return starts_with_date(s) && !s[10];
}

static bool is_zone(const char *s)
{
    if (*s == 'Z' || *s == 'z')
        return !s[1];
    return (*s == '+' || *s == '-') && pattern(s + 1, "99:99") && between(s + 1, 0, 23) &&
           between(s + 4, 0, 59) && !s[6];
}

static bool is_date_time(const char *s)
{
    if (!starts_with_date(s) || !strchr("Tt", s[10]) || !s[10] || !pattern(s + 11, "99:99:99") ||
        !between(s + 11, 0, 23) || !between(s + 14, 0, 59) || !between(s + 17, 0, 60))
        return false;
    s += 19;
    if (*s == '.') {
        size_t digits = strspn(s + 1, "0123456789");
        if (!digits)
            return false;
        s += 1 + digits;
    }
    return is_zone(s);
}

static bool is_email(const char *s)
{
    const char *at = strrchr(s, '@');

    return at && at != s && at[1] && !strpbrk(s, " \t\r\n");
}

static bool is_uri(const char *s)
{
    size_t n = 0;

    if (!isalpha((unsigned char)*s))
        return false;
    while (isalnum((unsigned char)s[n]) || (s[n] && strchr("+-.", s[n])))
        n++;
    return s[n] == ':' && s[n + 1] && !strpbrk(s, " \t\r\n<>\"");
}

static const struct {
    const char *name;
    bool (*is)(const char *s);
} formats[] = {
    { "email", is_email },
    { "uri", is_uri },
    { "date", is_date },
    { "date-time", is_date_time },
};

static bool formats_fit(yyjson_val *schema, yyjson_val *content)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *property;
    size_t i, n;

    yyjson_obj_foreach (properties, i, n, key, property) {
        const char *text = json_str(content, yyjson_get_str(key));
        for (size_t f = 0; text && f < COUNT_OF(formats); f++)
            if (yyjson_equals_str(yyjson_obj_get(property, "format"), formats[f].name) &&
                (strlen(text) != yyjson_get_len(yyjson_obj_get(content, yyjson_get_str(key))) ||
                 !formats[f].is(text)))
                return false;
    }
    return true;
}

/* ---- results ---- */

static bool action_fits(yyjson_val *answer)
{
    yyjson_val *action = yyjson_obj_get(answer, "action");

    return yyjson_equals_str(action, "accept") || yyjson_equals_str(action, "decline") ||
           yyjson_equals_str(action, "cancel");
}

/* Flat: a form has no objects, and no arrays but those of strings that the schema tells of. */
static bool form_fits(yyjson_val *params, yyjson_val *answer)
{
    yyjson_val *schema = yyjson_obj_get(params, "requestedSchema");
    yyjson_val *content = yyjson_obj_get(answer, "content");

    if (!action_fits(answer) || (content && !yyjson_is_obj(content) && !yyjson_is_null(content)))
        return false;
    if (!ask_accepted(answer))
        return true;
    if (yyjson_is_null(content))
        content = NULL;
    return !schema_check(schema, content, NULL) && formats_fit(schema, content);
}

static bool url_fits(yyjson_val *params UNUSED, yyjson_val *answer)
{
    return action_fits(answer);
}

static bool message_fits(yyjson_val *params UNUSED, yyjson_val *answer)
{
    yyjson_val *role = yyjson_obj_get(answer, "role");
    yyjson_val *content = yyjson_obj_get(answer, "content");
    yyjson_val *block;
    size_t i, n;

    if (!yyjson_equals_str(role, "assistant") && !yyjson_equals_str(role, "user"))
        return false;
    if (!yyjson_is_str(yyjson_obj_get(answer, "model")))
        return false;
    if (!yyjson_is_arr(content))
        return json_str(content, "type");
    yyjson_arr_foreach (content, i, n, block)
        if (!json_str(block, "type"))
            return false;
    return true;
}

static bool roots_fit(yyjson_val *params UNUSED, yyjson_val *answer)
{
    yyjson_val *roots = yyjson_obj_get(answer, "roots"), *root;
    size_t i, n;

    if (!yyjson_is_arr(roots))
        return false;
    yyjson_arr_foreach (roots, i, n, root)
        if (!json_str(root, "uri"))
            return false;
    return true;
}

static const struct {
    const char *method;
    bool (*fits)(yyjson_val *params, yyjson_val *answer);
} kinds[] = {
    [ASK_FORM] = { "elicitation/create", form_fits },
    [ASK_URL] = { "elicitation/create", url_fits },
    [ASK_SAMPLING] = { "sampling/createMessage", message_fits },
    [ASK_ROOTS] = { "roots/list", roots_fit },
};

const char *ask_method(enum ask_kind kind)
{
    return kinds[kind].method;
}

bool ask_fits(enum ask_kind kind, yyjson_val *params, yyjson_val *answer)
{
    return yyjson_is_obj(answer) && kinds[kind].fits(params, answer);
}

bool ask_accepted(yyjson_val *answer)
{
    return yyjson_equals_str(yyjson_obj_get(answer, "action"), "accept");
}
