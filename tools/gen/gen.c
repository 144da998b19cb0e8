/*
 * tools.json -> argument structs, handler prototypes, binding tables and the table of all
 * tools (gen TOOLS.JSON OUTDIR), or README's table (gen --readme TOOLS.JSON README).
 *
 * A server with other tools, e.g. one for tests: gen --fixture ITS.JSON OUTDIR (names of tools up
 * to 64 characters), compile with -IOUTDIR before -I$O/gen, and link its handlers and
 * OUTDIR/tools.gen.o before lib.a. The symbols are tool_defs and tool_def_count in every case: as
 * they are there already, the linker takes neither the product's table nor its handlers.
 *
 * Beside the fields of MCP (name, title, description, inputSchema, outputSchema, annotations), a
 * tool has "toolset", "class" (S, T or I), "needs" (backend ops), and may have
 *   "presets": ["slim"]        names of selections that it is part of
 *   "openWorldByPolicy": true  openWorldHint is false when commands cannot reach a network
 *   "raw": true                inputSchema is listed as it stands, with any keyword of
 *                              mcp/schema.h; int tool_<name>(struct tool_call *, yyjson_val *args,
 *                              struct err *) gets the object of arguments after it was checked
 * and a property may have
 *   "x-coerce": "octal", "signal"   644 for "0644", 9 for "KILL"
 *   "x-writes": true                it is not there in read-only views
 *   "x-mcp-header": "Region"        must agree with the header Mcp-Param-Region
 */
#include "tools/gen/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define README_MAX (4 * 1024 * 1024)

static const char begin_mark[] = "<!-- tools:begin -->\n", end_mark[] = "<!-- tools:end -->";

static NORETURN void file_failed(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

static void save(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "we");

    if (!f || fwrite(text, 1, len, f) != len || fclose(f))
        file_failed(path);
}

static void generate(const struct gen_tools *tools, const char *path,
                     void (*write_to)(const struct gen_tools *, FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    if (!f)
        file_failed(path);
    write_to(tools, f);
    if (ferror(f) || fclose(f))
        file_failed(path);
    save(path, text, len);
    free(text);
}

static char *load(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = malloc(README_MAX + 1);
    size_t len;

    if (!f || !text)
        file_failed(path);
    len = fread(text, 1, README_MAX, f);
    if (ferror(f) || len == README_MAX || memchr(text, '\0', len)) {
        fprintf(stderr, "%s: cannot be read as a text of less than %d bytes\n", path, README_MAX);
        exit(1);
    }
    fclose(f);
    text[len] = '\0';
    return text;
}

static const char *readme_text, *readme_begin, *readme_end;

static void with_readme_around(const struct gen_tools *tools, FILE *out)
{
    fprintf(out, "%.*s", (int)(readme_begin - readme_text), readme_text);
    gen_write_readme(tools, out);
    fputs(readme_end, out);
}

static void rewrite_readme(const struct gen_tools *tools, const char *path)
{
    readme_text = load(path);
    readme_begin = strstr(readme_text, begin_mark);
    readme_end = readme_begin ? strstr(readme_begin, end_mark) : NULL;
    if (!readme_end) {
        fprintf(stderr, "%s: no lines <!-- tools:begin --> and <!-- tools:end -->\n", path);
        exit(1);
    }
    readme_begin += strlen(begin_mark);
    generate(tools, path, with_readme_around);
}

int main(int argc, char **argv)
{
    struct gen_tools tools;
    bool fixture = argc == 4 && !strcmp(argv[1], "--fixture");

    if (argc == 4 && !strcmp(argv[1], "--readme")) {
        gen_read(argv[2], false, &tools);
        rewrite_readme(&tools, argv[3]);
    } else if (fixture || (argc == 3 && argv[1][0] != '-')) {
        gen_read(argv[1 + fixture], fixture, &tools);
        generate(&tools, gen_text("%s/tools.gen.h", argv[2 + fixture]), gen_write_header);
        generate(&tools, gen_text("%s/tools.gen.c", argv[2 + fixture]), gen_write_code);
    } else {
        fprintf(stderr,
                "usage: gen [--fixture] TOOLS.JSON OUTDIR | gen --readme TOOLS.JSON README.MD\n");
        return 2;
    }
    return 0;
}
