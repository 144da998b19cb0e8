#include "backend/agent/walk.h"
#include "tests/unit/agent_files.h"

static bool ignored(const char *rules, const char *path, bool directory)
{
    const char *slash = strrchr(path, '/');
    struct ignore ig = { 0 };
    bool r;

    ignore_add(&ig, rules, strlen(rules), 0);
    r = ignore_match(&ig, path, strlen(path), slash ? (size_t)(slash - path) + 1 : 0, directory);
    ignore_done(&ig);
    return r;
}

static void rules_mean_what_git_says(void)
{
    static const struct {
        const char *rules, *path;
        bool directory, ignored;
    } rows[] = {
        { "*.o", "a.o", false, true },
        { "*.o", "d/a.o", false, true },
        { "build/", "build", true, true },
        { "build/", "build", false, false },
        { "build/", "d/build", true, true },
        { "/build", "build", false, true },
        { "/build", "d/build", false, false },
        { "a/b", "a/b", false, true },
        { "a/b", "d/a/b", false, false },
        { "**/a/b", "d/a/b", false, true },
        { "a/**", "a/b/c", false, true },
        { "a/**", "a", true, false },
        { "a/**/b", "a/b", false, true },
        { "*.o\n!keep.o", "keep.o", false, false },
        { "!keep.o\n*.o", "keep.o", false, true },
        { "# a\n\n*.o", "# a", false, false },
        { "\\#a", "#a", false, true },
        { "\\!a", "!a", false, true },
        { "a  ", "a", false, true },
        { "a\\ ", "a ", false, true },
        { "a\r\nb\r\n", "a", false, true },
        { "{a,b}", "a", false, false },
        { "{a,b}", "{a,b}", false, true },
        { "/", "a", true, false },
        { "!", "a", false, false },
        { "[", "a", false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ignored(rows[i].rules, rows[i].path, rows[i].directory) != rows[i].ignored)
            FAIL("\"%s\" on \"%s\" is not %d", rows[i].rules, rows[i].path, rows[i].ignored);
}

static void folders(const char *names)
{
    char name[256];

    for (const char *p = names; *p; p += strlen(name) + (p[strlen(name)] == ' ')) {
        sscanf(p, "%255[^ ]", name);
        CHECK(!mkdir(at(name), 0755) || errno == EEXIST);
    }
}

/* Paths of the walk below name, with a space behind each. */
static const char *walked(const char *name, struct walk_options options)
{
    static char out[65536];
    struct walk w;
    struct walk_entry e;
    enum walk_step step;
    size_t n = 0;

    CHECK(walk_open(&w, open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC), at(name), &options));
    while ((step = walk_next(&w, &e)) != WALK_END)
        if (step == WALK_ENTRY && n + e.len + 2 < sizeof(out))
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%s ", e.path);
    walk_done(&w);
    out[n] = '\0';
    return out;
}

static const struct walk_options deep = { .depth = 100, .ignore = true };

static void nested_files_win_and_negate(void)
{
    folders("n n/d n/d/e n/build n/.git");
    put_text("n/.gitignore", "*.o\nbuild/\n");
    put_text("n/d/.ignore", "!keep.o\n/e/x\n");
    put_text("n/a.o", "");
    put_text("n/build/b", "");
    put_text("n/d/keep.o", "");
    put_text("n/d/other.o", "");
    put_text("n/d/e/x", "");
    put_text("n/d/e/y", "");
    CHECK_STR(walked("n", deep), "d d/e d/e/y d/keep.o ");
}

static void files_above_count_up_to_the_repository(void)
{
    folders("u u/r u/r/.git u/r/s u/r/s/t");
    put_text("u/.gitignore", "*.far\n");
    put_text("u/r/.gitignore", "*.near\n/s/t/rooted\n");
    put_text("u/r/s/t/a.far", "");
    put_text("u/r/s/t/a.near", "");
    put_text("u/r/s/t/rooted", "");
    put_text("u/r/s/t/z", "");
    CHECK_STR(walked("u/r/s/t", deep), "a.far z ");
    CHECK_STR(walked("u/r/s", deep), "t t/a.far t/z ");
}

static void order_is_by_folder_and_byte(void)
{
    folders("o o/a o/b");
    put_text("o/a/z", "");
    put_text("o/a.b", "");
    put_text("o/a-b", "");
    put_text("o/longer name one", "");
    put_text("o/longer name", "");
    put_text("o/B", "");
    put_text("o/\xc3\xa4", "");
    CHECK_STR(walked("o", deep), "B a a/z a-b a.b b longer name longer name one \xc3\xa4 ");
    CHECK(walk_order("a", 1, "a/z", 3) < 0);
    CHECK(walk_order("a/z", 3, "a-b", 3) < 0);
    CHECK(walk_order("a/z", 3, "a\x01", 2) < 0);
    CHECK(walk_order("a", 1, "a", 1) == 0);
    CHECK(walk_above("a", 1, "a/z", 3));
    CHECK(!walk_above("a", 1, "a.b", 3));
    CHECK(!walk_above("a", 1, "a", 1));
}

static void links_are_never_entered(void)
{
    folders("l l/d");
    CHECK(!symlink("..", at("l/d/up")));
    CHECK(!symlink("d", at("l/link")));
    CHECK(!symlink(".", at("l/self")));
    CHECK_STR(walked("l", deep), "d d/up link self ");
}

static void hidden_names_are_left_out_unless_wanted(void)
{
    struct walk_options all = { .depth = 100, .hidden = true };

    folders("h h/.d");
    put_text("h/.d/x", "");
    put_text("h/.f", "");
    put_text("h/f", "");
    CHECK_STR(walked("h", deep), "f ");
    CHECK_STR(walked("h", all), ".d .d/x .f f ");
}

static void depth_is_bounded(void)
{
    struct walk_options one = { .depth = 1 }, two = { .depth = 2 };
    char path[1024] = "deep";
    struct walk w;
    struct walk_entry e;
    unsigned most = 0;

    folders("p p/a p/a/b p/a/b/c");
    CHECK_STR(walked("p", one), "a ");
    CHECK_STR(walked("p", two), "a a/b ");
    for (int i = 0; i < WALK_DEPTH_MAX + 20; i++) {
        CHECK(!mkdir(at(path), 0755));
        strcat(path, "/d");
    }
    CHECK(walk_open(&w, open(at("deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), at("deep"),
                    &(struct walk_options){ .depth = 1000 }));
    while (walk_next(&w, &e) != WALK_END)
        most = e.depth > most ? e.depth : most;
    CHECK_INT(most, WALK_DEPTH_MAX);
    CHECK(w.cut);
    walk_done(&w);
}

static void proc_is_not_entered_from_outside(void)
{
    struct walk_options two = { .depth = 2 };
    struct walk w;
    struct walk_entry e;
    enum walk_step step;
    bool below = false;

    CHECK(walk_open(&w, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "/", &two));
    while ((step = walk_next(&w, &e)) != WALK_END)
        below |= step == WALK_ENTRY && !strncmp(e.path, "proc/", 5);
    walk_done(&w);
    CHECK(!below);
}

static void rule_files_that_are_none_do_no_harm(void)
{
    folders("w w/.gitignore w/d");
    CHECK(!mkfifo(at("w/d/.gitignore"), 0644));
    put_text("w/d/a", "");
    CHECK_STR(walked("w", deep), "d d/a ");
}

static void rules_are_bounded(void)
{
    struct ignore ig = { 0 };

    for (int i = 0; i < IGNORE_RULES_MAX + 10; i++)
        ignore_add(&ig, "name\n", 5, 0);
    CHECK_INT(ig.count, IGNORE_RULES_MAX);
    ignore_done(&ig);
}

static const struct test tests[] = {
    TEST(rules_mean_what_git_says),
    TEST(nested_files_win_and_negate),
    TEST(files_above_count_up_to_the_repository),
    TEST(order_is_by_folder_and_byte),
    TEST(links_are_never_entered),
    TEST(hidden_names_are_left_out_unless_wanted),
    TEST(depth_is_bounded),
    TEST(proc_is_not_entered_from_outside),
    TEST(rule_files_that_are_none_do_no_harm),
    TEST(rules_are_bounded),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
