#include "tools/gen/model.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void gen_fail(const struct gen_place *at, const char *fmt, ...)
{
    va_list ap;

    fputs(at->file, stderr);
    if (at->tool)
        fprintf(stderr, ":%s", at->tool);
    if (at->field)
        fprintf(stderr, ":%s", at->field);
    fputs(": ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

char *gen_text(const char *fmt, ...)
{
    va_list ap;
    char *text;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return text;
}

char *gen_upper(const char *s)
{
    char *text = gen_text("%s", s);

    for (char *p = text; *p; p++)
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    return text;
}

char *gen_owner(const char *struct_name)
{
    size_t len = strlen(struct_name);

    if (len > 5 && !strcmp(struct_name + len - 5, "_args"))
        len -= 5;
    return gen_text("%.*s", (int)len, struct_name);
}
