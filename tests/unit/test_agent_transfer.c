#include "backend/agent/file.h"
#include "tests/unit/agent_files.h"

#include <signal.h>

static struct wire_out w;
static struct answer a;

static void begin(uint32_t op, const char *path)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, op);
    wire_put_str(&w, TAG_PATH, path);
}

/* PUT of `announced` bytes, of which so many are sent. */
static void put_piped(const char *path, int64_t announced, size_t sent, uint32_t flags, char fill)
{
    char *data = malloc(sent + 1);
    struct served s;
    int ends[2];

    memset(data, fill, sent);
    CHECK(!pipe2(ends, O_CLOEXEC));
    serve_start(&s, false, -1, 0);
    begin(WIRE_FILE_PUT, path);
    wire_put_i64(&w, TAG_LENGTH, announced);
    wire_put_u32(&w, TAG_FLAGS, flags);
    w.bytes[8] = 1;
    CHECK(channel_send(s.channel, &w, &ends[0], 1));
    close(ends[0]);
    for (size_t at_byte = 0; at_byte < sent;) {
        ssize_t n = write(ends[1], data + at_byte, sent - at_byte);
        if (n < 0)
            break;
        at_byte += (size_t)n;
    }
    close(ends[1]);
    answer_take(&s, -1, &a);
    serve_stop(&s);
    free(data);
}

static void take(const char *path, int64_t max)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    begin(WIRE_FILE_TAKE, path);
    wire_put_i64(&w, TAG_MAX_BYTES, max);
    ask(&s, &w, true, &a);
    serve_stop(&s);
}

static void check_size(const char *name, off_t want)
{
    struct stat st;

    CHECK(!stat(at(name), &st));
    CHECK_INT(st.st_size, want);
}

static void a_file_arrives_in_blocks(void)
{
    static const int64_t sizes[] = { 0, 1, FILE_BLOCK - 1, FILE_BLOCK, FILE_BLOCK + 1, 3000000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put_piped(at("in/new"), sizes[i], (size_t)sizes[i], 0, 'n');
        check_reply(&a);
        CHECK_INT(wire_i64(&a.in, TAG_WRITTEN, -1), sizes[i]);
        CHECK_INT(wire_u32(&a.in, TAG_FLAGS, 9), i ? 0 : WIRE_F_CREATED);
        check_size("in/new", sizes[i]);
    }
    CHECK_INT(leftovers(at("in")), 0);
}

static void what_is_cut_short_changes_nothing(void)
{
    put_text("old", "old");
    put_piped(at("old"), 600000, 500000, 0, 'x');
    check_error(&a, CODE_UNAVAILABLE, "did not arrive whole", NULL);
    check_file("old", "old");
    put_piped(at("none"), 10, 9, 0, 'x');
    check_error(&a, CODE_UNAVAILABLE, "did not arrive whole", NULL);
    CHECK(access(at("none"), F_OK));
    CHECK_INT(leftovers(folder), 0);
}

static void lengths_and_places_that_are_none(void)
{
    put_text("old", "old");
    put_piped(at("old"), -1, 0, 0, 'x');
    check_error(&a, CODE_INVALID, "length", NULL);
    put_piped(at("old"), WIRE_TRANSFER_MAX + 1, 0, 0, 'x');
    check_error(&a, CODE_INVALID, "length", NULL);
    put_piped(at("old"), 3, 3, WIRE_F_MUST_NOT_EXIST, 'x');
    check_error(&a, CODE_CONFLICT, "exists", "another path");
    CHECK(!mkfifo(at("fifo"), 0644));
    put_piped(at("fifo"), 3, 3, 0, 'x');
    CHECK_INT(a.in.op, WIRE_ERROR);
    check_file("old", "old");
}

static void other_names_of_the_file_keep_it(void)
{
    put_text("one", "long content before");
    CHECK(!link(at("one"), at("two")));
    put_piped(at("one"), 4, 4, 0, 'y');
    check_reply(&a);
    check_file("two", "yyyy");
}

static void a_link_is_written_through_once(void)
{
    put_text("target", "old");
    CHECK(!symlink("target", at("link")));
    put_piped(at("link"), 2, 2, 0, 'z');
    check_reply(&a);
    check_file("target", "zz");
}

static void a_file_leaves_whole(void)
{
    static const size_t sizes[] = { 0, 1, FILE_BLOCK, FILE_BLOCK + 1, 1000000 };
    char *data = malloc(1000000);

    memset(data, 'q', 1000000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put("out", data, sizes[i]);
        take(at("out"), 1000000);
        check_reply(&a);
        CHECK_INT(a.len, sizes[i]);
        CHECK(!memcmp(a.data, data, sizes[i]));
        CHECK_INT(wire_i64(&a.in, TAG_SIZE, -1), (int64_t)sizes[i]);
    }
    free(data);
}

static void what_does_not_leave(void)
{
    put_text("out", "12345");
    take(at("out"), 4);
    check_error(&a, CODE_TOO_LARGE, "5 bytes", NULL);
    take(at("missing"), 4);
    CHECK_INT(a.in.op, WIRE_ERROR);
    (void)mkfifo(at("fifo"), 0644);
    take(at("fifo"), 4);
    CHECK_INT(a.in.op, WIRE_ERROR);
    take(folder, 4);
    CHECK_INT(a.in.op, WIRE_ERROR);
    take("/dev/zero", 4);
    CHECK_INT(a.in.op, WIRE_ERROR);
}

static const struct test tests[] = {
    TEST(a_file_arrives_in_blocks),
    TEST(what_is_cut_short_changes_nothing),
    TEST(lengths_and_places_that_are_none),
    TEST(other_names_of_the_file_keep_it),
    TEST(a_link_is_written_through_once),
    TEST(a_file_leaves_whole),
    TEST(what_does_not_leave),
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
