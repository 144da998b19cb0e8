#include "tools/gen/model.h"

#include <string.h>

static const struct {
    const char *name, *member; /* member: declaration of a member, its name comes behind */
} types[] = {
    [ARG_STRING] = { "ARG_STRING", "const char *" },
    [ARG_INT] = { "ARG_INT", "int64_t " },
    [ARG_NUMBER] = { "ARG_NUMBER", "double " },
    [ARG_BOOL] = { "ARG_BOOL", "bool " },
    [ARG_ENUM] = { "ARG_ENUM", "int " },
    [ARG_STRINGS] = { "ARG_STRINGS", "struct arg_strings " },
    [ARG_MAP] = { "ARG_MAP", "struct arg_map " },
    [ARG_OBJECT] = { "ARG_OBJECT", NULL },
    [ARG_OBJECTS] = { "ARG_OBJECTS", NULL },
};

static const char *const classes[] = {
    [TOOL_STRUCTURED] = "TOOL_STRUCTURED",
    [TOOL_TEXT] = "TOOL_TEXT",
    [TOOL_IMAGE] = "TOOL_IMAGE",
};

/* A C string literal; a long one below, broken into lines. */
static void put_literal(FILE *out, const char *s)
{
    static const char next_line[] = "\"\n            \"";
    bool is_long = strlen(s) > 64;
    size_t column = 0;

    fputs(is_long ? next_line + 1 : "\"", out);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            fputc('\\', out);
        if ((unsigned char)*s < ' ')
            fprintf(out, "\\%03o", (unsigned)*s);
        else
            fputc(*s, out);
        if (is_long && ++column >= 72 && s[1] && (s[1] & 0xc0) != 0x80) {
            fputs(next_line, out);
            column = 0;
        }
    }
    fputc('"', out);
}

static void put_enum(const struct gen_object *object, const struct gen_property *p, FILE *out)
{
    yyjson_val *val;
    size_t i, max;

    if (p->type != ARG_ENUM)
        return;
    fputs("enum {\n", out);
    yyjson_arr_foreach (p->choices, i, max, val)
        fprintf(out, "    %s,\n",
                gen_upper(gen_text("%s_%s_%s", gen_owner(object->struct_name), p->name,
                                   yyjson_get_str(val))));
    fputs("};\n\n", out);
}

static void put_member(const struct gen_property *p, FILE *out)
{
    if (p->type == ARG_OBJECT)
        fprintf(out, "    struct %s %s;\n", p->object->struct_name, p->c_name);
    else if (p->type == ARG_OBJECTS)
        fprintf(out, "    struct {\n        struct %s *items;\n        size_t count;\n    } %s;\n",
                p->object->struct_name, p->c_name);
    else
        fprintf(out, "    %s%s;\n", types[p->type].member, p->c_name);
    if (p->has_member)
        fprintf(out, "    bool has_%s;\n", p->name);
}

static void put_struct(const struct gen_object *object, FILE *out)
{
    for (size_t i = 0; i < object->count; i++) {
        put_enum(object, &object->properties[i], out);
        if (object->properties[i].object)
            put_struct(object->properties[i].object, out);
    }
    fprintf(out, "struct %s {\n", object->struct_name);
    for (size_t i = 0; i < object->count; i++)
        put_member(&object->properties[i], out);
    if (!object->count)
        fputs("    char nothing;\n", out);
    fputs("};\n\n", out);
}

void gen_write_header(const struct gen_tools *tools, FILE *out)
{
    fputs("/* Generated from tools.json by tools/gen. */\n"
          "#ifndef TOOLS_GEN_H\n#define TOOLS_GEN_H\n\n#include \"mcp/tool.h\"\n\n",
          out);
    for (size_t i = 0; i < tools->count; i++) {
        const struct gen_tool *t = &tools->items[i];
        if (t->raw) {
            fprintf(out,
                    "int tool_%s(struct tool_call *call, yyjson_val *args, struct err *err)\n"
                    "    MUST_CHECK;\n\n",
                    t->name);
            continue;
        }
        put_struct(&t->args, out);
        fprintf(out,
                "int tool_%s(struct tool_call *call, const struct %s_args *args, struct err *err)\n"
                "    MUST_CHECK;\n\n",
                t->name, t->name);
    }
    fputs("#endif\n", out);
}

static void put_choices(const struct gen_object *object, const struct gen_property *p, FILE *out)
{
    yyjson_val *val;
    size_t i, max;

    if (!p->choices)
        return;
    fprintf(out, "static const char *const %s_%s_choices[] = {\n", gen_owner(object->struct_name),
            p->name);
    yyjson_arr_foreach (p->choices, i, max, val) {
        fputs("    ", out);
        put_literal(out, yyjson_get_str(val));
        fputs(",\n", out);
    }
    fputs("    NULL,\n};\n\n", out);
}

static void put_default(const struct gen_property *p, FILE *out)
{
    size_t index = 0;

    if (!p->fallback)
        return;
    fputs("        .has_default = true,\n", out);
    if (p->type == ARG_STRING) {
        fputs("        .default_string = ", out);
        put_literal(out, yyjson_get_str(p->fallback));
        fputs(",\n", out);
        return;
    }
    if (p->type == ARG_ENUM)
        while (!yyjson_equals(yyjson_arr_get(p->choices, index), p->fallback))
            index++;
    fprintf(out, "        .default_number = %.17g,\n",
            p->type == ARG_ENUM   ? (double)index
            : p->type == ARG_BOOL ? yyjson_get_bool(p->fallback)
                                  : yyjson_get_num(p->fallback));
}

static void put_bounds(const struct gen_property *p, FILE *out)
{
    if (p->type == ARG_INT || p->type == ARG_NUMBER)
        fprintf(out, "        .min = %.17g,\n        .max = %.17g,\n", p->min, p->max);
    if (p->min_len)
        fprintf(out, "        .min_len = %zu,\n", p->min_len);
    if (p->max_len)
        fprintf(out, "        .max_len = %zu,\n", p->max_len);
    if (p->item_min)
        fprintf(out, "        .item_min = %zu,\n", p->item_min);
    if (p->item_max)
        fprintf(out, "        .item_max = %zu,\n", p->item_max);
}

static void put_row(const struct gen_object *object, const struct gen_property *p, FILE *out)
{
    const char *in = object->struct_name;

    fprintf(out, "    {\n        .name = \"%s\",\n        .type = %s,\n", p->name,
            types[p->type].name);
    if (p->required || p->coerce)
        fprintf(out, "        .flags = %s%s%s,\n", p->required ? "ARG_REQUIRED" : "0",
                p->coerce & ARG_OCTAL ? " | ARG_OCTAL" : "",
                p->coerce & ARG_SIGNAL ? " | ARG_SIGNAL" : "");
    fprintf(out, "        .offset = offsetof(struct %s, %s),\n", in, p->c_name);
    if (p->has_member)
        fprintf(out, "        .has_offset = offsetof(struct %s, has_%s),\n", in, p->name);
    put_bounds(p, out);
    put_default(p, out);
    if (p->choices)
        fprintf(out, "        .choices = %s_%s_choices,\n", gen_owner(object->struct_name),
                p->name);
    if (p->object)
        fprintf(out, "        .nested = &%s_table,\n", p->object->struct_name);
    fputs("    },\n", out);
}

static void put_table(const struct gen_object *object, FILE *out)
{
    const char *name = object->struct_name;

    for (size_t i = 0; i < object->count; i++) {
        put_choices(object, &object->properties[i], out);
        if (object->properties[i].object)
            put_table(object->properties[i].object, out);
    }
    if (object->count) {
        fprintf(out, "static const struct arg_row %s_rows[] = {\n", name);
        for (size_t i = 0; i < object->count; i++)
            put_row(object, &object->properties[i], out);
        fputs("};\n\n", out);
    }
    fprintf(out,
            "static const struct arg_table %s_table = {\n    .rows = %s%s,\n    .count = %zu,\n"
            "    .struct_size = sizeof(struct %s),\n};\n\n",
            name, object->count ? name : "NULL", object->count ? "_rows" : "", object->count, name);
}

/* The rows again without those that write. */
static void put_read_only_table(const struct gen_object *object, FILE *out)
{
    const char *name = object->struct_name;
    size_t count = 0;

    for (size_t i = 0; i < object->count; i++)
        count += !object->properties[i].writes;
    if (count) {
        fprintf(out, "static const struct arg_row %s_read_only_rows[] = {\n", name);
        for (size_t i = 0; i < object->count; i++)
            if (!object->properties[i].writes)
                put_row(object, &object->properties[i], out);
        fputs("};\n\n", out);
    }
    fprintf(out,
            "static const struct arg_table %s_read_only_table = {\n    .rows = %s%s,\n"
            "    .count = %zu,\n    .struct_size = sizeof(struct %s),\n};\n\n",
            name, count ? name : "NULL", count ? "_read_only_rows" : "", count, name);
}

static void put_headers(const struct gen_tool *t, FILE *out)
{
    for (size_t i = 0; i < t->header_count; i++) {
        fprintf(out, "static const char *const %s_header_%zu[] = {\n", t->name, i);
        for (const char *const *step = t->headers[i].path; *step; step++) {
            fputs("    ", out);
            put_literal(out, *step);
            fputs(",\n", out);
        }
        fputs("    NULL,\n};\n\n", out);
    }
    if (!t->header_count)
        return;
    fprintf(out, "static const struct param_header %s_headers[] = {\n", t->name);
    for (size_t i = 0; i < t->header_count; i++)
        fprintf(out, "    { \"%s\", %s_header_%zu },\n", t->headers[i].name, t->name, i);
    fputs("    { NULL, NULL },\n};\n\n", out);
}

static void put_text(const char *field, const char *text, FILE *out)
{
    fprintf(out, "        .%s = ", field);
    put_literal(out, text);
    fputs(",\n", out);
}

/* How its arguments are read, and what is listed of them. */
static void put_arguments(const struct gen_tool *t, FILE *out)
{
    if (!t->raw)
        fprintf(out, "        .args = &%s_args_table,\n", t->name);
    put_text("input_schema", gen_listed_input(t, false), out);
    if (t->output)
        put_text("output_schema", gen_listed(t->output, false), out);
    if (t->writes) {
        fprintf(out, "        .args_read_only = &%s_args_read_only_table,\n", t->name);
        put_text("input_schema_read_only", gen_listed_input(t, true), out);
    }
    if (t->header_count)
        fprintf(out, "        .param_headers = %s_headers,\n", t->name);
}

static void put_tool(const struct gen_tool *t, FILE *out)
{
    static const struct {
        const char *field, *hint;
    } flags[] = {
        { "read_only", "readOnlyHint" },
        { "destructive", "destructiveHint" },
        { "idempotent", "idempotentHint" },
        { "open_world", "openWorldHint" },
    };
    yyjson_val *need;
    size_t i, max;

    fprintf(out, "    {\n        .name = \"%s\",\n", t->name);
    put_text("title", t->title, out);
    put_text("description", t->description, out);
    put_text("toolset", t->toolset, out);
    if (t->presets)
        put_text("presets", t->presets, out);
    fprintf(out, "        .cls = %s,\n        .needs = 0", classes[t->cls]);
    yyjson_arr_foreach (t->needs, i, max, need)
        fprintf(out, " | 1u << OP_%s", gen_upper(yyjson_get_str(need)));
    fputs(",\n", out);
    for (i = 0; i < COUNT_OF(flags); i++)
        fprintf(out, "        .%s = %s,\n", flags[i].field,
                yyjson_is_true(yyjson_obj_get(t->annotations, flags[i].hint)) ? "true" : "false");
    fprintf(out, "        .open_world_by_policy = %s,\n",
            t->open_world_by_policy ? "true" : "false");
    put_arguments(t, out);
    fprintf(out, "        .run = run_%s,\n    },\n", t->name);
}

void gen_write_code(const struct gen_tools *tools, FILE *out)
{
    fputs("/* Generated from tools.json by tools/gen. */\n"
          "#include \"tools.gen.h\"\n\n#include \"backend/backend.h\"\n"
          "#include \"mcp/param_header.h\"\n\n#include <stddef.h>\n\n",
          out);
    for (size_t i = 0; i < tools->count; i++) {
        const struct gen_tool *t = &tools->items[i];
        if (!t->raw)
            put_table(&t->args, out);
        if (t->writes)
            put_read_only_table(&t->args, out);
        put_headers(t, out);
        fprintf(out,
                "static int run_%s(struct tool_call *call, const void *args, struct err *err)\n"
                "{\n    return tool_%s(call, %sargs, err);\n}\n\n",
                t->name, t->name, t->raw ? "(yyjson_val *)" : "");
    }
    fputs("const struct tool_def tool_defs[] = {\n", out);
    for (size_t i = 0; i < tools->count; i++)
        put_tool(&tools->items[i], out);
    fprintf(out, "    { .name = NULL },\n};\n\nconst size_t tool_def_count = %zu;\n", tools->count);
}
