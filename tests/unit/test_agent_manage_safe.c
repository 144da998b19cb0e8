#include "backend/agent/file_report.h"
#include "tests/unit/agent_manage.h"

#include <sched.h>
#include <sys/mount.h>

#define LEVELS 10000
#define MANY 20000

/* A folder in a folder in a folder ..., a file in the last. */
static void make_deep(const char *name, int levels)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;

    for (int i = 0; i < levels; i++) {
        const char *part = i ? "d" : name;
        CHECK(!mkdirat(fd, part, 0755));
        next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(next >= 0);
        close(fd);
        fd = next;
    }
    next = openat(fd, "bottom", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(next >= 0 && write(next, "x", 1) == 1);
    close(next);
    close(fd);
}

static int open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void depth_costs_neither_stack_nor_descriptors(void)
{
    struct rlimit was, few;
    int before = open_files();

    CHECK(!getrlimit(RLIMIT_NOFILE, &was));
    few = was;
    few.rlim_cur = 120;
    make_deep("deep", LEVELS);
    CHECK(!setrlimit(RLIMIT_NOFILE, &few));
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("deep"), at("deep2"));
    CHECK_INT(total(), LEVELS + 1);
    CHECK_INT(errors(), 0);
    start_manage(WIRE_FILE_CHMOD, WIRE_F_RECURSIVE, PATHS(at("deep")));
    wire_put_str(&w, TAG_CHANGE, "go-rwx");
    run_manage();
    CHECK_INT(total(), LEVELS + 1);
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("deep"), at("deep2"));
    CHECK_INT(total(), 2 * (LEVELS + 1));
    CHECK_INT(errors(), 0);
    CHECK(!setrlimit(RLIMIT_NOFILE, &was));
    CHECK(!there("deep") && !there("deep2"));
    CHECK_INT(open_files(), before);
}

static void a_folder_of_many_goes_whole(void)
{
    char name[64];

    CHECK(!mkdir(at("many"), 0755));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "many/%d", i);
        CHECK(i % 10 ? mknod(at(name), S_IFREG | 0644, 0) == 0 : mkdir(at(name), 0755) == 0);
    }
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("many"), at("many2"));
    CHECK_INT(total(), MANY + 1);
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("many"), at("many2"));
    CHECK_INT(total(), 2 * (MANY + 1));
    CHECK(!there("many"));
}

static void odd_names_and_long_paths(void)
{
    static const char *const names[] = {
        "new\nline", "\x1b[31m", "\xff\xfe", "a\tb", "..x", "-rf"
    };
    char path[FILE_PATH_MAX], name[300];
    size_t len;
    int fd;

    CHECK(!mkdir(at("odd"), 0755));
    fd = open(at("odd"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < 6; i++)
        CHECK(!mkdirat(fd, names[i], 0755) && !symlinkat("/", fd, names[i] + 1));
    memset(name, 'n', 255);
    name[255] = '\0';
    CHECK(!mkdirat(fd, name, 0755) && !close(fd));
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("odd"), at("odd2"));
    CHECK_INT(total(), 14);
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("odd"), at("odd2"));
    CHECK_INT(total(), 28);
    len = (size_t)snprintf(path, sizeof(path), "%s", at("long"));
    while (len < FILE_PATH_MAX - 1)
        path[len] = len % 200 ? 'y' : '/', len++;
    path[FILE_PATH_MAX - 2] = 'y';
    path[FILE_PATH_MAX - 1] = '\0';
    MANAGE(WIRE_FILE_MKDIR, 0, path);
    CHECK_INT(errors(), 0);
    MANAGE(WIRE_FILE_MOVE, 0, path, at("short"));
    check_done(path, at("short"));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, path, at("short"));
    CHECK_INT(errors(), 1);
    memset(name, 'n', 256);
    name[256] = '\0';
    MANAGE(WIRE_FILE_MKDIR, 0, at(name));
    check_failed(CODE_INVALID, at(name), "too long");
    MANAGE(WIRE_FILE_REMOVE, 0, at(name));
    CHECK_INT(errors(), 1);
}

struct swapper {
    _Atomic bool stop;
    char one[256], two[256];
    long swaps;
};

static void *swap(void *arg)
{
    struct swapper *s = arg;

    while (!s->stop)
        s->swaps += !renameat2(AT_FDCWD, s->one, AT_FDCWD, s->two, RENAME_EXCHANGE);
    return NULL;
}

/* A folder, not a link, with a file "f". */
static bool holds_it(const char *name)
{
    int fd = open(at(name), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool found = fd >= 0 && !faccessat(fd, "f", F_OK, 0);

    if (fd >= 0)
        close(fd);
    return found;
}

/* A folder and a link to `precious` that change places all the time. */
static void swapped_links(uint32_t op)
{
    struct swapper s = { 0 };
    pthread_t thread;
    char name[64];

    CHECK(!mkdir(at("precious"), 0755));
    put_text("precious/f", "kept");
    for (int round = 0; round < 60; round++) {
        CHECK(!mkdir(at("race"), 0755) && !mkdir(at("race/x"), 0755));
        CHECK(!symlink(at("precious"), at("race/y")));
        for (int i = 0; i < 40; i++) {
            snprintf(name, sizeof(name), "race/x/%d", i);
            put_text(name, "");
        }
        s.stop = false;
        snprintf(s.one, sizeof(s.one), "%s", at("race/x"));
        snprintf(s.two, sizeof(s.two), "%s", at("race/y"));
        CHECK(!pthread_create(&thread, NULL, swap, &s));
        if (op == WIRE_FILE_COPY)
            MANAGE(op, WIRE_F_RECURSIVE, at("race"), at("race2"));
        start_manage(op == WIRE_FILE_CHMOD ? op : WIRE_FILE_REMOVE, WIRE_F_RECURSIVE,
                     PATHS(at("race")));
        if (op == WIRE_FILE_CHMOD)
            wire_put_u32(&w, TAG_MODE, 0700);
        run_manage();
        s.stop = true;
        pthread_join(thread, NULL);
        check_reply(&a);
        check_file("precious/f", "kept");
        CHECK_INT(mode_of("precious"), 0755);
        CHECK(!holds_it("race2/x") && !holds_it("race2/y"));
        MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE | WIRE_F_MISSING_OK, at("race"), at("race2"));
        CHECK_INT(errors(), 0);
    }
    CHECK(s.swaps > 0);
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("precious"));
}

static void links_swapped_in_are_not_followed_when_deleting(void)
{
    swapped_links(WIRE_FILE_REMOVE);
}

static void links_swapped_in_are_not_followed_when_copying(void)
{
    swapped_links(WIRE_FILE_COPY);
}

static void links_swapped_in_are_not_followed_when_changing_modes(void)
{
    swapped_links(WIRE_FILE_CHMOD);
}

/* A deep folder that goes back and forth between two others: "..", then, leads elsewhere. */
static void a_tree_that_moves_is_left(void)
{
    struct swapper s = { 0 };
    pthread_t thread;

    CHECK(!mkdir(at("here"), 0755) && !mkdir(at("bystander"), 0755));
    put_text("bystander/f", "kept");
    make_deep("here/t", 200);
    make_deep("bystander/t", 200);
    snprintf(s.one, sizeof(s.one), "%s", at("here/t/d/d"));
    snprintf(s.two, sizeof(s.two), "%s", at("bystander/t/d/d"));
    CHECK(!pthread_create(&thread, NULL, swap, &s));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("here"));
    s.stop = true;
    pthread_join(thread, NULL);
    check_reply(&a);
    check_file("bystander/f", "kept");
    CHECK(there("bystander/t/d"));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE | WIRE_F_MISSING_OK, at("here"), at("bystander"));
    CHECK_INT(errors(), 0);
}

static void *grow(void *arg)
{
    struct swapper *s = arg;
    char path[320];

    while (!s->stop) {
        snprintf(path, sizeof(path), "%s/%ld", s->one, s->swaps++);
        if (mkdir(path, 0755) && errno != ENOENT)
            break;
    }
    return NULL;
}

static void a_folder_that_is_filled_again_ends(void)
{
    struct swapper s = { 0 };
    pthread_t thread;

    CHECK(!mkdir(at("filled"), 0755));
    snprintf(s.one, sizeof(s.one), "%s", at("filled"));
    file_budget_ms = 300;
    CHECK(!pthread_create(&thread, NULL, grow, &s));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("filled"));
    s.stop = true;
    pthread_join(thread, NULL);
    file_budget_ms = FILE_BUDGET_MS;
    check_reply(&a);
    CHECK(there("filled") == (errors() > 0));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE | WIRE_F_MISSING_OK, at("filled"));
}

static void an_end_of_time_is_told(void)
{
    make_deep("slow", 3000);
    file_budget_ms = 0;
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("slow"), at("slow2"));
    file_budget_ms = FILE_BUDGET_MS;
    CHECK_INT(errors(), 1);
    check_done(at("slow"), at("slow2"));
    check_failed(CODE_TIMEOUT, "", "stopped after");
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("slow"), at("slow2"));
    CHECK_INT(errors(), 0);
}

static void a_server_that_has_gone_ends_it(void)
{
    int pair[2];

    make_deep("left", 3000);
    CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    start_manage(WIRE_FILE_COPY, WIRE_F_RECURSIVE, PATHS(at("left"), at("left2")));
    CHECK(channel_send(pair[0], &w, NULL, 0) && !close(pair[0]));
    file_serve(pair[1], -1);
    close(pair[1]);
    CHECK(there("left") && !there("left2/d"));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE | WIRE_F_MISSING_OK, at("left"), at("left2"));
    CHECK_INT(errors(), 0);
}

static void many_failures_are_counted_and_few_are_told(void)
{
    char names[101][300];
    const char *paths[102] = { NULL };
    int told = 0;
    struct fields one;

    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "%s/none/%d", folder, i);
        paths[i] = names[i];
    }
    start_manage(WIRE_FILE_REMOVE, 0, paths);
    run_manage();
    CHECK_INT(errors(), 100);
    while (next_record(&records, 'x', &one))
        told++;
    CHECK_INT(told, FILE_ERRORS_SHOWN);
}

/* In a mount namespace of its own: a file system with little space, and a mount in a folder. */
static void little_space(void)
{
    static char big[20000];
    struct fields one;
    struct stat st;

    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mkdir(at("small"), 0755) || mount("tmpfs", at("small"), "tmpfs", 0, "size=64k"))
        _exit(77);
    memset(big, 'x', sizeof(big));
    CHECK(!mkdir(at("large"), 0755));
    for (int i = 0; i < 6; i++) {
        char name[] = "large/0";
        name[6] = (char)('0' + i);
        put(name, big, sizeof(big));
    }
    put_text("small/0", "precious");
    MANAGE(WIRE_FILE_MOVE, WIRE_F_OVERWRITE, at("large"), at("small/l"));
    CHECK_INT(total(), 0);
    CHECK_INT(errors(), 1);
    CHECK(next_record(&records, 'x', &one));
    CHECK_INT(field_i64(&one), CODE_QUOTA);
    CHECK(there("large/0") && !there("small/l") && !leftovers(at("small")));
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("large"), at("small/"));
    CHECK_INT(errors(), 1);
    CHECK(!lstat(at("small/large"), &st) && !leftovers(at("small/large")));
    check_file("small/0", "precious");
    CHECK(!mkdir(at("holder"), 0755) && !mkdir(at("holder/deep"), 0755) &&
          !mkdir(at("holder/deep/mnt"), 0755) &&
          !mount(at("small"), at("holder/deep/mnt"), NULL, MS_BIND, NULL));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("small"), at("holder"));
    check_failed(CODE_DENIED, at("small"), "mount point");
    check_failed(CODE_DENIED, at("holder/deep/mnt"), "mount point");
    check_file("small/0", "precious");
}

static void a_full_disk_and_mounts(void)
{
    int status;
    pid_t pid;

    if (getuid())
        SKIP("only root can mount");
    pid = fork();
    if (!pid) {
        if (setjmp(check_jump)) {
            fprintf(stderr, "%s\n", check_why);
            _exit(1);
        }
        little_space();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        SKIP("this machine allows no mounts");
    CHECK_INT(WEXITSTATUS(status), 0);
}

static const struct test tests[] = {
    TEST(a_full_disk_and_mounts),
    TEST(depth_costs_neither_stack_nor_descriptors),
    TEST(a_folder_of_many_goes_whole),
    TEST(odd_names_and_long_paths),
    TEST(links_swapped_in_are_not_followed_when_deleting),
    TEST(links_swapped_in_are_not_followed_when_copying),
    TEST(links_swapped_in_are_not_followed_when_changing_modes),
    TEST(a_tree_that_moves_is_left),
    TEST(a_folder_that_is_filled_again_ends),
    TEST(an_end_of_time_is_told),
    TEST(a_server_that_has_gone_ends_it),
    TEST(many_failures_are_counted_and_few_are_told),
};

int main(int argc, char **argv)
{
    if (!access("/dev/shm", W_OK))
        strcpy(folder, "/dev/shm/agent-XXXXXX"); /* deep trees take long on a busy disk */
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
