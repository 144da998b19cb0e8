#include "backend/agent/observe.h"
#include "tests/unit/agent_files.h"

#include <sys/inotify.h>

static struct wire_out w;
static struct answer a;
static int channel = -1;
static pid_t child;

static void observe_start(const char *path, bool recursive)
{
    int pair[2], inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    CHECK(inotify >= 0 && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    channel = pair[0];
    wire_begin(&w, WIRE_START, 0);
    wire_put_str(&w, TAG_PATH, path);
    wire_put_u32(&w, TAG_FLAGS, recursive ? WIRE_F_RECURSIVE : 0);
    CHECK(channel_send(channel, &w, NULL, 0));
    child = fork();
    CHECK(child >= 0);
    if (!child) {
        close(pair[0]);
        observe_serve(pair[1], inotify);
        _exit(0);
    }
    close(pair[1]);
    close(inotify);
}

/* False: it did not end well. */
static bool observe_stop(void)
{
    int status;

    close(channel);
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void take(void)
{
    int fds[WIRE_MAX_FDS], nfds;

    CHECK_INT(channel_recv(channel, &a.in, a.bytes, fds, &nfds, 0), 1);
}

static int64_t room; /* that polls ask for; 0: none said */

static int64_t ask_changes(int64_t after, uint32_t wait_ms)
{
    wire_begin(&w, WIRE_POLL, 0);
    wire_put_u32(&w, TAG_POLL, 7);
    wire_put_i64(&w, TAG_OFFSET, after);
    wire_put_u32(&w, TAG_WAIT_MS, wait_ms);
    if (room)
        wire_put_i64(&w, TAG_MAX_BYTES, room);
    CHECK(channel_send(channel, &w, NULL, 0));
    take();
    CHECK_INT(a.in.op, WIRE_REPLY);
    return wire_i64(&a.in, TAG_OFFSET, -1);
}

/* Whether this change is among the answer's. */
static bool told(char kind, const char *path)
{
    struct fields all = { (const char *)a.in.tags[TAG_DATA].data, NULL }, one;
    bool found = false;

    all.end = all.p + a.in.tags[TAG_DATA].len;
    while (next_record(&all, 'w', &one)) {
        char got = *one.p++, name[8192], from[8192];
        (void)field_i64(&one);
        field_str(&one, name, sizeof(name));
        field_str(&one, from, sizeof(from));
        CHECK(one.p == one.end);
        found |= got == kind && !strcmp(name, path);
    }
    return found;
}

static void wait_told(char kind, const char *name)
{
    int64_t after = -1;

    for (int i = 0; i < 100; i++) {
        after = ask_changes(after, 200);
        if (told(kind, at(name)))
            return;
    }
    FAIL("%c of %s was not told", kind, name);
}

static void changes_come_with_paths(void)
{
    observe_start(folder, true);
    take();
    check_reply(&a);
    CHECK_STR(answer_str(&a, TAG_PATH), folder);
    CHECK(!mkdir(at("a"), 0755) && !mkdir(at("a/b"), 0755));
    put_text("a/b/f", "x");
    wait_told('c', "a/b/f");
    CHECK(!rename(at("a"), at("z")));
    wait_told('v', "z");
    CHECK(!unlink(at("z/b/f")));
    wait_told('d', "z/b/f");
    CHECK(observe_stop());
}

/* Else the one who polls would never get past it. */
static void a_change_is_told_however_little_room_there_is(void)
{
    observe_start(folder, true);
    take();
    check_reply(&a);
    put_text("long", "x");
    put_text("longer", "x");
    room = 1;
    wait_told('c', "longer");
    room = 0;
    CHECK(observe_stop());
}

static void folder_name(char *out, size_t size)
{
    int depth = rand() % 3 + 1, len = 0;

    for (int i = 0; i < depth; i++)
        len += snprintf(out + len, size - (size_t)len, "%s%c", i ? "/" : "s/", 'a' + rand() % 4);
}

static int probe_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char name[4096];
    int fd;

    (void)st, (void)ftw;
    if (type != FTW_D)
        return 0;
    snprintf(name, sizeof(name), "%s/probe", path);
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 || close(fd);
}

static int expect_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (type == FTW_F && !told('c', path))
        FAIL("%s was not told", path);
    return 0;
}

/* Folders come, go and move at random; afterwards every one that is there is watched. */
static void no_folder_is_missed(void)
{
    for (int round = 0; round < 8; round++) {
        srand((unsigned)round);
        CHECK(!mkdir(at("s"), 0755));
        observe_start(at("s"), true);
        take();
        for (int i = 0; i < 300; i++) {
            char x[64], y[64];
            folder_name(x, sizeof(x));
            folder_name(y, sizeof(y));
            if (rand() % 3 == 0)
                (void)!rmdir(at(x));
            else if (rand() % 3 == 0)
                (void)!rename(at(x), at(y));
            else
                (void)!mkdir(at(x), 0755);
            if (rand() % 50 == 0)
                usleep(1000);
        }
        usleep(1300000);
        int64_t after = ask_changes(-1, 0);
        while (wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_TRUNCATED)
            after = ask_changes(after, 0);
        CHECK(!nftw(at("s"), probe_one, 16, FTW_PHYS));
        usleep(150000);
        (void)ask_changes(after, 1000);
        CHECK(!nftw(at("s"), expect_one, 16, FTW_PHYS));
        CHECK(observe_stop());
        CHECK(!nftw(at("s"), remove_one, 16, FTW_DEPTH | FTW_PHYS));
    }
}

static void only_the_last_changes_are_kept(void)
{
    char name[32];
    int64_t cursor;

    observe_start(folder, false);
    take();
    for (int i = 0; i < OBSERVE_EVENTS * 3; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        put_text(name, "");
    }
    usleep(200000);
    cursor = ask_changes(0, 1000);
    CHECK(wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_LOST);
    CHECK(wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_TRUNCATED);
    CHECK(cursor > OBSERVE_EVENTS);
    while (wire_u32(&a.in, TAG_FLAGS, 0) & WIRE_F_TRUNCATED)
        cursor = ask_changes(cursor, 0);
    snprintf(name, sizeof(name), "n%d", OBSERVE_EVENTS * 3 - 1);
    CHECK(told('c', at(name)));
    CHECK(observe_stop());
}

static void a_violation_ends_it(void)
{
    int status;

    observe_start(folder, false);
    take();
    wire_begin(&w, WIRE_RUN, 0);
    CHECK(channel_send(channel, &w, NULL, 0));
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(WEXITSTATUS(status), AGENT_VIOLATION);
    close(channel);
}

static const struct test tests[] = {
    TEST(changes_come_with_paths), TEST(a_change_is_told_however_little_room_there_is),
    TEST(no_folder_is_missed),     TEST(only_the_last_changes_are_kept),
    TEST(a_violation_ends_it),
};

int main(int argc, char **argv)
{
    folder_make();
    return check_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
