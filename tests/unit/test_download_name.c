#include "backend/browser/download_name.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void names_are_made_safe(void)
{
    static const struct {
        const char *suggested, *name;
    } cases[] = {
        { "report.pdf", "report.pdf" },
        { "../../etc/passwd", "passwd" },
        { "..\\..\\boot.ini", "boot.ini" },
        { "/", "download" },
        { "", "download" },
        { NULL, "download" },
        { "...", "download" },
        { ".bashrc", "bashrc" },
        { " -rf", "rf" },
        { "a\nb\tc\x7f.txt", "abc.txt" },
        { "evil\xe2\x80\xae"
          "fdp.exe",
          "evilfdp.exe" },
        { "zero\xe2\x80\x8bwidth", "zerowidth" },
        { "a\xff\xfe.txt", "a__.txt" },
        { "a:b|c?*.txt", "a_b_c__.txt" },
        { "$(id)`id`.sh", "_(id)_id_.sh" },
        { "trailing. . .", "trailing" },
        { "CON", "_CON" },
        { "aux.txt", "_aux.txt" },
        { "lpt1.tar.gz", "_lpt1.tar.gz" },
        { "console", "console" },
        { "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80.png", "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80.png" },
    };
    char out[DOWNLOAD_NAME_MAX];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        download_name(cases[i].suggested, out);
        CHECK_STR(out, cases[i].name);
    }
}

static void long_names_keep_their_extension(void)
{
    char name[6000], out[DOWNLOAD_NAME_MAX];

    memset(name, 'x', 400);
    strcpy(name + 400, ".tar.gz");
    download_name(name, out);
    CHECK_INT(strlen(out), DOWNLOAD_NAME_MAX - 2);
    CHECK_STR(out + strlen(out) - 7, ".tar.gz");
    for (size_t i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    download_name(name, out);
    CHECK(strlen(out) < DOWNLOAD_NAME_MAX);
    CHECK(utf8_valid(out, strlen(out)));
}

static void extensions_are_found(void)
{
    static const struct {
        const char *name, *extension;
    } cases[] = {
        { "a.txt", ".txt" }, { "a.tar.gz", ".tar.gz" }, { "a", "" },
        { "tar.gz", ".gz" }, { "a.b.c", ".c" },         { "x.abcdefghijklmnopqrstuvwxyz", "" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_STR(cases[i].name + download_extension(cases[i].name), cases[i].extension);
}

static void any_bytes_give_a_usable_name(void)
{
    char name[256], out[DOWNLOAD_NAME_MAX];

    srand(7);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)rand() % (sizeof(name) - 1);
        for (size_t i = 0; i < n; i++)
            name[i] = (char)(1 + rand() % 255);
        name[n] = '\0';
        download_name(name, out);
        CHECK(*out && strlen(out) < DOWNLOAD_NAME_MAX && utf8_valid(out, strlen(out)));
        CHECK(!strpbrk(out, "/\\\n\r\t\x1b") && *out != '.' && *out != '-' && *out != ' ');
    }
}

static const struct test tests[] = {
    TEST(names_are_made_safe),
    TEST(long_names_keep_their_extension),
    TEST(extensions_are_found),
    TEST(any_bytes_give_a_usable_name),
};
TEST_MAIN(tests)
