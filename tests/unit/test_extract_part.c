/* Where a part of a page's content ends. */
#include "backend/browser/extract.h"
#include "check.h"

#include <string.h>

static size_t part(const char *text, size_t offset, size_t max)
{
    return extract_part(text, strlen(text), offset, max);
}

static void what_fits_is_one_part(void)
{
    CHECK_INT(part("abc", 0, 3), 3);
    CHECK_INT(part("abc", 1, 1000), 3);
    CHECK_INT(part("abc", 3, 10), 3);
    CHECK_INT(part("", 0, 10), 0);
}

static void a_paragraph_is_whole(void)
{
    CHECK_INT(part("one two three\n\nfour five six\n\nseven", 0, 18), 15);
    CHECK_INT(part("one two three\n\nfour five six\n\nseven", 15, 17), 30);
}

static void a_line_is_whole_when_no_paragraph_is(void)
{
    CHECK_INT(part("- one\n- two\n- three\n- four", 0, 14), 12);
    CHECK_INT(part("- one\n- two\n- three\n- four", 12, 9), 20);
}

static void code_is_not_cut_when_it_fits(void)
{
    static const char text[] = "before\n\n```c\nint a;\nint b;\n```\n\nafter";

    CHECK_INT(part(text, 0, 22), 8);
    CHECK_INT(part(text, 8, 25), 32);
    CHECK_INT(part(text, 8, 15), 20);
    CHECK_INT(part("> - ````\n>   ```\n>   x\n>   ````\nafter", 0, 30), 23);
}

static void a_long_line_is_cut_at_a_word(void)
{
    CHECK_INT(part("one two three four five", 0, 15), 14);
    CHECK_INT(part("onetwothreefourfive", 0, 10), 10);
    CHECK_INT(part("a\none two three four five", 0, 12), 10);
    CHECK_INT(
        part("<!DOCTYPE html>\n<html><head>x</head><body>text text text <b>text</b> text text", 0,
             72),
        68);
}

static void a_character_is_whole(void)
{
    CHECK_INT(part("äöüäöüäöü", 0, 5), 4);
    CHECK_INT(part("\xf0\x9f\x8e\x88\xf0\x9f\x8e\x88", 4, 4), 8);
    CHECK_INT(part("\xf0\x9f\x8e\x88\xf0\x9f\x8e\x88", 0, 7), 4);
}

static void parts_are_the_whole_whatever_it_is(void)
{
    unsigned seed = 1;
    char text[600];

    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = "`` \n\n>a\xc3\xa4\xe2\x82\xac"[(seed >> 16) % 12];
        }
        size_t at = 0, steps = 0;
        while (at < sizeof(text) && steps++ < sizeof(text)) {
            size_t end = extract_part(text, sizeof(text), at, 40);
            CHECK(end > at && end <= sizeof(text) && end - at <= 40);
            at = end;
        }
        CHECK(at == sizeof(text));
    }
}

static const struct test tests[] = {
    TEST(what_fits_is_one_part),
    TEST(a_paragraph_is_whole),
    TEST(a_line_is_whole_when_no_paragraph_is),
    TEST(code_is_not_cut_when_it_fits),
    TEST(a_long_line_is_cut_at_a_word),
    TEST(a_character_is_whole),
    TEST(parts_are_the_whole_whatever_it_is),
};

TEST_MAIN(tests)
