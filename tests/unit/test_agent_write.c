#include "backend/agent/file.h"
#include "tests/unit/agent_files.h"

enum { OVERWRITE, CREATE, APPEND };

static struct wire_out w;
static struct answer a;

static void start_write(const char *path, uint32_t how, uint32_t flags)
{
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_WRITE);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_u32(&w, TAG_WRITE_MODE, how);
    wire_put_u32(&w, TAG_FLAGS, flags);
}

static void finish(const char *text, uid_t uid)
{
    struct served s;

    serve_start(&s, false, -1, uid);
    wire_put(&w, TAG_DATA, text, strlen(text));
    ask(&s, &w, false, &a);
    serve_stop(&s);
}

static void write_text(const char *path, uint32_t how, const char *text)
{
    start_write(path, how, 0);
    finish(text, 0);
}

static void write_expecting(const char *path, const char *hex, const char *text)
{
    start_write(path, OVERWRITE, 0);
    wire_put_str(&w, TAG_SHA256, hex);
    finish(text, 0);
}

static void write_mode(const char *path, uint32_t how, uint32_t mode, const char *text)
{
    start_write(path, how, 0);
    wire_put_u32(&w, TAG_MODE, mode);
    finish(text, 0);
}

static bool created(void)
{
    return wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_CREATED;
}

static void check_written(int64_t written, int64_t size, bool is_new)
{
    check_reply(&a);
    CHECK_INT(wire_i64(&a.in, TAG_WRITTEN, -1), written);
    CHECK_INT(wire_i64(&a.in, TAG_SIZE, -1), size);
    CHECK_INT(created(), is_new);
}

static unsigned mode_of(const char *name)
{
    struct stat st;

    CHECK(!lstat(at(name), &st));
    return st.st_mode & 07777;
}

static void folders_are_made_and_modes_are_plain(void)
{
    write_text(at("a/b/c/new.txt"), OVERWRITE, "hello\n");
    check_written(6, 6, true);
    check_file("a/b/c/new.txt", "hello\n");
    CHECK_STR(answer_str(&a, TAG_PATH), at("a/b/c/new.txt"));
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("hello\n", 6));
    CHECK_INT(wire_u32(&a.in, TAG_MODE, 0), 0644);
    CHECK_INT(mode_of("a/b/c/new.txt"), 0644);
    CHECK_INT(mode_of("a/b/c"), 0755);
    CHECK_INT(leftovers(at("a/b/c")), 0);
}

static void overwriting_keeps_the_mode(void)
{
    put_text("script", "old content that is longer");
    CHECK(!chmod(at("script"), 0751));
    write_text(at("script"), OVERWRITE, "new");
    check_written(3, 3, false);
    check_file("script", "new");
    CHECK_INT(mode_of("script"), 0751);
    write_mode(at("script"), OVERWRITE, 0600, "newer");
    CHECK_INT(wire_u32(&a.in, TAG_MODE, 0), 0600);
    CHECK_INT(mode_of("script"), 0600);
    write_mode(at("fresh"), CREATE, 0755, "x");
    CHECK_INT(mode_of("fresh"), 0755);
    write_mode(at("fresh"), OVERWRITE, 04755, "y");
    check_error(&a, CODE_DENIED, "set-id", NULL);
    check_file("fresh", "x");
}

static void creating_refuses_what_exists(void)
{
    write_text(at("once"), CREATE, "first");
    check_written(5, 5, true);
    write_text(at("once"), CREATE, "second");
    check_error(&a, CODE_CONFLICT, "once exists", "overwrite");
    check_file("once", "first");
    start_write(at("once"), OVERWRITE, WIRE_F_MUST_NOT_EXIST);
    finish("third", 0);
    check_error(&a, CODE_CONFLICT, "exists", NULL);
    start_write(at("twice"), APPEND, WIRE_F_MUST_NOT_EXIST);
    finish("ok", 0);
    check_written(2, 2, true);
    CHECK_INT(leftovers(folder), 0);
}

static void appending_adds_at_the_end(void)
{
    write_text(at("log"), APPEND, "one\n");
    check_written(4, 4, true);
    CHECK_INT(mode_of("log"), 0644);
    write_text(at("log"), APPEND, "two\n");
    check_written(4, 8, false);
    CHECK_STR(answer_str(&a, TAG_SHA256), hex_of("one\ntwo\n", 8));
    check_file("log", "one\ntwo\n");
}

static void a_changed_file_is_not_overwritten(void)
{
    char upper[65];

    put_text("guarded", "v1");
    write_expecting(at("guarded"), hex_of("v0", 2), "v2");
    check_error(&a, CODE_CONFLICT, hex_of("v1", 2), "file_read");
    check_file("guarded", "v1");
    snprintf(upper, sizeof(upper), "%s", hex_of("v1", 2));
    for (char *p = upper; *p; p++)
        *p = *p >= 'a' ? (char)(*p - 32) : *p;
    write_expecting(at("guarded"), upper, "v2");
    check_reply(&a);
    check_file("guarded", "v2");
    write_expecting(at("absent"), upper, "v2");
    check_error(&a, CODE_CONFLICT, "does not exist", NULL);
    CHECK(access(at("absent"), F_OK));
    write_expecting(at("guarded"), "abc", "v3");
    check_error(&a, CODE_INVALID, "64 hex digits", NULL);
    CHECK_INT(leftovers(folder), 0);
}

static void links_are_written_through(void)
{
    struct stat st;

    put_text("real", "old");
    CHECK(!mkdir(at("links"), 0755) && !symlink("../real", at("links/to")) &&
          !symlink("to", at("links/chain")) && !symlink("made/later", at("links/dangling")) &&
          !symlink("self", at("links/self")));
    write_text(at("links/chain"), OVERWRITE, "new");
    check_written(3, 3, false);
    CHECK_STR(answer_str(&a, TAG_PATH), at("real"));
    check_file("real", "new");
    CHECK(!lstat(at("links/chain"), &st) && S_ISLNK(st.st_mode));
    write_text(at("links/dangling"), OVERWRITE, "born");
    check_written(4, 4, true);
    check_file("links/made/later", "born");
    write_text(at("links/self"), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "circle", NULL);
}

static void hard_links_stay_one_file(void)
{
    put_text("name1", "something longer");
    CHECK(!link(at("name1"), at("name2")));
    write_text(at("name1"), OVERWRITE, "both");
    check_written(4, 4, false);
    check_file("name2", "both");
    write_text(at("name2"), OVERWRITE, "now something much longer than before");
    check_file("name1", "now something much longer than before");
}

static void what_is_no_regular_file_is_refused(void)
{
    CHECK(!mkfifo(at("fifo"), 0644) && !mkdir(at("dir"), 0755));
    write_text(at("fifo"), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "a FIFO", NULL);
    write_text(at("fifo"), APPEND, "x");
    check_error(&a, CODE_INVALID, "a FIFO", NULL);
    write_text(at("dir"), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "a folder", NULL);
    write_text(at("dir/"), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "names a folder", NULL);
    write_text(at("dir/.."), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "names a folder", NULL);
    write_text("/dev/null", OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "a character device", NULL);
    put_text("plain", "x");
    write_text(at("plain/below"), OVERWRITE, "x");
    check_error(&a, CODE_NOT_FOUND, "a file, not a folder", NULL);
}

static void permissions_are_the_kernels(void)
{
    struct stat st;

    if (getuid())
        SKIP("only root can become somebody else");
    CHECK(!mkdir(at("closed"), 0755));
    put_text("closed/open", "old and long");
    put_text("readonly", "old");
    CHECK(!chmod(at("closed/open"), 0666) && !chmod(at("readonly"), 0444));
    start_write(at("closed/new"), OVERWRITE, 0);
    finish("x", 65534);
    check_error(&a, CODE_DENIED, "Permission denied", NULL);
    start_write(at("readonly"), OVERWRITE, 0);
    finish("x", 65534);
    check_error(&a, CODE_DENIED, "Permission denied", NULL);
    start_write(at("closed/open"), OVERWRITE, 0);
    finish("in place", 65534);
    check_written(8, 8, false);
    check_file("closed/open", "in place");
    put_text("shared", "old");
    CHECK(!chmod(at("shared"), 0666));
    start_write(at("shared"), OVERWRITE, 0);
    finish("new", 65534);
    check_written(3, 3, false);
    CHECK(!stat(at("shared"), &st) && st.st_uid == 0);
    check_file("readonly", "old");
}

static void long_names_still_get_a_temporary(void)
{
    char name[300];

    memset(name, 'n', sizeof(name));
    name[255] = '\0';
    write_text(at(name), OVERWRITE, "x");
    check_written(1, 1, true);
    write_text(at(name), OVERWRITE, "yy");
    check_written(2, 2, false);
    name[255] = 'n';
    name[256] = '\0';
    write_text(at(name), OVERWRITE, "x");
    check_error(&a, CODE_INVALID, "too long", NULL);
}

static void write_piped(const char *path, size_t announced, size_t sent, char fill)
{
    struct served s;
    char *data = malloc(sent + 1);
    int ends[2];

    memset(data, fill, sent);
    CHECK(!pipe2(ends, O_CLOEXEC));
    serve_start(&s, false, -1, 0);
    start_write(path, OVERWRITE, 0);
    wire_put_i64(&w, TAG_LENGTH, (int64_t)announced);
    w.bytes[8] = 1;
    CHECK(channel_send(s.channel, &w, &ends[0], 1));
    close(ends[0]);
    for (size_t have = 0; have < sent;) {
        ssize_t n = write(ends[1], data + have, sent - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    close(ends[1]);
    answer_take(&s, -1, &a);
    serve_stop(&s);
    free(data);
}

static void long_content_comes_through_the_pipe(void)
{
    struct timespec from;
    size_t len;
    char *got;

    clock_gettime(CLOCK_MONOTONIC, &from);
    write_piped(at("big"), FILE_WRITE_MAX, FILE_WRITE_MAX, 'b');
    printf("# write of 8 MiB: %.1f ms\n", since_ms(&from));
    check_written(FILE_WRITE_MAX, FILE_WRITE_MAX, true);
    got = get("big", &len);
    CHECK(got && len == FILE_WRITE_MAX && got[0] == 'b' && !memcmp(got, got + 1, len - 1));
    free(got);
}

static void content_that_is_cut_short_changes_nothing(void)
{
    put_text("kept", "as it was");
    write_piped(at("kept"), 100000, 99999, 'x');
    check_error(&a, CODE_UNAVAILABLE, "nothing was written", NULL);
    check_file("kept", "as it was");
    write_piped(at("kept"), FILE_WRITE_MAX + 1, 0, 'x');
    check_error(&a, CODE_TOO_LARGE, "8 MiB", "append");
    check_file("kept", "as it was");
}

static const struct test tests[] = {
    TEST(folders_are_made_and_modes_are_plain),
    TEST(overwriting_keeps_the_mode),
    TEST(creating_refuses_what_exists),
    TEST(appending_adds_at_the_end),
    TEST(a_changed_file_is_not_overwritten),
    TEST(links_are_written_through),
    TEST(hard_links_stay_one_file),
    TEST(what_is_no_regular_file_is_refused),
    TEST(permissions_are_the_kernels),
    TEST(long_names_still_get_a_temporary),
    TEST(long_content_comes_through_the_pipe),
    TEST(content_that_is_cut_short_changes_nothing),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
