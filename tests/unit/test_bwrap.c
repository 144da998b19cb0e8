#include "backend/local/bwrap.h"
#include "backend/local/local.h"
#include "backend/local/protect.h"
#include "backend/local/tree.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct strings pinned, readonly_paths;

static const struct bwrap_mount mounts[] = {
    { .source = "/srv/project",
      .target = "/workspace",
      .pinned = &pinned,
      .readonly_paths = &readonly_paths },
    { .source = "/srv/project",
      .target = "/srv/project",
      .pinned = &pinned,
      .readonly_paths = &readonly_paths },
    { .source = "/opt/data", .target = "/opt/data", .readonly = true, .pinned = &pinned },
};
static const struct bwrap_file files[] = { { "/etc/passwd", 21 }, { "/etc/group", 22 } };
static const struct bwrap_spec spec = {
    .library = "/var/lib/s/lib",
    .home = "/var/lib/s/home",
    .mounts = mounts,
    .mount_count = COUNT_OF(mounts),
    .workdir = "/workspace",
    .tmp_mb = 64,
    .shm_mb = 16,
    .files = files,
    .file_count = COUNT_OF(files),
    .seccomp_fd = 20,
};

/* The arguments on one line, each with a space behind it. */
static const char *text(void)
{
    static struct buf out;

    buf_done(&out);
    out = BUF_MAX(65536);
    strings_done(&pinned);
    strings_done(&readonly_paths);
    CHECK(!strings_add(&pinned, ".git", 4, NULL));
    CHECK(!strings_add(&readonly_paths, ".git/hooks", 10, NULL));
    CHECK(!bwrap_args(&spec, &out, NULL));
    for (size_t i = 0; i < out.len; i++)
        if (!out.data[i])
            out.data[i] = ' ';
    return out.data;
}

static size_t count(const char *in, const char *what)
{
    size_t n = 0;

    for (const char *p = in; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void in_order(const char *in, const char *const *parts, size_t n)
{
    const char *at = in;

    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at, parts[i]);
        if (!found)
            FAIL("\"%s\" is missing, or comes too early", parts[i]);
        at = found + strlen(parts[i]);
    }
}

static void every_layer_is_asked_for(void)
{
    static const char *const flags[] = {
        "--unshare-all ",     "--unshare-user ",     "--die-with-parent ",  "--new-session ",
        "--as-pid-1 ",        "--cap-drop ALL ",     "--clearenv ",         "--seccomp 20 ",
        "--uid 1000 ",        "--gid 1000 ",         "--hostname sandbox ", "--remount-ro / ",
        "--remount-ro /dev ", "--chdir /workspace ",
    };

    for (size_t i = 0; i < COUNT_OF(flags); i++)
        CHECK_HAS(text(), flags[i]);
}

static void a_descriptor_is_read_once(void)
{
    CHECK_INT(count(text(), " 20 "), 1);
    CHECK_INT(count(text(), " 21 "), 1);
    CHECK_INT(count(text(), " 22 "), 1);
    CHECK_HAS(text(), "--perms 0444 --file 21 /etc/passwd ");
}

static void never_all_of_etc_and_nothing_of_the_root(void)
{
    CHECK_INT(count(text(), "bind /etc "), 0);
    CHECK_INT(count(text(), "bind / "), 0);
    CHECK_INT(count(text(), "/etc/shadow"), 0);
    CHECK_INT(count(text(), "--bind /usr"), 0);
    CHECK_HAS(text(), "--ro-bind /usr /usr ");
}

static void tmpfs_has_a_size(void)
{
    CHECK_HAS(text(), "--perms 1777 --size 67108864 --tmpfs /tmp ");
    CHECK_HAS(text(), "--perms 1777 --size 16777216 --tmpfs /dev/shm ");
    CHECK_INT(count(text(), "--tmpfs "), 2);
}

static void what_proc_tells_about_the_host_is_masked(void)
{
    static const char *const names[] = { "cmdline", "kallsyms", "timer_list", "keys" };
    char path[64], want[128];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "/proc/%s", names[i]);
        snprintf(want, sizeof(want), "--ro-bind /dev/null %s ", path);
        if (!access(path, F_OK))
            CHECK_HAS(text(), want);
    }
}

static void protected_paths_cannot_be_renamed_away(void)
{
    static const char *const parts[] = {
        "--bind /srv/project /workspace ",
        "--bind /srv/project/.git /workspace/.git ",
        "--ro-bind /srv/project/.git/hooks /workspace/.git/hooks ",
        "--bind /srv/project /srv/project ",
        "--bind /srv/project/.git /srv/project/.git ",
        "--ro-bind /srv/project/.git/hooks /srv/project/.git/hooks ",
        "--remount-ro / ",
    };

    in_order(text(), parts, COUNT_OF(parts));
}

static void read_only_mounts_need_no_protection(void)
{
    CHECK_HAS(text(), "--ro-bind /opt/data /opt/data ");
    CHECK_INT(count(text(), "/opt/data/.git"), 0);
    CHECK_INT(count(text(), "--bind /opt"), 0);
}

static void parents_of_mounts_can_be_entered(void)
{
    CHECK_HAS(text(), "--perms 0755 --dir /srv --bind /srv/project /srv/project ");
}

static bool has(const struct strings *s, const char *what)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i], what))
            return true;
    return false;
}

static bool mentions(const struct strings *s, const char *what)
{
    for (size_t i = 0; i < s->count; i++)
        if (strstr(s->items[i], what))
            return true;
    return false;
}

static void protection_follows_what_exists(void)
{
    char dir[] = "/tmp/test-bwrap-XXXXXX";
    AUTO(strings) struct strings pin = { 0 }, ro = { 0 }, degraded = { 0 };
    struct placeholders held = { 0 };
    int fd;

    CHECK(mkdtemp(dir));
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(!mkdirat(fd, ".git", 0755) && !mkdirat(fd, ".git/hooks", 0755));
    CHECK(!mkdirat(fd, ".git/modules", 0755) && !mkdirat(fd, ".git/modules/sub", 0755));
    CHECK(!mkdirat(fd, ".git/modules/sub/hooks", 0755));
    CHECK(!mkdirat(fd, ".venv", 0755) && !mkdirat(fd, ".venv/bin", 0755));
    CHECK(!symlinkat("/etc", fd, ".vscode"));
    close(openat(fd, ".envrc", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    CHECK(!protect_find(dir, &held, &pin, &ro, &degraded, NULL));
    CHECK(has(&pin, ".git") && has(&pin, ".venv") && has(&pin, ".git/modules/sub"));
    CHECK_INT(pin.count, 4);
    CHECK(has(&ro, ".git/hooks") && has(&ro, ".venv/bin") && has(&ro, ".envrc"));
    CHECK(has(&ro, ".git/modules/sub/hooks"));
    CHECK(has(&ro, ".git/config") && has(&ro, ".git/commondir"));
    CHECK(has(&ro, ".git/modules/sub/commondir") && has(&ro, ".git/config.worktree"));
    CHECK_INT(ro.count, 10);
    CHECK_INT(held.count, 6);
    CHECK(mentions(&degraded, ".vscode is a symbolic link"));
    CHECK(mentions(&degraded, ".mcp.json"));
    placeholders_remove(&held);
    CHECK(faccessat(fd, ".git/commondir", F_OK, 0) && faccessat(fd, ".git/config", F_OK, 0));
    CHECK(!faccessat(fd, ".git/hooks", F_OK, 0));
    close(fd);
    fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    tree_remove(fd, dir + 5);
    close(fd);
}

static void repositories_further_down_are_found(void)
{
    char dir[] = "/tmp/test-bwrap-XXXXXX";
    AUTO(strings) struct strings pin = { 0 }, ro = { 0 }, degraded = { 0 };
    struct placeholders held = { 0 };
    int fd;

    CHECK(mkdtemp(dir));
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(!mkdirat(fd, "a", 0755) && !mkdirat(fd, "a/b", 0755) && !mkdirat(fd, "a/b/.git", 0755));
    CHECK(!mkdirat(fd, "c", 0755));
    close(openat(fd, "c/.git", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    CHECK(!protect_find(dir, &held, &pin, &ro, &degraded, NULL));
    CHECK(has(&ro, "a/b/.git/hooks") && has(&ro, "a/b/.git/commondir") && has(&ro, "c/.git"));
    CHECK(has(&pin, "a") && has(&pin, "a/b") && has(&pin, "a/b/.git") && has(&pin, "c"));
    CHECK_INT(held.count, 4);
    placeholders_remove(&held);
    CHECK(faccessat(fd, "a/b/.git/hooks", F_OK, 0));
    close(fd);
    fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    tree_remove(fd, dir + 5);
    close(fd);
}

static void the_last_one_removes_a_placeholder(void)
{
    char dir[] = "/tmp/test-bwrap-XXXXXX";
    struct placeholders first = { 0 }, second = { 0 }, third = { 0 };
    int fd;

    CHECK(mkdtemp(dir));
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CHECK(!mkdirat(fd, ".git", 0755));
    CHECK(!placeholders_make(&first, fd, ".git", NULL));
    CHECK(!placeholders_make(&second, fd, ".git", NULL));
    placeholders_remove(&first);
    CHECK(!faccessat(fd, ".git/commondir", F_OK, 0) && !faccessat(fd, ".git/config", F_OK, 0));
    placeholders_remove(&second);
    CHECK(faccessat(fd, ".git/commondir", F_OK, 0));
    CHECK(!placeholders_make(&third, fd, ".git", NULL));
    CHECK(!unlinkat(fd, ".git/config", 0));
    close(openat(fd, ".git/config", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    placeholders_remove(&third);
    CHECK(!faccessat(fd, ".git/config", F_OK, 0));
    close(fd);
    fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    tree_remove(fd, dir + 5);
    close(fd);
}

static void a_worktree_pointer_is_protected_itself(void)
{
    char dir[] = "/tmp/test-bwrap-XXXXXX";
    AUTO(strings) struct strings pin = { 0 }, ro = { 0 }, degraded = { 0 };
    struct placeholders held = { 0 };
    int fd;

    CHECK(mkdtemp(dir));
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    close(openat(fd, ".git", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    CHECK(!protect_find(dir, &held, &pin, &ro, &degraded, NULL));
    CHECK(has(&ro, ".git"));
    CHECK_INT(ro.count, 1);
    CHECK_INT(pin.count, 0);
    close(fd);
    fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    tree_remove(fd, dir + 5);
    close(fd);
}

static void system_directories_are_not_bound_at_their_own_path(void)
{
    static const char *const taken[] = { "/",        "/proc", "/proc/1",    "/sys/fs",
                                         "/dev/shm", "/etc",  "/workspace", "/workspace/a/b",
                                         "/tmp",     "/home" };
    static const char *const fine[] = { "/srv/x", "/home/u1/project", "/tmp/x", "/etcetera",
                                        "/proc2" };

    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (local_path_free(taken[i]))
            FAIL("%s", taken[i]);
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (!local_path_free(fine[i]))
            FAIL("%s", fine[i]);
}

static const struct test tests[] = {
    TEST(repositories_further_down_are_found),
    TEST(the_last_one_removes_a_placeholder),
    TEST(every_layer_is_asked_for),
    TEST(a_descriptor_is_read_once),
    TEST(never_all_of_etc_and_nothing_of_the_root),
    TEST(tmpfs_has_a_size),
    TEST(what_proc_tells_about_the_host_is_masked),
    TEST(protected_paths_cannot_be_renamed_away),
    TEST(read_only_mounts_need_no_protection),
    TEST(parents_of_mounts_can_be_entered),
    TEST(protection_follows_what_exists),
    TEST(a_worktree_pointer_is_protected_itself),
    TEST(system_directories_are_not_bound_at_their_own_path),
};

TEST_MAIN(tests)
