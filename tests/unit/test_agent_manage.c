#include "backend/agent/file_mode.h"
#include "tests/unit/agent_manage.h"

/* Another file system than the folder's; SKIPs where there is none. */
static const char *elsewhere(const char *name)
{
    static char path[256];
    struct stat here, other;

    if (stat("/dev/shm", &other) || stat(folder, &here) || here.st_dev == other.st_dev ||
        access("/dev/shm", W_OK))
        SKIP("no other file system to write to");
    snprintf(path, sizeof(path), "/dev/shm/agent-manage-%d%s", getpid(), name);
    return path;
}

static void facts(const char *path, char type, char access, const char *target)
{
    struct fields one;
    char got[16384];

    check_reply(&a);
    CHECK(next_record(&records, 's', &one));
    if (one.p[0] != type || one.p[1] != access)
        FAIL("%s is %c %c", path, one.p[0], one.p[1]);
    one.p += 2;
    for (int i = 0; i < 3; i++)
        field_i64(&one);
    for (int i = 0; i < 2; i++) {
        field_str(&one, got, sizeof(got));
        CHECK(!*got == (type == '-' || type == '?'));
    }
    field_str(&one, got, sizeof(got));
    CHECK_STR(got, target);
    field_str(&one, got, sizeof(got));
    CHECK_STR(got, type == 'f' && access == 'w' ? hex_of("abc", 3) : "");
}

static void stat_tells_what_is_there_and_what_is_not(void)
{
    put_text("file", "abc");
    CHECK(!mkdir(at("dir"), 0755) && !symlink("file", at("link")) &&
          !symlink("no", at("dangling")));
    CHECK(!mkfifo(at("fifo"), 0644));
    MANAGE(WIRE_FILE_STAT, WIRE_F_HASH, at("file"), at("dir"));
    facts("file", 'f', 'w', "");
    facts("dir", 'd', 'w', "");
    MANAGE(WIRE_FILE_STAT, WIRE_F_HASH, at("link"), at("dangling"), at("fifo"));
    facts("link", 'l', 'w', "file");
    facts("dangling", 'l', 'v', "no");
    facts("fifo", 'p', 'v', "");
    MANAGE(WIRE_FILE_STAT, WIRE_F_HASH, at("none"), at("file/below"), "/dev/null");
    facts("none", '-', 'n', "");
    facts("file/below", '-', 'n', "");
    facts("null", 'c', 'v', "");
    check_end();
}

static void paths_must_be_absolute_and_ended(void)
{
    start_manage(WIRE_FILE_STAT, 0, PATHS("relative"));
    run_manage();
    check_error(&a, CODE_INVALID, "absolute", NULL);
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_REMOVE);
    run_manage();
    check_error(&a, CODE_INVALID, "none", NULL);
    wire_begin(&w, WIRE_START, 0);
    wire_put_u32(&w, TAG_FILE_OP, WIRE_FILE_REMOVE);
    wire_put(&w, TAG_PATHS, "/a", 2);
    run_manage();
    check_error(&a, CODE_INVALID, "not ended", NULL);
    start_manage(WIRE_FILE_COPY, 0, PATHS("/a"));
    run_manage();
    check_error(&a, CODE_INVALID, "two", NULL);
}

static void a_move_renames_or_goes_into_a_folder(void)
{
    put_text("m1", "one");
    put_text("m2", "two");
    CHECK(!mkdir(at("into"), 0755) && !symlink("into", at("to-into")));
    MANAGE(WIRE_FILE_MOVE, 0, at("m1"), at("made/by/it/m"));
    check_done(at("m1"), at("made/by/it/m"));
    MANAGE(WIRE_FILE_MOVE, 0, at("m2"), at("to-into"));
    check_done(at("m2"), at("into/m2"));
    MANAGE(WIRE_FILE_MOVE, 0, at("made/by/it/m"), at("into/"));
    check_done(at("made/by/it/m"), at("into/m"));
    check_file("into/m", "one");
    check_file("into/m2", "two");
    MANAGE(WIRE_FILE_MOVE, 0, at("into"), at("into/m3"));
    check_failed(CODE_INVALID, at("into"), "into itself");
    MANAGE(WIRE_FILE_MOVE, 0, at("into"), at("into"));
    CHECK_INT(errors(), 1);
    MANAGE(WIRE_FILE_MOVE, 0, at("to-into"), at("link-moved"));
    check_done(at("to-into"), at("link-moved"));
    CHECK(there("into/m"));
}

static void a_move_replaces_only_when_told(void)
{
    put_text("from", "new");
    put_text("to", "old");
    CHECK(!mkdir(at("full"), 0755) && !mkdir(at("empty"), 0755));
    put_text("full/x", "");
    MANAGE(WIRE_FILE_MOVE, 0, at("from"), at("to"));
    check_failed(CODE_CONFLICT, at("from"), "exists");
    check_file("to", "old");
    MANAGE(WIRE_FILE_MOVE, WIRE_F_OVERWRITE, at("from"), at("to"));
    check_done(at("from"), at("to"));
    check_file("to", "new");
    CHECK(!there("from"));
    CHECK(!mkdir(at("over"), 0755) && !mkdir(at("over/full"), 0755));
    put_text("over/full/y", "kept");
    MANAGE(WIRE_FILE_MOVE, WIRE_F_OVERWRITE, at("full"), at("over"));
    check_failed(CODE_CONFLICT, at("full"), "not empty");
    check_file("over/full/y", "kept");
    CHECK(!link(at("to"), at("same")));
    MANAGE(WIRE_FILE_MOVE, WIRE_F_OVERWRITE, at("to"), at("same"));
    check_done(at("to"), at("same"));
    CHECK(!there("to"));
    check_file("same", "new");
}

static void what_cannot_be_moved_leaves_the_rest_to_be(void)
{
    put_text("ok", "x");
    MANAGE(WIRE_FILE_MOVE, 0, at("none"), at("y"), at("ok"), at("ok2"));
    check_failed(CODE_NOT_FOUND, at("none"), "does not exist");
    check_done(at("ok"), at("ok2"));
    CHECK_INT(errors(), 1);
    CHECK_INT(total(), 1);
}

static void a_tree_moves_to_another_file_system(void)
{
    const char *to = elsewhere("");
    struct stat st;

    CHECK(!mkdir(at("tree"), 0750) && !mkdir(at("tree/sub"), 0700));
    put_text("tree/sub/f", "text");
    CHECK(!chmod(at("tree/sub/f"), 0604) && !symlink("f", at("tree/sub/l")));
    MANAGE(WIRE_FILE_MOVE, 0, at("tree"), to);
    check_done(at("tree"), to);
    CHECK(!there("tree"));
    CHECK(!stat(elsewhere("/sub/l"), &st) && st.st_size == 4 && (st.st_mode & 0777) == 0604);
    CHECK(!stat(elsewhere("/sub"), &st) && (st.st_mode & 0777) == 0700);
    CHECK(!mkfifo(elsewhere("/sub/fifo"), 0600));
    MANAGE(WIRE_FILE_MOVE, 0, elsewhere(""), at("back"));
    CHECK_INT(errors(), 1);
    CHECK_INT(total(), 0);
    CHECK(!there("back") && !leftovers(folder) && !stat(elsewhere("/sub/f"), &st));
    CHECK(!unlink(elsewhere("/sub/fifo")));
    MANAGE(WIRE_FILE_MOVE, 0, elsewhere(""), at("back"));
    CHECK_INT(total(), 1);
    check_file("back/sub/f", "text");
    CHECK(stat(elsewhere(""), &st));
}

static void a_move_that_is_given_up_leaves_no_copy(void)
{
    const char *to = elsewhere("");
    struct stat st;
    int pair[2];

    CHECK(!mkdir(to, 0700) && !mkdir(at("given-up"), 0755) && !mkdir(at("given-up/d"), 0755));
    CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    start_manage(WIRE_FILE_MOVE, 0, PATHS(at("given-up"), elsewhere("/x")));
    CHECK(channel_send(pair[0], &w, NULL, 0) && !close(pair[0]));
    file_serve(pair[1], -1);
    close(pair[1]);
    CHECK(!lstat(at("given-up/d"), &st) && !rmdir(elsewhere("")));
}

static void a_copy_keeps_modes_times_links_and_holes(void)
{
    struct timespec times[2] = { { 1000000000, 0 }, { 1100000000, 500 } };
    struct stat st;
    int fd;

    CHECK(!mkdir(at("src"), 0755) && !mkdir(at("src/ro"), 0700));
    put_text("src/ro/f", "inside");
    CHECK(!chmod(at("src/ro/f"), 0640) && !chmod(at("src/ro"), 0555));
    CHECK(!symlink("/etc/passwd", at("src/out")) && !mkfifo(at("src/fifo"), 0644));
    fd = open(at("src/holes"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && pwrite(fd, "end", 3, 50 << 20) == 3 && !ftruncate(fd, 60 << 20) &&
          !futimens(fd, times) && !close(fd));
    for (int i = 0; i < 2; i++) {
        MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("src"), at("dst"));
        check_failed(CODE_INVALID, at("src/fifo"), "FIFO");
        check_done(at("src"), at("dst"));
        CHECK_INT(total(), getuid() && i ? 4 : 5);
        chmod(at("dst/ro"), 0755);
    }
    CHECK(!lstat(at("dst/holes"), &st) && st.st_size == 60 << 20 && st.st_blocks < 1000);
    CHECK(st.st_mtim.tv_sec == 1100000000 && st.st_mtim.tv_nsec == 500);
    fd = open(at("dst/holes"), O_RDONLY | O_CLOEXEC);
    char end[4] = "";
    CHECK(pread(fd, end, 3, 50 << 20) == 3 && !close(fd));
    CHECK_STR(end, "end");
    CHECK(!lstat(at("dst/out"), &st) && S_ISLNK(st.st_mode));
    CHECK_INT(mode_of("dst/ro/f"), 0640);
    chmod(at("src/ro"), 0755);
}

static void a_copy_replaces_files_and_links_but_no_folder(void)
{
    put_text("c", "copy");
    put_text("victim", "untouched");
    CHECK(!symlink("victim", at("trap")) && !mkdir(at("cdir"), 0755) && !mkdir(at("cdir/c"), 0755));
    MANAGE(WIRE_FILE_COPY, 0, at("c"), at("trap"));
    check_done(at("c"), at("trap"));
    check_file("victim", "untouched");
    check_file("trap", "copy");
    MANAGE(WIRE_FILE_COPY, 0, at("c"), at("cdir"));
    check_error(&a, CODE_CONFLICT, "is a folder", NULL);
    MANAGE(WIRE_FILE_COPY, 0, at("cdir"), at("x"));
    check_error(&a, CODE_INVALID, "is a folder", "recursive");
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("cdir"), at("cdir/c/deeper"));
    check_error(&a, CODE_INVALID, "into itself", NULL);
    MANAGE(WIRE_FILE_COPY, WIRE_F_RECURSIVE, at("cdir"), at("cdir"));
    check_error(&a, CODE_INVALID, "same folder", NULL);
    MANAGE(WIRE_FILE_COPY, 0, at("c"), at("c"));
    check_error(&a, CODE_INVALID, "same file", NULL);
    MANAGE(WIRE_FILE_COPY, 0, "/dev/zero", at("zero"));
    check_error(&a, CODE_INVALID, "device", NULL);
    MANAGE(WIRE_FILE_COPY, 0, "/proc/self/stat", at("unsized"));
    CHECK(total() == 1 && there("unsized") && wire_i64(&a.in, TAG_WRITTEN, 0) > 50);
}

static void delete_takes_links_and_not_what_they_lead_to(void)
{
    CHECK(!mkdir(at("keep"), 0755) && !mkdir(at("gone"), 0755) && !mkdir(at("gone/sub"), 0755));
    put_text("keep/f", "kept");
    put_text("gone/f", "");
    CHECK(!symlink("../keep", at("gone/link")) && !symlink("keep", at("top")));
    MANAGE(WIRE_FILE_REMOVE, 0, at("gone"));
    check_failed(CODE_INVALID, at("gone"), "is a folder");
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("gone"), at("top/"), at("none"));
    check_failed(CODE_NOT_FOUND, at("none"), "does not exist");
    CHECK_INT(total(), 5);
    CHECK(!there("gone") && !there("top"));
    check_file("keep/f", "kept");
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_MISSING_OK, at("none"), at("none/at/all"));
    CHECK_INT(errors(), 0);
}

static void the_workspace_the_home_and_what_holds_them_stay(void)
{
    CHECK(!mkdir(at("h"), 0755) && !mkdir(at("h/home"), 0755) && !mkdir(at("h/ws"), 0755));
    put_text("h/ws/f", "kept");
    snprintf(agent_config.workspace, sizeof(agent_config.workspace), "%s", at("h/ws"));
    snprintf(agent_config.home, sizeof(agent_config.home), "%s", at("h/home"));
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, at("h"), at("h/home"), at("h/ws/"));
    check_failed(CODE_DENIED, at("h"), "workspace");
    check_failed(CODE_DENIED, at("h/home"), "workspace");
    check_failed(CODE_DENIED, at("h/ws/"), "workspace");
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, "/", at("h/ws/."), at("h/ws/.."));
    CHECK_INT(errors(), 3);
    MANAGE(WIRE_FILE_REMOVE, WIRE_F_RECURSIVE, "/proc/self", "/proc/1", "/sys/kernel");
    CHECK_INT(errors(), 3);
    MANAGE(WIRE_FILE_MOVE, WIRE_F_RECURSIVE, at("h/ws"), at("other"));
    check_failed(CODE_DENIED, at("h/ws"), "workspace");
    agent_config.workspace[0] = agent_config.home[0] = '\0';
    check_file("h/ws/f", "kept");
}

static void mkdir_makes_parents_and_takes_what_is_there(void)
{
    put_text("afile", "");
    start_manage(WIRE_FILE_MKDIR, 0, PATHS(at("p/q/r"), at("p"), at("afile"), at("afile/x")));
    wire_put_u32(&w, TAG_MODE, 01777);
    run_manage();
    check_done(at("p"), "");
    check_done(at("p/q"), "");
    check_done(at("p/q/r"), "");
    check_failed(CODE_CONFLICT, at("afile"), "no folder");
    check_failed(CODE_NOT_FOUND, at("afile/x"), "file");
    CHECK_INT(mode_of("p/q/r"), 01777);
    CHECK_INT(mode_of("p/q"), 0755);
    start_manage(WIRE_FILE_MKDIR, 0, PATHS(at("s")));
    wire_put_u32(&w, TAG_MODE, 02755);
    run_manage();
    check_error(&a, CODE_DENIED, "set-id", NULL);
}

static void chmod_changes_a_tree_and_no_link(void)
{
    put_text("outside", "");
    CHECK(!mkdir(at("ch"), 0755) && !mkdir(at("ch/d"), 0755) && !symlink("../outside", at("ch/l")));
    put_text("ch/d/f", "");
    start_manage(WIRE_FILE_CHMOD, WIRE_F_RECURSIVE, PATHS(at("ch")));
    wire_put_str(&w, TAG_CHANGE, "u=rwX,go=");
    run_manage();
    CHECK_INT(total(), 3);
    CHECK_INT(mode_of("ch/d"), 0700);
    CHECK_INT(mode_of("ch/d/f"), 0600);
    CHECK_INT(mode_of("outside"), 0644);
    start_manage(WIRE_FILE_CHMOD, WIRE_F_RECURSIVE, PATHS(at("ch")));
    wire_put_u32(&w, TAG_MODE, 0);
    run_manage();
    CHECK_INT(total(), 3);
    CHECK_INT(mode_of("ch"), 0);
    start_manage(WIRE_FILE_CHMOD, WIRE_F_RECURSIVE, PATHS(at("ch")));
    wire_put_u32(&w, TAG_MODE, 0755);
    run_manage();
    CHECK_INT(total(), 3);
    CHECK_INT(errors(), 0);
    CHECK_INT(mode_of("ch/d/f"), 0755);
}

static void modes_are_read_as_chmod_reads_them(void)
{
    static const struct {
        const char *change;
        unsigned mode;
        bool dir;
        int want;
    } cases[] = {
        { "u+x", 0644, false, 0744 },
        { "+x", 0644, false, 0755 },
        { "+w", 0444, false, 0644 },
        { "a+w", 0444, false, 0666 },
        { "go-rwx", 0777, false, 0700 },
        { "u=rwX,go=rX", 0600, false, 0644 },
        { "u=rwX,go=rX", 0600, true, 0755 },
        { "X", 0600, false, -1 },
        { "a=", 0777, false, 0 },
        { "u+r-w", 0200, false, 0400 },
        { "+t", 0755, true, 01755 },
        { "u+s", 0755, false, -2 },
        { "", 0755, false, -1 },
        { "u", 0755, false, -1 },
        { "u+x,", 0755, false, -1 },
        { "u+q", 0755, false, -1 },
        { "ug+x", 0600, false, 0710 },
        { "-x", 0755, false, 0644 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int got = mode_change(cases[i].change, cases[i].mode, cases[i].dir);
        if (got != cases[i].want)
            FAIL("%s of %o is %o", cases[i].change, cases[i].mode, (unsigned)got);
    }
}

static const struct test tests[] = {
    TEST(stat_tells_what_is_there_and_what_is_not),
    TEST(paths_must_be_absolute_and_ended),
    TEST(a_move_renames_or_goes_into_a_folder),
    TEST(a_move_replaces_only_when_told),
    TEST(what_cannot_be_moved_leaves_the_rest_to_be),
    TEST(a_tree_moves_to_another_file_system),
    TEST(a_move_that_is_given_up_leaves_no_copy),
    TEST(a_copy_keeps_modes_times_links_and_holes),
    TEST(a_copy_replaces_files_and_links_but_no_folder),
    TEST(delete_takes_links_and_not_what_they_lead_to),
    TEST(the_workspace_the_home_and_what_holds_them_stay),
    TEST(mkdir_makes_parents_and_takes_what_is_there),
    TEST(chmod_changes_a_tree_and_no_link),
    TEST(modes_are_read_as_chmod_reads_them),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
