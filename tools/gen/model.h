/*
 * tools.json as the generator sees it: read once, checked completely, then written out
 * in several forms. The parsed document lives until the program ends, and so do all strings.
 *
 * A fault in tools.json ends the program with status 1 and "FILE:TOOL:FIELD: message",
 * before anything is written.
 */
#ifndef TOOLS_GEN_MODEL_H
#define TOOLS_GEN_MODEL_H

#include "base/attr.h"
#include "mcp/tool.h"
#include <stdio.h>
#include <yyjson.h>

#define GEN_NAME_MAX 24
#define GEN_FIXTURE_NAME_MAX 64 /* of a tool that is a fixture of tests */
#define GEN_DESCRIPTION_MAX 300 /* characters, of a tool */
#define GEN_PROPERTIES_MAX 64   /* of one object; args_bind() keeps a bit for each */
#define GEN_DEPTH_MAX 8         /* of a property with x-mcp-header */
#define GEN_HEADERS_MAX 16      /* of one tool */

struct gen_object;

struct gen_property {
    const char *name, *c_name; /* c_name differs where the name is a C keyword */
    enum arg_type type;
    bool required;
    bool has_member; /* the struct says in has_<name> whether it was given */
    bool writes;     /* "x-writes": absent in read-only views */
    unsigned coerce; /* ARG_OCTAL, ARG_SIGNAL */
    double min, max;
    size_t min_len, max_len, item_min, item_max;
    yyjson_val *fallback; /* the default; NULL none */
    yyjson_val *choices;  /* array of strings; NULL none */
    struct gen_object *object;
};

struct gen_object {
    const char *struct_name; /* "file_write_args", "file_replace_edits_item" */
    struct gen_property properties[GEN_PROPERTIES_MAX];
    size_t count;
};

/* A property with "x-mcp-header". */
struct gen_header {
    const char *name;
    const char *path[GEN_DEPTH_MAX + 1]; /* ended by NULL */
};

struct gen_tool {
    const char *name, *title, *description, *toolset;
    const char *presets; /* between blanks; NULL none */
    enum tool_class cls;
    yyjson_val *needs, *input, *output, *annotations; /* output NULL unless class S */
    bool open_world_by_policy;
    bool raw;    /* the input schema is listed as it is, and args is empty */
    bool writes; /* a parameter does */
    struct gen_object args;
    struct gen_header headers[GEN_HEADERS_MAX];
    size_t header_count;
};

struct gen_tools {
    const char *file;
    struct gen_tool *items; /* sorted by name */
    size_t count;
};

/* Where in tools.json: which tool, and below it which field ("edits.count"); both may be NULL. */
struct gen_place {
    const char *file, *tool, *field;
};

void gen_fail(const struct gen_place *at, const char *fmt, ...) PRINTF(2, 3) NORETURN;

/* printf into memory that is never freed. */
char *gen_text(const char *fmt, ...) PRINTF(1, 2);

/* The same, of letters, digits and underscores, in upper case: "utf-8" is UTF_8. */
char *gen_upper(const char *s);

/* What names of a struct's constants and tables start with: "file_write" of "file_write_args". */
char *gen_owner(const char *struct_name);

/* fixture: names of tools may be as long as the protocol allows. */
void gen_read(const char *file, bool fixture, struct gen_tools *out);

/* The same place, one step further down. */
struct gen_place gen_below(const struct gen_place *at, const char *name);

/* Fill object from a schema with properties; checks all of it. */
void gen_read_object(const struct gen_place *at, yyjson_val *schema, const char *struct_name,
                     struct gen_object *object);

/* By the keyword "type"; fails on a keyword that is not known with it. Arrays are ARG_STRINGS. */
enum arg_type gen_type(const struct gen_place *at, yyjson_val *schema, bool of_result);

/* The keyword "enum", checked; NULL when there is none. */
yyjson_val *gen_choices(const struct gen_place *at, yyjson_val *schema);

/* Fails when "required" names what is no property. */
void gen_check_required(const struct gen_place *at, yyjson_val *schema);

/* True when the array (NULL: none) holds the text. */
bool gen_holds(yyjson_val *list, const char *s);

/* Fails unless it is made of what we know, and required names what there is. */
void gen_check_output(const struct gen_place *at, yyjson_val *schema);

/* Fails unless every x-mcp-header is one that clients accept; remembers them. */
void gen_read_headers(const struct gen_place *at, struct gen_tool *tool);

/* The text of a schema with nothing left out. */
char *gen_whole(yyjson_val *schema);

void gen_write_header(const struct gen_tools *tools, FILE *out);
void gen_write_code(const struct gen_tools *tools, FILE *out);

/*
 * The text of a schema as it is listed: without bounds and what only we understand; read_only: and
 * without the parameters that write.
 */
char *gen_listed(yyjson_val *schema, bool read_only);

/* The same for the arguments of a tool. */
char *gen_listed_input(const struct gen_tool *tool, bool read_only);

/* Bytes of the result of tools/list. */
size_t gen_list_size(const struct gen_tools *tools, bool output_schemas);

/* What stands between the two marks in README.md. */
void gen_write_readme(const struct gen_tools *tools, FILE *out);

#endif
