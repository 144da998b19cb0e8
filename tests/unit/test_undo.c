#include "backend/undo.h"
#include "base/id.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static const struct undo_limits small = { .steps = 3, .files = 2, .bytes = 40, .all = 60 };

static struct undo *u;
static struct call call;

static struct undo_writer *begin(const char *box, const char *path)
{
    static struct undo_writer writers[4];
    static unsigned next;
    struct undo_writer *w = &writers[next++ % 4];

    *w = (struct undo_writer){ .sandbox = box, .path = path };
    undo_begin(u, w, &call);
    return w;
}

/* A write of f: from what it held (NULL: there was none) to what it holds. */
static void push_of(struct undo_writer *w, const char *path, const char *from, const char *to,
                    unsigned from_mode, unsigned mode)
{
    AUTO(file_write_result) struct file_write_result res = { .path = strdup(path), .mode = mode };
    struct err err = { 0 };

    sha256_hex(to, strlen(to), res.sha256);
    res.old.kind = from ? OLD_CONTENT : OLD_NONE;
    res.old.mode = from_mode;
    res.old.data = BUF_MAX(1000);
    if (from)
        CHECK(!buf_adds(&res.old.data, from, &err));
    undo_push(u, w, &res);
}

static void write_of(const char *box, const char *path, const char *from, const char *to)
{
    push_of(begin(box, path), path, from, to, 0644, 0644);
}

static void append_of(const char *path, const char *from, const char *to)
{
    AUTO(file_write_result) struct file_write_result res = { .path = strdup(path), .mode = 0644 };

    sha256_hex(to, strlen(to), res.sha256);
    res.old = (struct file_old){ .kind = OLD_LENGTH, .mode = 0644, .size = (int64_t)strlen(from) };
    sha256_hex(from, strlen(from), res.old.sha256);
    undo_push(u, begin("s", "x"), &res);
}

static unsigned depth(const char *path, const char *now)
{
    char hex[65];

    sha256_hex(now, strlen(now), hex);
    return undo_depth(u, "s", path, hex);
}

/* Undoes, and checks what comes out; "" with how UNDO_REMOVE. */
static void undone(const char *path, const char *now, int64_t steps, enum undo_how how,
                   const char *want)
{
    AUTO(undo_plan) struct undo_plan plan = { 0 };
    struct err err = { 0 };
    char hex[65], got[100] = "";

    sha256_hex(now, strlen(now), hex);
    CHECK(!undo_plan(u, "s", path, hex, steps, &plan, &err));
    CHECK_INT(plan.how, how);
    if (how != UNDO_REMOVE)
        snprintf(got, sizeof(got), "%.*s", (int)plan.len, how == UNDO_CUT ? now : plan.data);
    CHECK_STR(got, want);
    undo_commit(u, "s", path, &plan);
}

static enum err_code refused(const char *path, const char *now, int64_t steps)
{
    AUTO(undo_plan) struct undo_plan plan = { 0 };
    struct err err = { 0 };
    char hex[65];

    sha256_hex(now, strlen(now), hex);
    CHECK(undo_plan(u, "s", path, hex, steps, &plan, &err));
    return err.code;
}

static void open_undo(const struct undo_limits *limits)
{
    static bool made;
    struct err err = { 0 };

    CHECK(made || !call_init(&call, &err));
    made = true;
    u = undo_new(limits);
    CHECK(u);
}

static void steps_go_back_one_by_one_or_several_at_once(void)
{
    open_undo(&undo_default_limits);
    write_of("s", "/f", NULL, "a");
    write_of("s", "/f", "a", "b");
    append_of("/f", "b", "bc");
    append_of("/f", "bc", "bcd");
    CHECK_INT(depth("/f", "bcd"), 4);
    undone("/f", "bcd", 1, UNDO_CUT, "bc");
    CHECK_INT(depth("/f", "bc"), 3);
    undone("/f", "bc", 2, UNDO_CONTENT, "a");
    undone("/f", "a", 1, UNDO_REMOVE, "");
    CHECK_INT(refused("/f", "a", 1), ERR_NOT_FOUND);
    undo_free(u);
}

static void content_is_cut_when_an_append_is_below_it(void)
{
    open_undo(&undo_default_limits);
    append_of("/f", "ab", "abcd");
    write_of("s", "/f", "abcd", "x");
    undone("/f", "x", 2, UNDO_CONTENT, "ab");
    undo_free(u);
}

static void what_something_else_changed_is_not_undone(void)
{
    open_undo(&undo_default_limits);
    write_of("s", "/f", "a", "b");
    CHECK_INT(refused("/f", "other", 1), ERR_CONFLICT);
    write_of("s", "/f", "other", "c");
    CHECK_INT(depth("/f", "c"), 1);
    CHECK_INT(refused("/f", "c", 2), ERR_CONFLICT);
    undone("/f", "c", 1, UNDO_CONTENT, "other");
    CHECK_INT(refused("/f", "other", 1), ERR_CONFLICT);
    undo_free(u);
}

static void the_mode_goes_back_only_when_a_write_changed_it(void)
{
    AUTO(undo_plan) struct undo_plan plan = { 0 };
    struct err err = { 0 };
    char hex[65];

    open_undo(&undo_default_limits);
    push_of(begin("s", "/f"), "/f", "a", "b", 0644, 0755);
    push_of(begin("s", "/f"), "/f", "b", "c", 0755, 0755);
    sha256_hex("c", 1, hex);
    CHECK(!undo_plan(u, "s", "/f", hex, 1, &plan, &err));
    CHECK_INT(plan.permissions, -1);
    undo_plan_done(&plan);
    plan = (struct undo_plan){ 0 };
    CHECK(!undo_plan(u, "s", "/f", hex, 2, &plan, &err));
    CHECK_INT(plan.permissions, 0644);
    undo_plan_done(&plan);
    undo_free(u);
}

static void writes_that_overtake_each_other_are_put_in_order(void)
{
    struct undo_writer *one, *two;

    open_undo(&undo_default_limits);
    write_of("s", "/f", "0", "a");
    one = begin("s", "one");
    two = begin("s", "two");
    push_of(two, "/f", "b", "c", 0644, 0644);
    push_of(one, "/f", "a", "b", 0644, 0644);
    CHECK_INT(depth("/f", "c"), 3);
    undone("/f", "c", 3, UNDO_CONTENT, "0");
    one = begin("s", "one");
    two = begin("s", "two");
    push_of(two, "/g", "a", "b", 0644, 0644);
    push_of(one, "/g", NULL, "a", 0644, 0644);
    undone("/g", "b", 2, UNDO_REMOVE, "");
    undo_free(u);
}

static void *write_later(void *path)
{
    struct undo_writer w = { .sandbox = "s", .path = path };

    undo_begin(u, &w, &call);
    undo_abandon(u, &w);
    return (void *)(size_t)w.begun;
}

static void writes_to_one_path_wait_for_each_other(void)
{
    struct undo_writer *first;
    pthread_t same, other;
    void *a, *b;

    open_undo(&undo_default_limits);
    first = begin("s", "/f");
    CHECK(!pthread_create(&same, NULL, write_later, (void *)(size_t) "/f"));
    CHECK(!pthread_create(&other, NULL, write_later, (void *)(size_t) "/g"));
    pthread_join(other, &b);
    usleep(100000);
    undo_abandon(u, first);
    pthread_join(same, &a);
    CHECK((size_t)a > (size_t)b);
    undo_free(u);
}

static void a_call_that_is_over_does_not_wait(void)
{
    struct undo_writer again = { .sandbox = "s", .path = "/f" };
    struct call over;
    struct err err = { 0 };

    open_undo(&undo_default_limits);
    CHECK(!call_init(&over, &err));
    CHECK(call_end(&over, CALL_CANCELLED));
    begin("s", "/f");
    undo_begin(u, &again, &over);
    undo_abandon(u, &again);
    call_done(&over);
    undo_free(u);
}

static void bounds_push_out_the_oldest(void)
{
    open_undo(&small);
    write_of("s", "/f", NULL, "1");
    write_of("s", "/f", "1", "2");
    write_of("s", "/f", "2", "3");
    CHECK(!undo_dropped(u, "s", "/f"));
    write_of("s", "/f", "3", "4");
    CHECK_INT(depth("/f", "4"), 3);
    CHECK(undo_dropped(u, "s", "/f"));
    write_of("s", "/g", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x");
    CHECK_INT(depth("/f", "4"), 1);
    CHECK_INT(depth("/g", "x"), 1);
    write_of("s", "/h", "1", "2");
    CHECK_INT(depth("/f", "4"), 0);
    CHECK_INT(refused("/f", "4", 1), ERR_NOT_FOUND);
    undo_free(u);
}

static void sandboxes_share_what_there_is_and_nothing_else(void)
{
    open_undo(&small);
    write_of("s", "/f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x");
    write_of("t", "/f", "b", "x");
    CHECK_INT(depth("/f", "x"), 1);
    undo_forget(u, "t");
    CHECK_INT(depth("/f", "x"), 1);
    write_of("t", "/f", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "x");
    CHECK_INT(depth("/f", "x"), 0);
    undo_free(u);
}

static void what_was_not_kept_ends_the_stack(void)
{
    AUTO(file_write_result) struct file_write_result res = { .path = strdup("/f") };
    struct err err = { 0 };

    open_undo(&small);
    write_of("s", "/f", "a", "b");
    sha256_hex("c", 1, res.sha256);
    undo_push(u, begin("s", "x"), &res);
    CHECK_INT(refused("/f", "c", 1), ERR_NOT_FOUND);
    write_of("s", "/f", "c", "d");
    CHECK_INT(depth("/f", "d"), 1);
    res.old = (struct file_old){ .kind = OLD_CONTENT, .data = BUF_MAX(100) };
    CHECK(!buf_adds(&res.old.data, "much more than a sandbox may keep in all, which is 40", &err));
    undo_push(u, begin("s", "x"), &res);
    CHECK_INT(refused("/f", "c", 1), ERR_NOT_FOUND);
    res.sha256[0] = '\0';
    res.old.kind = OLD_NONE;
    undo_push(u, begin("s", "x"), &res);
    CHECK_INT(refused("/f", "c", 1), ERR_NOT_FOUND);
    undo_free(u);
}

static const struct test tests[] = {
    TEST(steps_go_back_one_by_one_or_several_at_once),
    TEST(content_is_cut_when_an_append_is_below_it),
    TEST(what_something_else_changed_is_not_undone),
    TEST(the_mode_goes_back_only_when_a_write_changed_it),
    TEST(writes_that_overtake_each_other_are_put_in_order),
    TEST(writes_to_one_path_wait_for_each_other),
    TEST(a_call_that_is_over_does_not_wait),
    TEST(bounds_push_out_the_oldest),
    TEST(sandboxes_share_what_there_is_and_nothing_else),
    TEST(what_was_not_kept_ends_the_stack),
};

TEST_MAIN(tests)
