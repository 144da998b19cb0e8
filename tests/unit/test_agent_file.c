#include "backend/agent/file.h"
#include "backend/agent/file_text.h"
#include "tests/unit/agent_files.h"
#include <sys/un.h>

static struct wire_out w;
static struct answer a;

static void start_read(const char *path)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_READ);
    wire_put_str(&w, TAG_PATH, path);
}

struct range {
    int64_t offset, limit, max_bytes;
    uint32_t flags;
};

/* One read on a channel of its own, with a pipe. */
static void read_range(const char *path, struct range r)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    start_read(path);
    wire_put_i64(&w, TAG_OFFSET, r.offset);
    wire_put_i64(&w, TAG_LIMIT, r.limit);
    wire_put_i64(&w, TAG_MAX_BYTES, r.max_bytes);
    wire_put_u32(&w, TAG_FLAGS, r.flags);
    ask(&s, &w, true, &a);
    serve_stop(&s);
}

static int64_t number(uint16_t tag)
{
    return wire_i64(&a.in, tag, -99);
}

static void check_text(const char *want)
{
    check_reply(&a);
    a.data[a.len] = '\0';
    CHECK_STR(a.data, want);
}

static void check_lines(const char *want, int64_t start, int64_t end, int64_t total, int64_t next)
{
    check_text(want);
    CHECK_INT(number(TAG_START_LINE), start);
    CHECK_INT(number(TAG_END_LINE), end);
    CHECK_INT(number(TAG_TOTAL_LINES), total);
    CHECK_INT(number(TAG_NEXT_OFFSET), next);
}

static void lines_are_counted_from_one(void)
{
    put_text("five", "1\n2\n3\n4\n5\n");
    read_range(at("five"), (struct range){ 0 });
    check_lines("1\n2\n3\n4\n5\n", 1, 5, 5, 6);
    CHECK(!answer_truncated(&a));
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("1\n2\n3\n4\n5\n", 10));
    CHECK_STR(answer_str(&a, TAG_PATH), at("five"));
    CHECK_INT(number(TAG_SIZE), 10);
    CHECK_INT(wire_u32(&a.in, TAG_MODE, 0), 0644);
    CHECK(number(TAG_MTIME_MS) / 1000 >= time(NULL) - 60);
    read_range(at("five"), (struct range){ .offset = 2, .limit = 2 });
    check_lines("2\n3\n", 2, 3, 5, 4);
    CHECK(answer_truncated(&a));
    read_range(at("five"), (struct range){ .offset = 5, .limit = 9 });
    check_lines("5\n", 5, 5, 5, 6);
    CHECK(!answer_truncated(&a));
    read_range(at("five"), (struct range){ .offset = 9 });
    check_lines("", 0, 0, 5, 9);
    CHECK(!answer_truncated(&a));
}

static void negative_offsets_count_from_the_end(void)
{
    put_text("open", "1\n2\n3");
    read_range(at("open"), (struct range){ .offset = -1 });
    check_lines("3", 3, 3, 3, 4);
    read_range(at("open"), (struct range){ .offset = -2, .limit = 1 });
    check_lines("2\n", 2, 2, 3, 3);
    CHECK(answer_truncated(&a));
    read_range(at("open"), (struct range){ .offset = -50 });
    check_lines("1\n2\n3", 1, 3, 3, 4);
    read_range(at("open"), (struct range){ .offset = INT64_MIN });
    check_lines("1\n2\n3", 1, 3, 3, 4);
}

static void an_empty_file_has_no_lines(void)
{
    put_text("empty", "");
    for (int64_t offset = -2; offset <= 2; offset++) {
        read_range(at("empty"), (struct range){ .offset = offset });
        check_text("");
        CHECK_INT(number(TAG_TOTAL_LINES), 0);
        CHECK_INT(number(TAG_END_LINE), 0);
        CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("", 0));
    }
}

static void too_many_bytes_end_at_a_line_or_a_character(void)
{
    put_text("wide", "12345\n67890\n\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n");
    read_range(at("wide"), (struct range){ .max_bytes = 9 });
    check_lines("12345\n", 1, 1, 3, 2);
    CHECK(answer_truncated(&a));
    read_range(at("wide"), (struct range){ .offset = 3, .max_bytes = 5 });
    check_lines("\xc3\xa4\xc3\xa4", 3, 3, 3, 4);
    CHECK(answer_truncated(&a));
    read_range(at("wide"), (struct range){ .offset = 3, .max_bytes = 9 });
    check_lines("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\n", 3, 3, 3, 4);
    CHECK(!answer_truncated(&a));
}

static void bytes_are_given_as_they_are(void)
{
    put("raw", "\0\1\xff\n\xc3\xa4 end", 10);
    read_range(at("raw"), (struct range){ .offset = 1, .max_bytes = 4, .flags = WIRE_F_BYTES });
    check_reply(&a);
    CHECK_INT(a.len, 4);
    CHECK_MEM(a.data, "\1\xff\n\xc3", 4);
    CHECK_INT(number(TAG_NEXT_OFFSET), 5);
    CHECK_INT(number(TAG_START_LINE), 0);
    CHECK(answer_truncated(&a));
    read_range(at("raw"), (struct range){ .offset = -3, .flags = WIRE_F_BYTES });
    check_text("end");
    CHECK(!answer_truncated(&a));
    read_range(at("raw"), (struct range){ .offset = 99, .flags = WIRE_F_BYTES });
    check_text("");
    CHECK_INT(number(TAG_NEXT_OFFSET), 10);
}

/* Lines of every length, more than one block of them. */
static char *long_file(const char *name, size_t *len)
{
    char *data = malloc(3 << 20);
    size_t n = 0;

    for (unsigned line = 1; n < (2u << 20) + 777; line++) {
        n += (size_t)sprintf(data + n, "%u ", line);
        memset(data + n, 'x', line % 201);
        n += line % 201;
        data[n++] = '\n';
    }
    put(name, data, n);
    *len = n;
    return data;
}

static void pages_give_every_byte_once(void)
{
    static const int64_t pages[] = { 30000, 70000, 2000000 };
    size_t len;
    char *data = long_file("long", &len);

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        int64_t offset = 1;
        size_t have = 0;
        do {
            read_range(at("long"), (struct range){ .offset = offset, .max_bytes = pages[i] });
            check_reply(&a);
            CHECK(a.len && have + a.len <= len && (int64_t)a.len <= pages[i]);
            CHECK_INT(a.piped, a.len > WIRE_INLINE_MAX);
            CHECK_MEM(a.data, data + have, a.len);
            CHECK_INT(number(TAG_START_LINE), offset);
            have += a.len;
            offset = number(TAG_NEXT_OFFSET);
        } while (answer_truncated(&a));
        CHECK_INT(have, len);
    }
    free(data);
}

static void large_files_have_totals_and_a_hash_on_request(void)
{
    size_t len;
    char *data = long_file("long", &len);
    int64_t lines = (int64_t)text_newlines(data, len);

    read_range(at("long"), (struct range){ .limit = 1 });
    check_reply(&a);
    CHECK_INT(number(TAG_TOTAL_LINES), lines);
    CHECK(!wire_has(&a.in, TAG_SHA256));
    read_range(at("long"), (struct range){ .offset = -2, .flags = WIRE_F_HASH });
    check_reply(&a);
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of(data, len));
    CHECK_INT(number(TAG_START_LINE), lines - 1);
    CHECK_MEM(a.data, data + len - a.len, a.len);
    free(data);
}

static void the_largest_files_give_ranges_without_totals(void)
{
    int fd = open(at("huge"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int64_t size = 3LL * FILE_TOTALS_MAX;
    struct timespec from;

    CHECK(fd >= 0 && !ftruncate(fd, size) && pwrite(fd, "one\ntwo\n", 8, 0) == 8 &&
          pwrite(fd, "\nx\ny\nz\n", 7, size - 7) == 7);
    clock_gettime(CLOCK_MONOTONIC, &from);
    read_range(at("huge"), (struct range){ .offset = 2, .limit = 1, .flags = WIRE_F_HASH });
    check_lines("two\n", 2, 2, -1, 3);
    CHECK(answer_truncated(&a) && !wire_has(&a.in, TAG_SHA256));
    read_range(at("huge"), (struct range){ .offset = -3, .limit = 2 });
    check_lines("x\ny\n", 0, 0, -1, -1);
    CHECK(answer_truncated(&a));
    printf("# head and tail of %lld MiB: %.1f ms\n", (long long)size >> 20, since_ms(&from));
    read_range(at("huge"), (struct range){ .offset = -5 });
    check_error(&a, CODE_TOO_LARGE, "64 MiB", NULL);
    read_range(at("huge"), (struct range){ .offset = 4, .limit = 1, .max_bytes = 10 });
    check_lines("x\n", 4, 4, -1, 5);
    read_range(at("huge"), (struct range){ .offset = size - 4, .flags = WIRE_F_BYTES });
    check_text("y\nz\n");
    close(fd);
    unlink(at("huge"));
}

static void without_a_pipe_an_answer_stops_early(void)
{
    struct served s;
    size_t len;
    char *data = long_file("long", &len);

    serve_start(&s, false, -1, 0);
    start_read(at("long"));
    ask(&s, &w, false, &a);
    check_reply(&a);
    CHECK(a.len <= WIRE_INLINE_MAX && a.len > WIRE_INLINE_MAX - 300);
    CHECK_MEM(a.data, data, a.len);
    CHECK(answer_truncated(&a));
    CHECK_INT(number(TAG_NEXT_OFFSET), text_newlines(data, a.len) + 1);
    serve_stop(&s);
    free(data);
}

static void what_is_no_regular_file_is_refused_at_once(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    CHECK(!mkdir(at("folder"), 0755) && !mkfifo(at("fifo"), 0644));
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", at("socket"));
    CHECK(!bind(fd, (struct sockaddr *)&name, sizeof(name)));
    read_range(at("folder"), (struct range){ 0 });
    check_error(&a, CODE_INVALID, "it is a folder", "file_list");
    read_range(at("fifo"), (struct range){ 0 });
    check_error(&a, CODE_INVALID, "it is a FIFO", "regular file");
    read_range(at("socket"), (struct range){ 0 });
    check_error(&a, CODE_INVALID, "it is a socket", NULL);
    read_range("/dev/zero", (struct range){ 0 });
    check_error(&a, CODE_INVALID, "it is a character device", NULL);
    close(fd);
}

static void what_is_missing_names_the_folder_that_is_not(void)
{
    CHECK(!mkdir(at("there"), 0755));
    put_text("file", "x");
    CHECK(!symlink("nowhere", at("dangling")) && !symlink("loop", at("loop")));
    read_range(at("there/no/such/file"), (struct range){ 0 });
    check_error(&a, CODE_NOT_FOUND, "there/no/such/file does not exist", at("there"));
    read_range("/nope", (struct range){ 0 });
    check_error(&a, CODE_NOT_FOUND, "/nope", "list /, ");
    read_range(at("file/x"), (struct range){ 0 });
    check_error(&a, CODE_NOT_FOUND, "is a file, not a folder", folder);
    read_range(at("dangling"), (struct range){ 0 });
    check_error(&a, CODE_NOT_FOUND, "a link to nowhere", NULL);
    read_range(at("loop"), (struct range){ 0 });
    check_error(&a, CODE_INVALID, "circle", NULL);
    read_range("relative", (struct range){ 0 });
    check_error(&a, CODE_INVALID, "absolute", NULL);
}

static void permissions_are_the_kernels(void)
{
    struct served s;

    if (getuid())
        SKIP("only root can become somebody else");
    put_text("secret", "x");
    CHECK(!chmod(at("secret"), 0600));
    serve_start(&s, false, -1, 65534);
    start_read(at("secret"));
    ask(&s, &w, false, &a);
    check_error(&a, CODE_DENIED, "Permission denied", NULL);
    serve_stop(&s);
}

static void files_that_claim_to_be_empty_are_read(void)
{
    read_range("/proc/self/status", (struct range){ .limit = 1 });
    check_reply(&a);
    CHECK(!strncmp(a.data, "Name:\t", 6));
    CHECK(number(TAG_TOTAL_LINES) > 10 && answer_truncated(&a));
    read_range("/proc/sys/kernel/ostype", (struct range){ 0 });
    check_lines("Linux\n", 1, 1, 1, 2);
}

static void links_are_followed_and_named(void)
{
    put_text("target", "here\n");
    CHECK(!symlink("target", at("link")));
    read_range(at("link"), (struct range){ 0 });
    check_text("here\n");
    CHECK_STR(answer_str(&a, TAG_PATH), at("target"));
}

static void one_channel_serves_many_requests(void)
{
    struct served s;
    struct timespec from;
    int ends[2];

    put_text("small", "content\n");
    CHECK(!pipe2(ends, O_CLOEXEC));
    serve_start(&s, false, ends[1], 0);
    start_read(at("nothing"));
    ask(&s, &w, false, &a);
    check_error(&a, CODE_NOT_FOUND, "does not exist", NULL);
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, 77);
    ask(&s, &w, false, &a);
    check_error(&a, CODE_UNSUPPORTED, "no such file operation", NULL);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 1000; i++) {
        start_read(at("small"));
        ask(&s, &w, i % 2, &a);
        check_text("content\n");
    }
    printf("# a read on a warm channel: %.1f us\n", since_ms(&from));
    serve_stop(&s);
    close(ends[0]);
}

static void the_pipe_of_open_is_for_the_first_request(void)
{
    struct served s;
    size_t len;
    char *data = long_file("long", &len);
    int ends[2];

    CHECK(!pipe2(ends, O_CLOEXEC));
    serve_start(&s, false, ends[1], 0);
    start_read(at("long"));
    CHECK(channel_send(s.channel, &w, NULL, 0));
    answer_take(&s, ends[0], &a);
    CHECK(a.piped && a.len == len && !memcmp(a.data, data, len));
    start_read(at("long"));
    ask(&s, &w, false, &a);
    CHECK(!a.piped && answer_truncated(&a));
    serve_stop(&s);
    close(ends[0]);
    free(data);
}

static void a_request_that_is_none_ends_the_channel(void)
{
    struct served s;
    char byte;

    serve_start(&s, false, -1, 0);
    CHECK(send(s.channel, "rubbish", 7, 0) == 7);
    pthread_join(s.thread, NULL);
    CHECK(recv(s.channel, &byte, 1, 0) == 0);
    close(s.channel);
}

static const struct test tests[] = {
    TEST(lines_are_counted_from_one),
    TEST(negative_offsets_count_from_the_end),
    TEST(an_empty_file_has_no_lines),
    TEST(too_many_bytes_end_at_a_line_or_a_character),
    TEST(bytes_are_given_as_they_are),
    TEST(pages_give_every_byte_once),
    TEST(large_files_have_totals_and_a_hash_on_request),
    TEST(the_largest_files_give_ranges_without_totals),
    TEST(without_a_pipe_an_answer_stops_early),
    TEST(what_is_no_regular_file_is_refused_at_once),
    TEST(what_is_missing_names_the_folder_that_is_not),
    TEST(permissions_are_the_kernels),
    TEST(files_that_claim_to_be_empty_are_read),
    TEST(links_are_followed_and_named),
    TEST(one_channel_serves_many_requests),
    TEST(the_pipe_of_open_is_for_the_first_request),
    TEST(a_request_that_is_none_ends_the_channel),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
