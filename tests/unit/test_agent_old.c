#include "backend/agent/file.h"
#include "tests/unit/agent_files.h"

enum { OVERWRITE, CREATE, APPEND, CUT, REMOVE };

static struct wire_out w;
static struct answer a;

static void start_op(uint32_t op, const char *path, uint32_t how)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, op);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_u32(&w, TAG_WRITE_MODE, how);
}

static void write_keeping(struct served *s, const char *path, uint32_t how, const char *text)
{
    start_op(WIRE_FILE_WRITE, path, how);
    wire_put_u32(&w, TAG_FLAGS, WIRE_F_OLD);
    wire_put(&w, TAG_DATA, text, strlen(text));
    ask(s, &w, false, &a);
}

static void restore(const char *path, const char *expected, uint32_t how, const char *text)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    start_op(WIRE_FILE_RESTORE, path, how);
    wire_put_str(&w, TAG_SHA256, hex_of(expected, strlen(expected)));
    if (how == CUT)
        wire_put_i64(&w, TAG_OFFSET, atoll(text));
    else if (how == OVERWRITE)
        wire_put(&w, TAG_DATA, text, strlen(text));
    ask(&s, &w, false, &a);
    serve_stop(&s);
}

static void check_old(const char *want, unsigned mode)
{
    char got[256] = "";

    check_reply(&a);
    CHECK(wire_str(&a.in, TAG_OLD_DATA, got, sizeof(got)));
    CHECK_STR(got, want);
    CHECK_INT(wire_i64(&a.in, TAG_OLD_SIZE, -1), (int64_t)strlen(want));
    CHECK_INT(wire_u32(&a.in, TAG_OLD_MODE, 0), mode);
}

static void a_write_tells_what_it_replaced(void)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    write_keeping(&s, at("f"), OVERWRITE, "one");
    check_reply(&a);
    CHECK(wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_CREATED);
    CHECK(!wire_has(&a.in, TAG_OLD_SIZE));
    CHECK(!chmod(at("f"), 0751));
    write_keeping(&s, at("f"), OVERWRITE, "two");
    check_old("one", 0751);
    CHECK(!link(at("f"), at("g")));
    write_keeping(&s, at("f"), OVERWRITE, "three");
    check_old("two", 0751);
    check_file("g", "three");
    write_keeping(&s, at("f"), APPEND, "!");
    CHECK_INT(wire_i64(&a.in, TAG_OLD_SIZE, -1), 5);
    CHECK_STR(answer_str(&a, TAG_OLD_SHA256), hex_of("three", 5));
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("three!", 6));
    CHECK(!wire_has(&a.in, TAG_OLD_DATA));
    serve_stop(&s);
}

static void ask_old(struct served *s)
{
    start_op(WIRE_FILE_OLD, at("f"), 0);
    ask(s, &w, true, &a);
}

static void long_content_is_fetched_once(bool in_place)
{
    static char text[200001];
    struct served s;

    memset(text, 'x', sizeof(text) - 1);
    put_text("f", text);
    if (in_place)
        CHECK(!link(at("f"), at("f2")));
    serve_start(&s, false, -1, 0);
    write_keeping(&s, at("f"), OVERWRITE, "short");
    CHECK_INT(wire_i64(&a.in, TAG_OLD_SIZE, -1), 200000);
    CHECK(!wire_has(&a.in, TAG_OLD_DATA));
    ask_old(&s);
    check_reply(&a);
    CHECK(a.piped);
    CHECK_STR(hex_of(a.data, a.len), hex_of(text, 200000));
    ask_old(&s);
    check_error(&a, CODE_GONE, "nothing is kept", NULL);
    serve_stop(&s);
    unlink(at("f2"));
}

static void long_content_is_kept_for_the_next_request(void)
{
    long_content_is_fetched_once(false);
    long_content_is_fetched_once(true);
}

static void what_is_too_large_is_not_kept(void)
{
    struct served s;
    int fd = open(at("big"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    CHECK(fd >= 0 && !ftruncate(fd, FILE_WRITE_MAX + 1) && !close(fd));
    serve_start(&s, false, -1, 0);
    write_keeping(&s, at("big"), OVERWRITE, "small");
    CHECK_INT(wire_i64(&a.in, TAG_OLD_SIZE, -1), FILE_WRITE_MAX + 1);
    ask_old(&s);
    check_error(&a, CODE_GONE, "nothing is kept", NULL);
    serve_stop(&s);
}

static void restoring_needs_the_content_it_expects(void)
{
    put_text("r", "now");
    restore(at("r"), "other", OVERWRITE, "then");
    check_error(&a, CODE_CONFLICT, "changed", NULL);
    restore(at("r"), "other", CUT, "1");
    check_error(&a, CODE_CONFLICT, "changed", NULL);
    restore(at("r"), "other", REMOVE, "");
    check_error(&a, CODE_CONFLICT, "changed", NULL);
    check_file("r", "now");
    restore(at("r"), "now", OVERWRITE, "then");
    check_reply(&a);
    check_file("r", "then");
    restore(at("r"), "then", CUT, "2");
    check_reply(&a);
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("th", 2));
    check_file("r", "th");
    restore(at("r"), "th", CUT, "3");
    check_error(&a, CODE_CONFLICT, "changed", NULL);
    restore(at("r"), "th", CUT, "-1");
    check_error(&a, CODE_CONFLICT, "changed", NULL);
    restore(at("r"), "th", REMOVE, "");
    check_reply(&a);
    CHECK(access(at("r"), F_OK));
    restore(at("r"), "th", 7, "");
    check_error(&a, CODE_INVALID, "no such way", NULL);
    CHECK_INT(leftovers(folder), 0);
}

static void nothing_but_the_file_itself_is_restored(void)
{
    static const uint32_t ways[] = { OVERWRITE, CUT, REMOVE };

    put_text("target", "t");
    CHECK(!mkdir(at("dir"), 0755) && !mkdir(at("is-dir"), 0755));
    put_text("dir/f", "t");
    CHECK(!symlink("target", at("link")) && !symlink("dir", at("dir-link")));
    CHECK(!mkfifo(at("fifo"), 0644));
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        static const char *const names[] = { "link",   "dir-link/f", "fifo",
                                             "is-dir", "gone",       "no/where" };
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            restore(at(names[n]), "t", ways[i], "0");
            CHECK_INT(a.in.op, WIRE_ERROR);
            CHECK_INT(wire_u32(&a.in, TAG_CODE, 0), CODE_CONFLICT);
        }
    }
    check_file("target", "t");
    check_file("dir/f", "t");
    CHECK(access(at("no"), F_OK));
}

static const struct test tests[] = {
    TEST(a_write_tells_what_it_replaced),          TEST(long_content_is_kept_for_the_next_request),
    TEST(what_is_too_large_is_not_kept),           TEST(restoring_needs_the_content_it_expects),
    TEST(nothing_but_the_file_itself_is_restored),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
