#include "tools/gen/model.h"

#include <string.h>

/* Text in a cell of a table. */
static void put_cell(const char *s, FILE *out)
{
    for (; *s; s++) {
        if (strchr("|<*_`", *s))
            fputc('\\', out);
        fputc(*s == '\n' ? ' ' : *s, out);
    }
}

static void put_parameters(const struct gen_object *object, FILE *out)
{
    for (size_t i = 0; i < object->count; i++) {
        const struct gen_property *p = &object->properties[i];
        fprintf(out, p->required ? "%s**`%s`**" : "%s`%s`", i ? ", " : "", p->name);
        if (p->type != ARG_ENUM || !p->choices)
            continue;
        yyjson_val *val;
        size_t k, max;
        fputs(" (", out);
        yyjson_arr_foreach (p->choices, k, max, val)
            fprintf(out, "%s%s", k ? ", " : "", yyjson_get_str(val));
        fputs(")", out);
    }
}

static void put_row(const struct gen_tool *t, FILE *out)
{
    fprintf(out, "| `%s` | ", t->name);
    put_cell(t->description, out);
    fputs(" | ", out);
    put_parameters(&t->args, out);
    fputs(yyjson_is_true(yyjson_obj_get(t->annotations, "readOnlyHint")) ? " | yes |\n" : " | |\n",
          out);
}

static bool is_first_of_toolset(const struct gen_tools *tools, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!strcmp(tools->items[i].toolset, tools->items[index].toolset))
            return false;
    return true;
}

static void put_toolset(const struct gen_tools *tools, const char *toolset, FILE *out)
{
    fprintf(out,
            "**%s**\n\n| tool | what it does | parameters (**required**) | read-only |\n"
            "|---|---|---|---|\n",
            toolset);
    for (size_t i = 0; i < tools->count; i++)
        if (!strcmp(tools->items[i].toolset, toolset))
            put_row(&tools->items[i], out);
    fputc('\n', out);
}

void gen_write_readme(const struct gen_tools *tools, FILE *out)
{
    for (size_t i = 0; i < tools->count; i++)
        if (is_first_of_toolset(tools, i))
            put_toolset(tools, tools->items[i].toolset, out);
    fprintf(out, "`tools/list` of these %zu tools is %zu bytes, %zu with output schemas.\n",
            tools->count, gen_list_size(tools, false), gen_list_size(tools, true));
}
