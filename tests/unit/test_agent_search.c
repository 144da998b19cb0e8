#include "backend/agent/search.h"
#include "tests/unit/agent_search.h"

static void lines_are_found_once_with_their_place(void)
{
    static const char *const dirs[] = { "p", "p/d", NULL };

    folders(dirs);
    put_text("p/b.c", "int x;\n  foo(foo);\n\nfoo");
    put_text("p/d/a.c", "no\nfoo\r\n");
    put_text("p/a.c", "nothing\n");
    search(at("p"), (struct query){ .pattern = "foo" });
    CHECK_STR(found(), "b.c:2:3:  foo(foo);|b.c:4:1:foo|d/a.c:2:1:foo");
    CHECK_INT(number(TAG_SCANNED), 3);
    CHECK_INT(number(TAG_SKIPPED), 0);
    CHECK_STR(answer_str(&a, TAG_PATH), at("p"));
    CHECK(!answer_truncated(&a) && !cursor());
    search(at("p"), (struct query){ .pattern = "fo{2}\\(" });
    CHECK_STR(found(), "b.c:2:3:  foo(foo);");
    search(at("p"), (struct query){ .pattern = "foo(", .flags = WIRE_F_LITERAL });
    CHECK_STR(found(), "b.c:2:3:  foo(foo);");
    search(at("p"), (struct query){ .pattern = "^foo$" });
    CHECK_STR(found(), "b.c:4:1:foo");
    search(at("p"), (struct query){ .pattern = "FOO(", .flags = WIRE_F_LITERAL | WIRE_F_ICASE });
    CHECK_STR(found(), "b.c:2:3:  foo(foo);");
    search(at("p"), (struct query){ .pattern = "INT", .flags = WIRE_F_ICASE });
    CHECK_STR(found(), "b.c:1:1:int x;");
    search(at("p"), (struct query){ .pattern = "absent" });
    CHECK_STR(found(), "");
}

static void an_expression_stays_within_a_line(void)
{
    static const char *const dirs[] = { "w", NULL };

    folders(dirs);
    put_text("w/f", "a 1\nb a\n2 b a x b\nend\n");
    search(at("w"), (struct query){ .pattern = "a[^x]*b" });
    CHECK_STR(found(), "");
    search(at("w"), (struct query){ .pattern = "a\\s+\\d" });
    CHECK_STR(found(), "f:1:1:a 1");
    search(at("w"), (struct query){ .pattern = "a[^z]*b" });
    CHECK_STR(found(), "f:3:5:2 b a x b");
    search(at("w"), (struct query){ .pattern = "a\\s+\\d", .flags = WIRE_F_MULTILINE });
    CHECK_STR(found(), "f:1:1:a 1|f:2:3:b a\n2 b a x b");
    search(at("w"), (struct query){ .pattern = "a\\n2" });
    CHECK_STR(found(), "f:2:3:b a\n2 b a x b");
    search(at("w"), (struct query){ .pattern = "a\n2", .flags = WIRE_F_LITERAL });
    CHECK_STR(found(), "f:2:3:b a\n2 b a x b");
    search(at("w"), (struct query){ .pattern = "^" });
    CHECK_STR(found(), "f:1:1:a 1|f:2:1:b a|f:3:1:2 b a x b|f:4:1:end");
    search(at("w"), (struct query){ .pattern = "x*$" });
    CHECK_STR(found(), "f:1:4:a 1|f:2:4:b a|f:3:10:2 b a x b|f:4:4:end");
}

static void context_is_given_once(void)
{
    static const char *const dirs[] = { "c", NULL };

    folders(dirs);
    put_text("c/f", "1\n2\nhit\n4\n5\n6\nhit\nhit\n9\n");
    search(at("c"), (struct query){ .pattern = "hit", .context = 1 });
    CHECK_STR(found(), "fb2-2|f:3:1:hit|fa4-4|fb6-6|f:7:1:hit|f:8:1:hit|fa9-9");
    search(at("c"), (struct query){ .pattern = "hit", .context = 2 });
    CHECK_STR(found(), "fb1-1|fb2-2|f:3:1:hit|fa4-4|fa5-5|fb6-6|f:7:1:hit|f:8:1:hit|fa9-9");
    search(at("c"), (struct query){ .pattern = "hit", .context = 2, .limit = 1 });
    CHECK_STR(found(), "fb1-1|fb2-2|f:3:1:hit|fa4-4|fa5-5");
    CHECK(answer_truncated(&a) && cursor());
}

static void globs_choose_the_files(void)
{
    static const char *const dirs[] = { "g", "g/src", "g/src/gen", "g/test", NULL };

    folders(dirs);
    put_text("g/a.c", "x");
    put_text("g/src/b.c", "x");
    put_text("g/src/b.h", "x");
    put_text("g/src/gen/c.c", "x");
    put_text("g/test/d.c", "x");
    search(at("g"), (struct query){ .pattern = "x", .include = { "*.h", "test/*" } });
    CHECK_STR(found(), "src/b.h:1:1:x|test/d.c:1:1:x");
    search(at("g"), (struct query){ .pattern = "x", .exclude = { "gen", "test/**", "*.h" } });
    CHECK_STR(found(), "a.c:1:1:x|src/b.c:1:1:x");
    search(at("g"), (struct query){ .pattern = "x", .include = { "src" }, .exclude = { "*.c" } });
    CHECK_STR(found(), "src/b.h:1:1:x");
    search(at("g"), (struct query){ .pattern = "x", .include = { "src/gen/" } });
    CHECK_STR(found(), "src/gen/c.c:1:1:x");
    search(at("g"), (struct query){ .pattern = "x", .include = { at("g/src/*.h") } });
    CHECK_STR(found(), "src/b.h:1:1:x");
}

static void hidden_and_ignored_files_are_left_out(void)
{
    static const char *const dirs[] = { "h", "h/.github", "h/.github/w", "h/.git", "h/out", NULL };

    folders(dirs);
    put_text("h/.gitignore", "out/\n*.log\nx\n");
    put_text("h/.env", "x");
    put_text("h/.github/w/ci.yml", "x");
    put_text("h/.git/config", "x");
    put_text("h/out/a", "x");
    put_text("h/a.log", "x");
    put_text("h/a", "x");
    search(at("h"), (struct query){ .pattern = "x" });
    CHECK_STR(found(), "a:1:1:x");
    search(at("h"), (struct query){ .pattern = "x", .include = { ".env", ".github/**/*.yml" } });
    CHECK_STR(found(), ".env:1:1:x|.github/w/ci.yml:1:1:x");
    search(at("h"), (struct query){ .pattern = "x", .include = { "**/.github/**" } });
    CHECK_STR(found(), ".github/w/ci.yml:1:1:x");
    search(at("h"), (struct query){ .pattern = "x", .flags = WIRE_F_HIDDEN });
    CHECK_STR(found(), ".env:1:1:x|.github/w/ci.yml:1:1:x|.gitignore:3:1:x|a:1:1:x");
    search(at("h/out"), (struct query){ .pattern = "x" });
    CHECK_STR(found(), "a:1:1:x");
}

static void binary_and_large_files_are_skipped(void)
{
    static const char *const dirs[] = { "s", NULL };
    char *big = malloc(SEARCH_FILE_MAX + 2);

    folders(dirs);
    memset(big, '\n', SEARCH_FILE_MAX + 2);
    memcpy(big, "x marks", 7);
    put("s/big", big, SEARCH_FILE_MAX + 1);
    put("s/fits", big, SEARCH_FILE_MAX);
    put("s/nul", "x\0", 2);
    memcpy(big + SEARCH_BINARY, "\0y\0 z\0", 6);
    put("s/late nul", big, SEARCH_BINARY + 6);
    put_text("s/empty", "");
    CHECK(!mkfifo(at("s/fifo"), 0644) && !symlink("fits", at("s/link")));
    search(at("s"), (struct query){ .pattern = "x|z" });
    CHECK_STR(found(), "fits:1:1:x marks|late nul:1:1:x marks|late nul:8186:5:?y? z?");
    CHECK_INT(number(TAG_SCANNED), 3);
    CHECK_INT(number(TAG_SKIPPED), 2);
    CHECK_HAS(answer_str(&a, TAG_NOTE), "not searched, being over 1 MiB: 1 file, e.g. big");
    search(at("s/big"), (struct query){ .pattern = "x" });
    CHECK_STR(found(), "big:1:1:x marks");
    CHECK_STR(answer_str(&a, TAG_PATH), at("s"));
    free(big);
}

static void what_says_how_it_is_encoded_is_read_so(void)
{
    static const char *const dirs[] = { "e", NULL };

    folders(dirs);
    put("e/be", "\xfe\xff\0a\0\n\0x\0y", 10);
    put("e/bom", "\xef\xbb\xbfxy", 5);
    put("e/le", "\xff\xfe\xe4\0x\0y\0\n\0", 10);
    put("e/nul", "\xff\xfex\0\0\0y\0", 8);
    put("e/odd", "\xff\xfex\0y\0z", 7);
    put("e/wide", "\xff\xfe\0\0x\0\0\0", 8);
    search(at("e"), (struct query){ .pattern = "^.?x." });
    CHECK_STR(found(), "be:2:1:xy|bom:1:1:xy|le:1:1:\xc3\xa4xy|odd:1:1:xy\xef\xbf\xbd");
    CHECK_INT(number(TAG_SKIPPED), 2);
    search(at("e/le"), (struct query){ .pattern = "y" });
    CHECK_STR(found(), "le:1:4:\xc3\xa4xy");
}

static void long_lines_are_cut_around_the_hit(void)
{
    static const char *const dirs[] = { "l", NULL };
    struct fields all;
    struct match m;
    char *line = malloc(20001);

    folders(dirs);
    for (int i = 0; i < 20000; i += 2)
        memcpy(line + i, "\xc3\xa4", 2);
    memcpy(line + 9000, "needle", 6);
    put("l/f", line, 20000);
    search(at("l"), (struct query){ .pattern = "needle" });
    check_reply(&a);
    all = (struct fields){ a.data, a.data + a.len };
    CHECK(next_match(&all, &m));
    CHECK_INT(m.column, 9001);
    CHECK_HAS(m.text, "needle");
    CHECK(strlen(m.text) <= SEARCH_LINE_MAX && strlen(m.text) > SEARCH_LINE_MAX - 8);
    CHECK((unsigned char)m.text[0] == 0xc3 && (unsigned char)m.text[strlen(m.text) - 1] == 0xa4);
    memcpy(line + 19994, "needle", 6);
    memcpy(line + 9000, "\xc3\xa4\xc3\xa4\xc3\xa4", 6);
    put("l/f", line, 20000);
    search(at("l"), (struct query){ .pattern = "needle" });
    all = (struct fields){ a.data, a.data + a.len };
    CHECK(next_match(&all, &m));
    CHECK(!strcmp(m.text + strlen(m.text) - 6, "needle") && strlen(m.text) == SEARCH_LINE_MAX);
    free(line);
}

static void malformed_utf8_is_searched_all_the_same(void)
{
    static const char *const dirs[] = { "u", NULL };

    folders(dirs);
    put_text("u/f", "\xfe\xfd foo \xc3\n\xc3\xa4rger\nfoo\xe2\x82\n");
    search(at("u"), (struct query){ .pattern = "f.o" });
    CHECK_STR(found(), "f:1:4:\xfe\xfd foo \xc3|f:3:1:foo\xe2\x82");
    search(at("u"), (struct query){ .pattern = "^.rger", .flags = WIRE_F_ICASE });
    CHECK_STR(found(), "f:2:1:\xc3\xa4rger");
    search(at("u"), (struct query){ .pattern = "\xc3\x84RGER", .flags = WIRE_F_ICASE });
    CHECK_STR(found(), "f:2:1:\xc3\xa4rger");
}

static void bad_patterns_say_where(void)
{
    search(folder, (struct query){ .pattern = "foo(bar" });
    check_error(&a, CODE_INVALID, "offset 7", "literal: true");
    search(folder, (struct query){ .pattern = "a\xff" });
    check_error(&a, CODE_INVALID, "pattern: ", "literal: true");
    search(folder, (struct query){ .pattern = "" });
    check_error(&a, CODE_INVALID, "must not be empty", NULL);
    search(folder, (struct query){ .pattern = "x", .cursor = "n0:a" });
    check_error(&a, CODE_INVALID, "cursor", NULL);
    search(at("none/here"), (struct query){ .pattern = "x" });
    check_error(&a, CODE_NOT_FOUND, "does not exist", folder);
    CHECK(!mkfifo(at("fifo"), 0644));
    search(at("fifo"), (struct query){ .pattern = "x" });
    check_error(&a, CODE_INVALID, "a FIFO", NULL);
}

static void unreadable_files_are_counted(void)
{
    static const char *const dirs[] = { "e", "e/closed", NULL };

    if (getuid())
        SKIP("only root can become somebody else");
    folders(dirs);
    put_text("e/open", "x");
    put_text("e/secret", "x");
    put_text("e/closed/a", "x");
    CHECK(!chmod(at("e/secret"), 0600) && !chmod(at("e/closed"), 0700));
    search_as(at("e"), (struct query){ .pattern = "x" }, 65534);
    CHECK_STR(found(), "open:1:1:x");
    CHECK_INT(number(TAG_SKIPPED), 1);
}

static const struct test tests[] = {
    TEST(lines_are_found_once_with_their_place),
    TEST(an_expression_stays_within_a_line),
    TEST(context_is_given_once),
    TEST(globs_choose_the_files),
    TEST(hidden_and_ignored_files_are_left_out),
    TEST(binary_and_large_files_are_skipped),
    TEST(long_lines_are_cut_around_the_hit),
    TEST(malformed_utf8_is_searched_all_the_same),
    TEST(bad_patterns_say_where),
    TEST(unreadable_files_are_counted),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
