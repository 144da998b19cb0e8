#include "backend/backend.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct backend *be;
static struct sandbox *sb;
static struct call call;

static void open_fake(void)
{
    static const struct backend_config config;
    struct err err = { 0 };

    CHECK(!call_init(&call, &err));
    CHECK(!backend_open("fake", &config, &be, &err));
    CHECK(!sandbox_open_default(be, &call, "p", NULL, &sb, &err));
}

static void close_fake(void)
{
    backend_free(be);
    call_done(&call);
}

static void put(const char *text)
{
    AUTO(file_write_result) struct file_write_result res = { 0 };
    struct file_write_request req = {
        .path = "f", .data = text, .len = strlen(text), .permissions = -1
    };
    struct err err = { 0 };

    CHECK(!sandbox_file_write(sb, &call, &req, &res, &err));
}

static void expect(const char *text)
{
    AUTO(file_read_result) struct file_read_result res = { 0 };
    struct file_read_request req = { .path = "f", .bytes = true, .max_bytes = 1 << 20 };
    struct err err = { 0 };

    CHECK(!sandbox_file_read(sb, &call, &req, &res, &err));
    CHECK_STR(buf_str(&res.data), text);
}

static int edit(const struct file_edit *edits, size_t count, bool dry,
                struct file_replace_result *res, struct err *err)
{
    struct file_replace_request req = {
        .path = "f", .edits = edits, .edit_count = count, .dry_run = dry
    };

    return sandbox_file_replace(sb, &call, &req, res, err);
}

static void edits_apply_in_order_and_give_a_diff(void)
{
    static const struct file_edit edits[] = {
        { "two", "2", 1, false },
        { "2\nthree", "2\n3", 1, false },
    };
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    struct err err = { 0 };

    open_fake();
    put("one\ntwo\nthree\n");
    CHECK(!edit(edits, 2, false, &res, &err));
    expect("one\n2\n3\n");
    CHECK_INT(res.replacements, 2);
    CHECK_STR(buf_str(&res.diff),
              "--- /workspace/f\n+++ /workspace/f\n@@ -1,3 +1,3 @@\n one\n-two\n"
              "-three\n+2\n+3\n");
    close_fake();
}

static void one_failing_edit_undoes_all(void)
{
    static const struct file_edit edits[] = { { "one", "1", 1, false }, { "nope", "x", 1, false } };
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    struct err err = { 0 };

    open_fake();
    put("one\n");
    CHECK(edit(edits, 2, false, &res, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_HAS(err.msg, "edits[1].old");
    expect("one\n");
    close_fake();
}

static void a_wrong_count_says_how_many_there_are(void)
{
    static const struct file_edit once = { "a", "b", 1, false }, all = { "a", "b", 0, false };
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    struct err err = { 0 };

    open_fake();
    put("a a a");
    CHECK(edit(&once, 1, false, &res, &err));
    CHECK_INT(err.code, ERR_CONFLICT);
    CHECK_HAS(err.msg, "3 times");
    expect("a a a");
    CHECK(!edit(&all, 1, false, &res, &err));
    expect("b b b");
    close_fake();
}

static void a_dry_run_writes_nothing(void)
{
    static const struct file_edit e = { "a", "b", 1, false };
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    struct err err = { 0 };

    open_fake();
    put("a");
    CHECK(!edit(&e, 1, true, &res, &err));
    CHECK_HAS(buf_str(&res.diff), "+b\n\\ No newline at end of file\n");
    expect("a");
    close_fake();
}

static void a_near_miss_is_shown(void)
{
    static const struct {
        const char *file, *old, *says;
    } cases[] = {
        { "int main(void)\n{\n\treturn 0;\n}\n", "    return 0;",
          "line 3, which differs in spaces" },
        { "int Main(void)\n", "int main(void)", "line 1, which differs in case" },
        { "value = compute_total(a, b)\n", "value = compute_totals(a, b)",
          "line 1, which differs" },
        { "a line\r\nb line\r\n", "a line\nb line", "CR LF" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct file_edit e = { cases[i].old, "x", 1, false };
        AUTO(file_replace_result) struct file_replace_result res = { 0 };
        struct err err = { 0 };
        open_fake();
        put(cases[i].file);
        CHECK(edit(&e, 1, false, &res, &err));
        CHECK_HAS(err.msg, cases[i].says);
        close_fake();
    }
}

static void regexes_replace_with_groups(void)
{
    static const struct file_edit e = { "(\\w+)=(\\d+)", "$2=$1", 0, true },
                                  bad = { "(", "", 1, true }, slow = { "(a+)+$", "b", 1, true };
    AUTO(file_replace_result) struct file_replace_result res = { 0 };
    struct err err = { 0 };

    open_fake();
    put("x=1\ny=22\n");
    CHECK(!edit(&e, 1, false, &res, &err));
    expect("1=x\n22=y\n");
    CHECK(edit(&bad, 1, false, &res, &err));
    CHECK_INT(err.code, ERR_INVALID);
    put("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    CHECK(edit(&slow, 1, false, &res, &err));
    expect("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    close_fake();
}

static const struct test tests[] = {
    TEST(edits_apply_in_order_and_give_a_diff),
    TEST(one_failing_edit_undoes_all),
    TEST(a_wrong_count_says_how_many_there_are),
    TEST(a_dry_run_writes_nothing),
    TEST(a_near_miss_is_shown),
    TEST(regexes_replace_with_groups),
};

TEST_MAIN(tests)
