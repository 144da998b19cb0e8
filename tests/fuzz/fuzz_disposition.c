/*
 * What a file is called by the response that hands it out. Input: its name and, behind a NUL, its
 * type. Whatever they are, the header is one, of ASCII, in the form of RFC 6266.
 *
 * covers: transport/disposition.c
 * seeds: tests/fuzz/seeds/disposition
 */
#include "base/utf8.h"
#include "transport/disposition.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_name(const char *name)
{
    char out[DISPOSITION_NAME_MAX];

    disposition_name(name, out);
    must(*out && strlen(out) < sizeof(out) && utf8_valid(out, strlen(out)));
    must(!strpbrk(out, "<>&\"'`/\\:;%\r\n\t\x1b\x7f") && !strchr(".- ", *out));
}

static void check_header(const char *name)
{
    static const char begin[] = "attachment; filename=\"", wide[] = "\"; filename*=UTF-8''";
    char out[DISPOSITION_MAX];
    const char *quote;

    disposition_make(name, out);
    must(strlen(out) < sizeof(out) && !strncmp(out, begin, sizeof(begin) - 1));
    for (const char *p = out; *p; p++)
        must(*p >= ' ' && *p <= '~' && *p != '\\');
    quote = strchr(out + sizeof(begin) - 1, '"');
    must(quote && quote > out + sizeof(begin) - 1);
    must(!quote[1] || !strncmp(quote, wide, sizeof(wide) - 1));
    if (quote[1])
        must(!strpbrk(quote + sizeof(wide) - 1, " \"';,()<>@=/"));
}

static void check_type(const char *mime)
{
    const char *type = disposition_type(mime);

    must(type == mime || !strcmp(type, "application/octet-stream"));
    must(!strpbrk(type, " ;,\r\n") && strchr(type, '/'));
    must(!strcasestr(type, "html") && !strcasestr(type, "svg") && !strcasestr(type, "xml"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[INPUT_MAX + 2];
    size_t len;

    if (size > INPUT_MAX)
        return -1;
    memcpy(text, data, size);
    text[size] = text[size + 1] = '\0';
    len = strlen(text);
    check_name(text);
    check_header(text);
    check_type(text + len + (len < size));
    return 0;
}
