/*
 * tools.json -> argument structs, handler prototypes, binding tables and the table of all
 * tools (gen TOOLS.JSON OUTDIR), or README's table (gen --readme TOOLS.JSON README).
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

    if (argc == 4 && !strcmp(argv[1], "--readme")) {
        gen_read(argv[2], &tools);
        rewrite_readme(&tools, argv[3]);
    } else if (argc == 3 && argv[1][0] != '-') {
        gen_read(argv[1], &tools);
        generate(&tools, gen_text("%s/tools.gen.h", argv[2]), gen_write_header);
        generate(&tools, gen_text("%s/tools.gen.c", argv[2]), gen_write_code);
    } else {
        fprintf(stderr, "usage: gen TOOLS.JSON OUTDIR | gen --readme TOOLS.JSON README.MD\n");
        return 2;
    }
    return 0;
}
