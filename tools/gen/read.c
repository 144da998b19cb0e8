#include "tools/gen/model.h"

#include "backend/backend.h"
#include "mcp/schema.h"

#include <stdlib.h>
#include <string.h>

static const char *const op_names[] = {
    [OP_EXEC] = "exec",
    [OP_OUTPUT] = "output",
    [OP_KILL] = "kill",
    [OP_FILE_READ] = "file_read",
    [OP_FILE_WRITE] = "file_write",
    [OP_FILE_LIST] = "file_list",
    [OP_FILE_SEARCH] = "file_search",
    [OP_FILE_REPLACE] = "file_replace",
    [OP_CODE] = "code",
    [OP_CODE_CONTEXT] = "code_context",
    [OP_CODE_PACKAGES] = "code_packages",
    [OP_INFO] = "info",
    [OP_BROWSER] = "browser",
    [OP_WAIT] = "wait",
    [OP_PROCESSES] = "processes",
    [OP_HISTORY] = "history",
    [OP_FILE_PUT] = "file_put",
    [OP_FILE_TAKE] = "file_take",
    [OP_FILE_MANAGE] = "file_manage",
    [OP_PTY] = "pty",
    [OP_DOCUMENT] = "document",
    [OP_FILE_EDIT] = "file_edit",
    [OP_FILE_WATCH] = "file_watch",
};
_Static_assert(COUNT_OF(op_names) == OP_COUNT, "an op has no name here");

static const char *const hints[] = {
    "readOnlyHint",
    "destructiveHint",
    "idempotentHint",
    "openWorldHint",
};

static bool is_true(yyjson_val *obj, const char *key)
{
    return yyjson_is_true(yyjson_obj_get(obj, key));
}

static bool one_of(const char *s, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(s, list[i]))
            return true;
    return false;
}

static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static const char *text_field(struct gen_place at, yyjson_val *entry, const char *field)
{
    const char *s = yyjson_get_str(yyjson_obj_get(entry, field));

    at.field = field;
    if (!s || !*s)
        gen_fail(&at, "is missing, or not a text");
    return s;
}

static const char *read_name(struct gen_place at, yyjson_val *entry, size_t max)
{
    const char *name = text_field(at, entry, "name");

    at.field = "name";
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        strlen(name) > max || name[0] < 'a')
        gen_fail(&at, "\"%s\" is not [a-z][a-z0-9_]{0,%zu}", name, max - 1);
    return name;
}

static const char *read_description(struct gen_place at, yyjson_val *entry)
{
    const char *text = text_field(at, entry, "description");

    at.field = "description";
    if (characters(text) > GEN_DESCRIPTION_MAX)
        gen_fail(&at, "has %zu characters, %d is the most", characters(text), GEN_DESCRIPTION_MAX);
    return text;
}

static enum tool_class read_class(struct gen_place at, yyjson_val *entry)
{
    static const struct {
        const char *name;
        enum tool_class cls;
    } classes[] = { { "S", TOOL_STRUCTURED }, { "T", TOOL_TEXT }, { "I", TOOL_IMAGE } };
    const char *name = text_field(at, entry, "class");
    yyjson_val *output = yyjson_obj_get(entry, "outputSchema");

    for (size_t i = 0; i < COUNT_OF(classes); i++) {
        if (strcmp(name, classes[i].name))
            continue;
        at.field = "outputSchema";
        if (classes[i].cls == TOOL_STRUCTURED && !output)
            gen_fail(&at, "is missing, a tool of class S needs one");
        if (classes[i].cls != TOOL_STRUCTURED && output)
            gen_fail(&at, "a tool of class %s cannot have one", name);
        return classes[i].cls;
    }
    at.field = "class";
    gen_fail(&at, "is \"%s\", not S, T or I", name);
}

static yyjson_val *read_needs(struct gen_place at, yyjson_val *entry)
{
    yyjson_val *needs = yyjson_obj_get(entry, "needs"), *need;
    size_t i, max;

    at.field = "needs";
    if (!yyjson_is_arr(needs))
        gen_fail(&at, "is missing, or not an array");
    yyjson_arr_foreach (needs, i, max, need) {
        const char *name = yyjson_get_str(need);
        if (!name || !one_of(name, op_names, COUNT_OF(op_names)))
            gen_fail(&at, "\"%s\" is no backend op", name ? name : "?");
    }
    return needs;
}

static yyjson_val *read_annotations(struct gen_place at, yyjson_val *entry)
{
    yyjson_val *annotations = yyjson_obj_get(entry, "annotations"), *key, *val;
    size_t i, max;

    at.field = "annotations";
    if (!yyjson_is_obj(annotations))
        gen_fail(&at, "is missing, or not an object");
    for (i = 0; i < COUNT_OF(hints); i++)
        if (!yyjson_is_bool(yyjson_obj_get(annotations, hints[i])))
            gen_fail(&at, "%s is missing, or not a boolean", hints[i]);
    yyjson_obj_foreach (annotations, i, max, key, val) {
        if (!one_of(yyjson_get_str(key), hints, COUNT_OF(hints)))
            gen_fail(&at, "unknown annotation \"%s\"", yyjson_get_str(key));
        if (yyjson_obj_get(annotations, yyjson_get_str(key)) != val)
            gen_fail(&at, "%s is given twice", yyjson_get_str(key));
    }
    if (is_true(annotations, "readOnlyHint") && is_true(annotations, "destructiveHint"))
        gen_fail(&at, "a tool cannot be read-only and destructive");
    return annotations;
}

static bool read_flag(struct gen_place at, yyjson_val *entry, const char *field)
{
    yyjson_val *flag = yyjson_obj_get(entry, field);

    at.field = field;
    if (flag && !yyjson_is_bool(flag))
        gen_fail(&at, "is not a boolean");
    return yyjson_is_true(flag);
}

static bool read_by_policy(struct gen_place at, yyjson_val *entry)
{
    bool flag = read_flag(at, entry, "openWorldByPolicy");

    at.field = "openWorldByPolicy";
    if (flag && !is_true(yyjson_obj_get(entry, "annotations"), "openWorldHint"))
        gen_fail(&at, "needs openWorldHint to be true");
    return flag;
}

static bool is_plain_name(const char *s)
{
    return s && *s >= 'a' && *s <= 'z' &&
           s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static const char *read_presets(struct gen_place at, yyjson_val *entry)
{
    yyjson_val *list = yyjson_obj_get(entry, "presets"), *val;
    char *text = NULL;
    size_t i, max;

    at.field = "presets";
    if (list && !yyjson_arr_size(list))
        gen_fail(&at, "is not an array of names");
    yyjson_arr_foreach (list, i, max, val) {
        if (!is_plain_name(yyjson_get_str(val)))
            gen_fail(&at, "is not an array of names");
        text = text ? gen_text("%s %s", text, yyjson_get_str(val))
                    : gen_text("%s", yyjson_get_str(val));
    }
    return text;
}

static void read_input(struct gen_place at, struct gen_tool *tool)
{
    struct err err = { 0 };

    at.field = "inputSchema";
    if (!tool->raw) {
        gen_read_object(&at, tool->input, gen_text("%s_args", tool->name), &tool->args);
    } else if (!yyjson_equals_str(yyjson_obj_get(tool->input, "type"), "object")) {
        gen_fail(&at, "must be an object");
    } else if (schema_verify(tool->input, &err)) {
        gen_fail(&at, "%s", err.msg);
    }
    for (size_t i = 0; i < tool->args.count; i++)
        tool->writes |= tool->args.properties[i].writes;
    if (tool->writes && !is_true(tool->annotations, "readOnlyHint"))
        gen_fail(&at, "x-writes is for tools with readOnlyHint");
    gen_read_headers(&at, tool);
}

static void check_fields(const struct gen_place *at, yyjson_val *entry)
{
    static const char *const fields[] = {
        "name",         "title",       "description",       "toolset",
        "class",        "needs",       "openWorldByPolicy", "inputSchema",
        "outputSchema", "annotations", "presets",           "raw",
    };
    yyjson_val *key, *val;
    size_t i, max;

    yyjson_obj_foreach (entry, i, max, key, val) {
        const char *name = yyjson_get_str(key);
        if (!one_of(name, fields, COUNT_OF(fields)))
            gen_fail(at, "unknown field \"%s\"", name);
        if (yyjson_obj_get(entry, name) != val)
            gen_fail(at, "field \"%s\" is given twice", name);
    }
}

static void read_tool(struct gen_place at, yyjson_val *entry, size_t name_max,
                      struct gen_tool *tool)
{
    if (!yyjson_is_obj(entry))
        gen_fail(&at, "a tool must be an object");
    at.tool = tool->name = read_name(at, entry, name_max);
    check_fields(&at, entry);
    tool->title = text_field(at, entry, "title");
    tool->description = read_description(at, entry);
    tool->toolset = text_field(at, entry, "toolset");
    at.field = "toolset";
    if (!is_plain_name(tool->toolset))
        gen_fail(&at, "is not a name");
    tool->presets = read_presets(at, entry);
    tool->cls = read_class(at, entry);
    tool->needs = read_needs(at, entry);
    tool->annotations = read_annotations(at, entry);
    tool->open_world_by_policy = read_by_policy(at, entry);
    tool->input = yyjson_obj_get(entry, "inputSchema");
    tool->output = yyjson_obj_get(entry, "outputSchema");
    tool->raw = read_flag(at, entry, "raw");
    read_input(at, tool);
    at.field = "outputSchema";
    if (!tool->output)
        return;
    if (gen_type(&at, tool->output, true) != ARG_OBJECT)
        gen_fail(&at, "must be an object");
    gen_check_output(&at, tool->output);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct gen_tool *)a)->name, ((const struct gen_tool *)b)->name);
}

void gen_read(const char *file, bool fixture, struct gen_tools *out)
{
    struct gen_place at = { .file = file };
    yyjson_read_err why;
    yyjson_doc *doc = yyjson_read_file(file, 0, NULL, &why);
    yyjson_val *entry;
    size_t i, max;

    if (!doc)
        gen_fail(&at, "%s at byte %zu", why.msg, why.pos);
    if (!yyjson_is_arr(yyjson_doc_get_root(doc)))
        gen_fail(&at, "must be an array of tools");
    *out = (struct gen_tools){ .file = file };
    out->items = calloc(yyjson_arr_size(yyjson_doc_get_root(doc)) + 1, sizeof(*out->items));
    if (!out->items)
        gen_fail(&at, "out of memory");
    yyjson_arr_foreach (yyjson_doc_get_root(doc), i, max, entry) {
        at.tool = gen_text("%zu", i + 1);
        read_tool(at, entry, fixture ? GEN_FIXTURE_NAME_MAX : GEN_NAME_MAX,
                  &out->items[out->count++]);
    }
    qsort(out->items, out->count, sizeof(*out->items), by_name);
    for (i = 1; i < out->count; i++) {
        at.tool = out->items[i].name;
        if (!strcmp(at.tool, out->items[i - 1].name))
            gen_fail(&at, "is there twice");
    }
}
