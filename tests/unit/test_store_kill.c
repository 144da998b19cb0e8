#include "tests/unit/kill_at.h"
#include "tests/unit/store_fixture.h"

#include <sys/stat.h>

/* What happens to the directory of one sandbox; run in a child that is killed on its way. */
static void create_and_exit(const char *name)
{
    struct state_dir d;

    _exit(state_create(&state, "me", name, (uid_t)-1, (gid_t)-1, &d, NULL) ? 2 : 0);
}

static void touch_and_exit(const char *name)
{
    struct state_dir d;

    if (state_find(&state, "me", name, &d, NULL) || d.dir_fd < 0)
        _exit(2);
    _exit(state_touch(&d, "me", name, false, NULL) ? 2 : 0);
}

static void remove_and_exit(const char *name)
{
    struct state_dir d;

    if (state_find(&state, "me", name, &d, NULL) || d.dir_fd < 0)
        _exit(2);
    state_remove(&state, &d);
    _exit(0);
}

/* After a new start: there and whole, or not there at all. */
static bool whole_or_gone(const char *name)
{
    struct state_dir d;
    struct stat st;
    bool there;

    open_state();
    CHECK(!state_find(&state, "me", name, &d, NULL));
    there = d.dir_fd >= 0;
    if (there) {
        CHECK(!fstatat(d.dir_fd, "workspace/ws", &st, 0));
        CHECK(st.st_uid == d.uid && S_ISDIR(st.st_mode));
        CHECK(!fstatat(d.dir_fd, "workspace/home", &st, 0));
    }
    state_dir_done(&d);
    return there;
}

static bool quarantined(void)
{
    return !faccessat(state.root_fd, "quarantine", F_OK, 0);
}

static void a_kill_at_any_system_call_of_a_create_leaves_all_or_nothing(void)
{
    bool there = false;
    unsigned n;

    fresh();
    for (n = 1; killed_at(n, create_and_exit, "x") && !there; n++)
        there = whole_or_gone("x");
    CHECK(n > 30);
    CHECK(whole_or_gone("x"));
    CHECK(!quarantined());
}

static void a_kill_at_any_system_call_of_a_write_leaves_the_old_or_the_new(void)
{
    struct state_dir d;
    unsigned n;

    fresh();
    d = create("me", "x");
    state_dir_done(&d);
    for (n = 1; killed_at(n, touch_and_exit, "x"); n++)
        CHECK(whole_or_gone("x"));
    CHECK(n > 10);
    CHECK(!quarantined());
}

static void a_kill_at_any_system_call_of_a_remove_leaves_all_or_nothing(void)
{
    unsigned n = 1;

    fresh();
    for (bool there = false;; n++) {
        struct state_dir d;
        if (!there) {
            d = create("me", "x");
            state_dir_done(&d);
        }
        if (!killed_at(n, remove_and_exit, "x"))
            break;
        there = whole_or_gone("x");
    }
    CHECK(n > 30);
    CHECK(!whole_or_gone("x"));
    CHECK(tree_empty(state.root_fd, "sandbox"));
    CHECK(!quarantined());
}

static const struct test tests[] = {
    TEST(a_kill_at_any_system_call_of_a_create_leaves_all_or_nothing),
    TEST(a_kill_at_any_system_call_of_a_write_leaves_the_old_or_the_new),
    TEST(a_kill_at_any_system_call_of_a_remove_leaves_all_or_nothing),
    TEST(the_end),
};

TEST_MAIN(tests)
