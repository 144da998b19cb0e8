#include "backend/agent/file_list.h"
#include "tests/unit/agent_files.h"

static struct wire_out w;
static struct answer a;

struct listed {
    int64_t depth, limit, max_bytes;
    uint32_t flags, sort;
    const char *glob, *cursor;
};

static void list(const char *path, struct listed q)
{
    struct served s;

    serve_start(&s, false, -1, 0);
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_LIST);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_i64(&w, TAG_DEPTH, q.depth);
    wire_put_i64(&w, TAG_LIMIT, q.limit);
    wire_put_i64(&w, TAG_MAX_BYTES, q.max_bytes);
    wire_put_u32(&w, TAG_FLAGS, q.flags);
    wire_put_u32(&w, TAG_SORT, q.sort);
    wire_put_str(&w, TAG_GLOB, q.glob);
    wire_put_str(&w, TAG_CURSOR, q.cursor);
    ask(&s, &w, true, &a);
    serve_stop(&s);
}

struct entry {
    char type;
    int64_t mode, size, mtime_ms;
    char path[4200], target[4200];
};

static bool next_entry(struct fields *all, struct entry *e)
{
    struct fields one;

    if (!next_record(all, 'e', &one))
        return false;
    e->type = *one.p++;
    e->mode = field_i64(&one);
    e->size = field_i64(&one);
    e->mtime_ms = field_i64(&one);
    field_str(&one, e->path, sizeof(e->path));
    field_str(&one, e->target, sizeof(e->target));
    CHECK(one.p == one.end);
    return true;
}

/* "type path" of each, with a space between them; a marker as "m path+N". */
static const char *names(void)
{
    static char out[1 << 20];
    struct fields all = { a.data, a.data + a.len };
    static struct entry e;
    size_t n = 0;

    check_reply(&a);
    out[0] = '\0';
    while (next_entry(&all, &e) && n + 8192 < sizeof(out)) {
        n += (size_t)sprintf(out + n, "%s%c %s", n ? " " : "", e.type, e.path);
        if (e.type == 'm')
            n += (size_t)sprintf(out + n, "+%lld", (long long)e.size);
    }
    return out;
}

static int64_t total(void)
{
    return wire_i64(&a.in, TAG_TOTAL, -99);
}

static const char *cursor(void)
{
    static char text[16384];

    return wire_str(&a.in, TAG_CURSOR, text, sizeof(text)) ? text : NULL;
}

static void folders(const char *const *paths)
{
    for (; *paths; paths++)
        CHECK(!mkdir(at(*paths), 0755));
}

static void a_folder_is_listed_with_what_is_known(void)
{
    static const char *const dirs[] = { "one", "one/sub", "one/.hidden", NULL };
    struct fields all;
    struct entry e;

    folders(dirs);
    put_text("one/b.txt", "12345");
    put_text("one/sub/deep", "");
    CHECK(!chmod(at("one/b.txt"), 0640) && !symlink("b.txt", at("one/a-link")) &&
          !mkfifo(at("one/fifo"), 0600));
    list(at("one"), (struct listed){ 0 });
    CHECK_STR(names(), "l a-link f b.txt p fifo d sub");
    CHECK_INT(total(), 4);
    CHECK_STR(answer_str(&a, TAG_PATH), at("one"));
    CHECK(!answer_truncated(&a) && !cursor());
    all = (struct fields){ a.data, a.data + a.len };
    CHECK(next_entry(&all, &e));
    CHECK_STR(e.target, "b.txt");
    CHECK(next_entry(&all, &e));
    CHECK(e.size == 5 && e.mode == 0640 && e.mtime_ms / 1000 >= time(NULL) - 60);
    CHECK_STR(e.target, "");
    list(at("one"), (struct listed){ .flags = WIRE_F_HIDDEN });
    CHECK_STR(names(), "d .hidden l a-link f b.txt p fifo d sub");
}

static void trees_go_as_deep_as_asked(void)
{
    static const char *const dirs[] = { "t", "t/a", "t/a/b", "t/a/b/c", "t/a.d", NULL };

    folders(dirs);
    put_text("t/a/x", "");
    put_text("t/a-z", "");
    list(at("t"), (struct listed){ .depth = 2 });
    CHECK_STR(names(), "d a d a/b f a/x f a-z d a.d");
    list(at("t"), (struct listed){ .depth = 9 });
    CHECK_STR(names(), "d a d a/b d a/b/c f a/x f a-z d a.d");
    CHECK_INT(total(), 6);
}

static void globs_choose_what_is_shown(void)
{
    static const char *const dirs[] = { "g", "g/src", "g/src/sub", NULL };

    folders(dirs);
    put_text("g/a.c", "");
    put_text("g/a.h", "");
    put_text("g/src/b.c", "");
    put_text("g/src/sub/c.c", "");
    list(at("g"), (struct listed){ .depth = 9, .glob = "*.c" });
    CHECK_STR(names(), "f a.c f src/b.c f src/sub/c.c");
    list(at("g"), (struct listed){ .depth = 9, .glob = "src/*.{c,h}" });
    CHECK_STR(names(), "f src/b.c");
    list(at("g"), (struct listed){ .depth = 9, .glob = "**/sub/**" });
    CHECK_STR(names(), "f src/sub/c.c");
    list(at("g"), (struct listed){ .glob = "*.c" });
    CHECK_STR(names(), "f a.c");
    CHECK_INT(total(), 1);
}

static void ignored_files_are_left_out(void)
{
    static const char *const dirs[] = { "i", "i/.git", "i/build", "i/src", NULL };

    folders(dirs);
    put_text("i/.gitignore", "build/\n*.o\n");
    put_text("i/build/x", "");
    put_text("i/src/a.o", "");
    put_text("i/src/a.c", "");
    list(at("i"), (struct listed){ .depth = 9, .flags = WIRE_F_IGNORE });
    CHECK_STR(names(), "d src f src/a.c");
    list(at("i"), (struct listed){ .depth = 9, .flags = WIRE_F_IGNORE | WIRE_F_HIDDEN });
    CHECK_STR(names(), "f .gitignore d src f src/a.c");
    list(at("i"), (struct listed){ .depth = 9 });
    CHECK_STR(names(), "d build f build/x d src f src/a.c f src/a.o");
}

static void sizes_and_times_come_largest_and_newest_first(void)
{
    static const char *const dirs[] = { "s", "s/d", NULL };
    struct timespec when[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    char big[10000] = "";

    folders(dirs);
    put("s/mid", big, 5000);
    put("s/d/big", big, 10000);
    put("s/z", "", 0);
    put("s/a", "", 0);
    list(at("s"), (struct listed){ .depth = 2, .sort = LIST_BY_SIZE, .glob = "[abmz]*" });
    CHECK_STR(names(), "f d/big f mid f a f z");
    for (int i = 0; i < 4; i++) {
        static const char *const order[] = { "s/z", "s/d/big", "s/a", "s/mid" };
        when[1].tv_sec += 60;
        CHECK(!utimensat(AT_FDCWD, at(order[i]), when, 0));
    }
    list(at("s"), (struct listed){ .depth = 2, .sort = LIST_BY_MTIME, .glob = "[abmz]*" });
    CHECK_STR(names(), "f mid f a f d/big f z");
    CHECK_INT(total(), 4);
}

/* Every entry once and in the same order, however small the pages are. */
static void pages(const char *path, struct listed q)
{
    static char whole[1 << 20], joined[1 << 20];
    char from[16384];
    size_t n = 0;
    int count = 0;

    q.limit = 100000;
    list(path, q);
    CHECK(!cursor());
    snprintf(whole, sizeof(whole), "%s", names());
    for (int step = 1; step < 8; step += 3) {
        q.limit = step;
        q.cursor = NULL;
        n = 0;
        do {
            list(path, q);
            n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s%s", n ? " " : "", names());
            CHECK(++count < 20000);
            if (cursor()) {
                CHECK(answer_truncated(&a));
                snprintf(from, sizeof(from), "%s", cursor());
                q.cursor = from;
            }
        } while (cursor());
        CHECK(!answer_truncated(&a));
        CHECK_STR(joined, whole);
    }
}

static void cursors_go_on_where_an_answer_ended(void)
{
    static const char *const dirs[] = { "c", "c/a", "c/a/a b", "c/a.d", "c/\xff%", NULL };
    static const uint32_t sorts[] = { LIST_BY_NAME, LIST_BY_SIZE, LIST_BY_MTIME };
    char name[64];

    folders(dirs);
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "%s/%d%c", dirs[1 + i % 4], i * 7919 % 31, "x %\n"[i % 4]);
        put(name, "0123456789", (size_t)(i % 3));
    }
    for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
        pages(at("c"), (struct listed){ .depth = 5, .sort = sorts[i] });
    pages(at("c"), (struct listed){ .depth = 5, .glob = "*x" });
}

static void many_files(const char *path, int count)
{
    char name[300];

    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s/f%05d", path, i);
        put(name, "", 0);
    }
}

static void large_folders_of_a_tree_are_cut_with_a_marker(void)
{
    static const char *const dirs[] = { "m", "m/big", "m/big/z", "m/after", NULL };
    char from[16384];
    const char *text;

    folders(dirs);
    many_files("m/big", LIST_FOLDER_MAX + 20);
    put_text("m/big/z/below", "");
    list(at("m"), (struct listed){ .depth = 3, .limit = 10000 });
    text = names();
    CHECK_HAS(text, "f big/f00099 m big+21");
    CHECK(!strstr(text, "big/f00100") && !strstr(text, "below"));
    CHECK_INT(total(), LIST_FOLDER_MAX + 21 + 2);
    CHECK(!answer_truncated(&a));
    list(at("m"), (struct listed){ .depth = 3, .limit = LIST_FOLDER_MAX + 2 });
    CHECK_HAS(names(), "f big/f00099");
    CHECK(!strstr(names(), "m big"));
    snprintf(from, sizeof(from), "%s", cursor());
    list(at("m"), (struct listed){ .depth = 3, .cursor = from });
    CHECK_STR(names(), "m big+21");
    CHECK(!cursor());
    pages(at("m"), (struct listed){ .depth = 3 });
    list(at("m/big"), (struct listed){ .depth = 1, .limit = 10000 });
    CHECK_INT(total(), LIST_FOLDER_MAX + 21);
    CHECK(!strstr(names(), "m "));
    many_files("m/big", LIST_FIRST_MAX + 20);
    list(at("m/big"), (struct listed){ .depth = 2, .limit = 10000 });
    CHECK_HAS(names(), "m .+21");
    pages(at("m/big"), (struct listed){ .depth = 2 });
    list(at("m"), (struct listed){ .depth = 3, .limit = 10000, .glob = "*" });
    CHECK_HAS(names(), "f big/z/below");
}

static void bytes_are_bounded(void)
{
    static const char *const dirs[] = { "b", NULL };

    folders(dirs);
    many_files("b", 100);
    list(at("b"), (struct listed){ .max_bytes = 13 });
    CHECK_STR(names(), "f f00000 f f00001");
    CHECK(cursor() && answer_truncated(&a));
    CHECK_INT(total(), 100);
    list(at("b"), (struct listed){ .max_bytes = 1 });
    CHECK_STR(names(), "f f00000");
}

static void without_a_pipe_records_stop_early(void)
{
    static const char *const dirs[] = { "w", NULL };
    struct served s;
    size_t first;

    folders(dirs);
    many_files("w", 2000);
    list(at("w"), (struct listed){ .limit = 10000 });
    CHECK(a.piped && !cursor());
    first = a.len;
    serve_start(&s, false, -1, 0);
    ask(&s, &w, false, &a);
    serve_stop(&s);
    CHECK(a.len <= WIRE_INLINE_MAX && a.len > WIRE_INLINE_MAX - 100 && a.len < first);
    CHECK(cursor());
}

static void links_are_shown_but_not_entered(void)
{
    static const char *const dirs[] = { "l", "l/d", NULL };

    folders(dirs);
    CHECK(!symlink("..", at("l/d/up")) && !symlink("/", at("l/root")));
    list(at("l"), (struct listed){ .depth = 64 });
    CHECK_STR(names(), "d d l d/up l root");
    CHECK(!symlink("l", at("to-l")));
    list(at("to-l"), (struct listed){ .depth = 1 });
    CHECK_STR(names(), "d d l root");
    CHECK_STR(answer_str(&a, TAG_PATH), at("l"));
}

static void bad_requests_say_what_is_wrong(void)
{
    put_text("file", "");
    list(at("file"), (struct listed){ 0 });
    check_error(&a, CODE_INVALID, "is not a folder", "file_read");
    list(at("gone/x"), (struct listed){ 0 });
    check_error(&a, CODE_NOT_FOUND, "does not exist", folder);
    list(folder, (struct listed){ .cursor = "nonsense" });
    check_error(&a, CODE_INVALID, "cursor", "unchanged");
    list(folder, (struct listed){ .cursor = "p0:%zz" });
    check_error(&a, CODE_INVALID, "cursor", NULL);
    list(folder, (struct listed){ .cursor = "k5:x" });
    check_error(&a, CODE_INVALID, "cursor", NULL);
    list(folder, (struct listed){ .sort = 9 });
    check_error(&a, CODE_INVALID, "sort", NULL);
}

static void large_trees_are_fast(void)
{
    char name[64];
    struct timespec from;

    CHECK(!mkdir(at("tree"), 0755));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "tree/%02d", i);
        CHECK(!mkdir(at(name), 0755));
        many_files(name, 50);
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    list(at("tree"), (struct listed){ .depth = 3 });
    printf("# 500 of 5,100 entries: %.1f ms\n", since_ms(&from));
    CHECK_INT(total(), 5100);
    clock_gettime(CLOCK_MONOTONIC, &from);
    list(at("tree"), (struct listed){ .depth = 3, .sort = LIST_BY_MTIME });
    printf("# newest 500 of 5,100: %.1f ms\n", since_ms(&from));
    CHECK_INT(total(), 5100);
}

static const struct test tests[] = {
    TEST(a_folder_is_listed_with_what_is_known),
    TEST(trees_go_as_deep_as_asked),
    TEST(globs_choose_what_is_shown),
    TEST(ignored_files_are_left_out),
    TEST(sizes_and_times_come_largest_and_newest_first),
    TEST(cursors_go_on_where_an_answer_ended),
    TEST(large_folders_of_a_tree_are_cut_with_a_marker),
    TEST(bytes_are_bounded),
    TEST(without_a_pipe_records_stop_early),
    TEST(links_are_shown_but_not_entered),
    TEST(bad_requests_say_what_is_wrong),
    TEST(large_trees_are_fast),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
