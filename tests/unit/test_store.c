#include "backend/local/meta.h"
#include "base/clock.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static bool exists(const char *prefix, const char *id)
{
    char path[256];

    snprintf(path, sizeof(path), "%s%s", prefix, id);
    return !faccessat(state.sandboxes_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static mode_t mode_of(int dir, const char *name)
{
    struct stat st;

    CHECK(!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW));
    return st.st_mode & 07777;
}

static void a_new_sandbox_lies_below_a_directory_it_does_not_own(void)
{
    struct state_dir d;
    struct stat st;

    umask(077);
    fresh();
    d = create("me", NULL);
    umask(022);
    CHECK(!fstatat(d.dir_fd, "workspace", &st, 0));
    CHECK_INT(st.st_uid, geteuid());
    CHECK_INT(st.st_mode & 07777, geteuid() ? 0700 : 0710);
    CHECK(geteuid() || st.st_gid == d.gid);
    CHECK(!fstatat(d.dir_fd, "workspace/ws", &st, 0));
    CHECK_INT(st.st_uid, d.uid);
    CHECK_INT(st.st_mode & 07777, 0755);
    CHECK_INT(mode_of(d.dir_fd, "jobs"), 0700);
    CHECK_INT(mode_of(d.dir_fd, "meta.json"), 0600);
    CHECK_INT(mode_of(d.dir_fd, "lock"), 0600);
    CHECK(geteuid() || (d.uid >= STATE_UID_BASE && d.uid < STATE_UID_BASE + STATE_UID_COUNT));
    state_dir_done(&d);
}

static void sandboxes_of_root_have_different_users(void)
{
    struct state_dir a, b;

    if (geteuid())
        SKIP("only as root");
    fresh();
    a = create("me", "a");
    b = create("me", "b");
    CHECK(a.uid != b.uid);
    state_dir_done(&a);
    state_dir_done(&b);
}

static void a_named_one_is_found_again_by_its_owner_only(void)
{
    struct state_dir d, again;
    char id[36];

    fresh();
    d = create("me", "x");
    memcpy(id, d.id, sizeof(id));
    state_dir_done(&d);
    CHECK(!state_find(&state, "me", "x", &again, NULL));
    CHECK_STR(again.id, id);
    CHECK(again.dir_fd >= 0 && again.jobs_fd >= 0);
    state_dir_done(&again);
    CHECK(!state_find(&state, "you", "x", &again, NULL));
    CHECK_INT(again.dir_fd, -1);
    CHECK(!state_find(&state, "me", "y", &again, NULL));
    CHECK_INT(again.dir_fd, -1);
    CHECK(!state_find(&state, "me", NULL, &again, NULL));
    CHECK_INT(again.dir_fd, -1);
}

static void two_servers_never_share_one(void)
{
    struct state_dir d, second;
    struct err err = { 0 };

    fresh();
    d = create("me", "x");
    CHECK(state_find(&state, "me", "x", &second, &err));
    CHECK_INT(err.code, ERR_BUSY);
    CHECK(err.next[0]);
    state_dir_done(&d);
    CHECK(!state_find(&state, "me", "x", &second, NULL));
    state_dir_done(&second);
}

static void a_start_clears_up_after_a_crash(void)
{
    struct state_dir d, locked;
    struct meta m = { 0 };

    fresh();
    d = create("me", "crashed");
    locked = create("me", "in use");
    CHECK(!mkdirat(state.sandboxes_fd, ".dead-sb_x", 0700));
    CHECK(!mkdirat(state.sandboxes_fd, ".dead-sb_x/deep", 0700));
    CHECK(!mkdirat(state.sandboxes_fd, ".new-sb_y", 0700));
    close(openat(state.sandboxes_fd, ".new-sb_y/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK(!mkdirat(state.sandboxes_fd, ".new-sb_z", 0700));
    fd_close(&d.lock_fd);
    open_state();
    CHECK(!exists("", ".dead-sb_x"));
    CHECK(!exists("", ".new-sb_y"));
    CHECK(exists("", ".new-sb_z"));
    CHECK(!meta_read(d.dir_fd, &m, NULL));
    CHECK(!m.running);
    meta_done(&m);
    CHECK(!meta_read(locked.dir_fd, &m, NULL));
    CHECK(m.running);
    meta_done(&m);
    state_dir_done(&d);
    state_dir_done(&locked);
}

static void what_is_not_understood_is_put_aside_not_deleted(void)
{
    static const char *const texts[] = { "", "{", "[]", "{\"schema\":2}",
                                         "{\"schema\":1,\"owner\":\"x\",\"state\":\"stopped\"}" };
    char path[256];

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct state_dir d;
        int fd;
        fresh();
        d = create("me", "x");
        fd = openat(d.dir_fd, "meta.json", O_WRONLY | O_TRUNC | O_CLOEXEC);
        CHECK(write(fd, texts[i], strlen(texts[i])) == (ssize_t)strlen(texts[i]));
        close(fd);
        close(openat(d.dir_fd, "workspace/ws/work", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        snprintf(path, sizeof(path), "%s/v1/quarantine/%s/workspace/ws/work", root, d.id);
        state_dir_done(&d);
        open_state();
        if (access(path, F_OK))
            FAIL("%s is gone", path);
    }
}

static void an_expired_one_goes_and_an_used_one_stays(void)
{
    struct state_dir d;
    struct meta m = { 0 };
    char id[36];

    fresh();
    d = create("me", "old");
    memcpy(id, d.id, sizeof(id));
    CHECK(!meta_read(d.dir_fd, &m, NULL));
    CHECK(m.expires_ms > clock_wall_ms() + STATE_KEEP_MS - 60000);
    m.expires_ms = clock_wall_ms() - 1;
    CHECK(!meta_write(d.dir_fd, id, &m, NULL));
    meta_done(&m);
    open_state();
    CHECK(exists("", id));
    CHECK(!state_touch(&d, "me", "old", false, NULL));
    state_dir_done(&d);
    open_state();
    CHECK(exists("", id));
    CHECK(!state_find(&state, "me", "old", &d, NULL));
    CHECK(!meta_read(d.dir_fd, &m, NULL));
    m.expires_ms = clock_wall_ms() - 1;
    CHECK(!meta_write(d.dir_fd, id, &m, NULL));
    meta_done(&m);
    state_dir_done(&d);
    open_state();
    CHECK(!exists("", id));
}

static void removing_follows_no_link_and_reaches_any_depth(void)
{
    struct state_dir d;
    char id[36], kept[96];
    int at;

    fresh();
    d = create("me", "x");
    memcpy(id, d.id, sizeof(id));
    snprintf(kept, sizeof(kept), "%s/kept", root);
    CHECK(!mkdir(kept, 0755));
    close(openat(state.root_fd, "../kept/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK(!symlinkat(kept, d.dir_fd, "workspace/ws/link"));
    at = openat(d.dir_fd, "workspace/ws", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 500; i++) {
        int next;
        CHECK(!mkdirat(at, "d", 0700));
        next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    CHECK(!fchmod(at, 0));
    close(at);
    state_remove(&state, &d);
    CHECK(!exists("", id));
    CHECK(!exists(".dead-", id));
    CHECK(!faccessat(state.root_fd, "../kept/file", F_OK, 0));
}

static void an_untouched_workspace_counts_as_unused(void)
{
    struct state_dir d;

    fresh();
    d = create("me", NULL);
    CHECK(state_unused(&d));
    close(openat(d.dir_fd, "workspace/ws/.x", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    CHECK(!state_unused(&d));
    state_dir_done(&d);
}

static void a_closed_parent_is_refused_with_a_way_out(void)
{
    struct state other;
    struct err err = { 0 };
    char path[96];

    if (geteuid())
        SKIP("only as root");
    fresh();
    snprintf(path, sizeof(path), "%s/closed", root);
    CHECK(!mkdir(path, 0700));
    snprintf(path, sizeof(path), "%s/closed/state", root);
    CHECK(state_open(path, &other, &err));
    CHECK_INT(err.code, ERR_ISOLATION);
    CHECK_HAS(err.msg, "closed");
    CHECK_HAS(err.next, "--state-dir");
}

static const struct test tests[] = {
    TEST(a_new_sandbox_lies_below_a_directory_it_does_not_own),
    TEST(sandboxes_of_root_have_different_users),
    TEST(a_named_one_is_found_again_by_its_owner_only),
    TEST(two_servers_never_share_one),
    TEST(a_start_clears_up_after_a_crash),
    TEST(what_is_not_understood_is_put_aside_not_deleted),
    TEST(an_expired_one_goes_and_an_used_one_stays),
    TEST(removing_follows_no_link_and_reaches_any_depth),
    TEST(an_untouched_workspace_counts_as_unused),
    TEST(a_closed_parent_is_refused_with_a_way_out),
    TEST(the_end),
};

TEST_MAIN(tests)
