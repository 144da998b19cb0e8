#include "base/io.h"
#include "tests/unit/task_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int recover_some(struct tool_call *call, const char *handle, struct err *err)
{
    return tool_textf(call, err, "output of %s in %s for %s", handle, call->sandbox,
                      call->principal);
}

static int recover_whole(struct tool_call *call, const char *handle, struct err *err)
{
    return recover_some(call, handle, err) ? -1 : TASK_RECOVERED_WHOLE;
}

static int recover_none(struct tool_call *call UNUSED, const char *handle, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no %s", handle);
}

static const struct task_config some = { .dir = dir, .recover = recover_some };
static const struct task_config whole = { .dir = dir, .recover = recover_whole };
static const struct task_config none = { .dir = dir, .recover = recover_none };
static const struct task_config mute = { .dir = dir };

static void clear(void)
{
    char command[128];

    if (!dir[0])
        return;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    CHECK(!system(command));
}

static void fresh(void)
{
    clear();
    snprintf(dir, sizeof(dir), "/tmp/test-task-XXXXXX");
    CHECK(mkdtemp(dir));
}

static unsigned files(const char *suffix)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    unsigned n = 0;

    while (d && (e = readdir(d))) {
        size_t len = strlen(e->d_name), want = strlen(suffix);
        n += len > want && !strcmp(e->d_name + len - want, suffix);
    }
    closedir(d);
    return n;
}

static void path_of(char out[160], const char *id, const char *suffix)
{
    snprintf(out, 160, "%s/%s%s", dir, id, suffix);
}

/* A server in a process of its own that makes a task and is killed. id: of the task. */
static pid_t killed_server(char *id, bool kill_it)
{
    int fds[2];
    pid_t pid;

    CHECK(!pipe(fds));
    pid = fork();
    if (!pid) {
        struct tasked s = tasked_new(&some);
        char made[64];
        start_task(&s, "slow", made);
        if (write(fds[1], made, 32) != 32)
            _exit(1);
        for (;;)
            pause();
    }
    close(fds[1]);
    memset(id, 0, 64);
    CHECK(read(fds[0], id, 32) == 32);
    close(fds[0]);
    if (!kill_it)
        return pid;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

static void an_outcome_is_read_from_its_file(void)
{
    struct tasked s;
    char id[64], path[160];

    fresh();
    s = tasked_new(&mute);
    start_task(&s, "slow", id);
    path_of(path, id, ".json");
    CHECK(!access(path, R_OK));
    release(&s);
    CHECK_HAS(task_await(&s, id, "completed"), "slow is over");
    path_of(path, id, ".out");
    CHECK(!access(path, R_OK));
    CHECK_HAS(task_cancel(&s, id), "\"resultType\":\"complete\"");
    tasked_done(&s);
    CHECK_INT(files(".lock"), 0);
    s = tasked_new(&mute);
    CHECK_HAS(task_get(&s, id), "slow is over");
    CHECK_HAS(task_update(&s, id, "{}"), "\"resultType\":\"complete\"");
    CHECK_HAS(task_cancel(&s, id), "\"resultType\":\"complete\"");
    server_conn_close(s.conn, CALL_GONE);
    s.conn = tasked_conn(&s, "you");
    CHECK_HAS(task_get(&s, id), "\"code\":-32602");
    tasked_done(&s);
}

static void every_outcome_outlives_its_server(void)
{
    static const struct {
        const char *tool, *status, *text;
    } cases[] = {
        { "slow", "completed", "slow is over" },
        { "broken", "completed", "\"isError\":true" },
        { "refuses", "failed", "\"error\":{\"code\":-32099" },
    };
    struct tasked s;
    char id[64];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fresh();
        s = tasked_new(&mute);
        start_task(&s, cases[i].tool, id);
        release(&s);
        task_await(&s, id, cases[i].status);
        tasked_done(&s);
        s = tasked_new(&mute);
        CHECK_HAS(task_get(&s, id), cases[i].status);
        CHECK_HAS(task_get(&s, id), cases[i].text);
        tasked_done(&s);
    }
}

static void a_killed_servers_task_is_interrupted(void)
{
    static const struct {
        const struct task_config *config;
        const char *want, *error;
    } cases[] = {
        { &some, "output of h1 in box for me", "\"isError\":true" },
        { &whole, "output of h1 in box for me", "\"isError\":false" },
        { &none, "Nothing is left of slow: no h1", "\"isError\":true" },
        { &mute, "interrupted by restart", "\"isError\":true" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct tasked s;
        char id[64];
        fresh();
        killed_server(id, true);
        s = tasked_new(cases[i].config);
        CHECK_HAS(task_get(&s, id), "\"status\":\"completed\"");
        CHECK_HAS(task_get(&s, id), cases[i].want);
        CHECK_HAS(task_get(&s, id), cases[i].error);
        tasked_done(&s);
        s = tasked_new(&mute);
        CHECK_HAS(task_get(&s, id), cases[i].want);
        tasked_done(&s);
    }
}

static void another_servers_task_is_seen_and_can_be_cancelled(void)
{
    struct tasked s;
    char id[64];
    pid_t pid;

    fresh();
    pid = killed_server(id, false);
    s = tasked_new(&some);
    CHECK_HAS(task_get(&s, id), "\"status\":\"working\"");
    CHECK_HAS(task_update(&s, id, "{'a':{}}"), "\"resultType\":\"complete\"");
    CHECK_HAS(task_cancel(&s, id), "\"resultType\":\"complete\"");
    CHECK_HAS(task_await(&s, id, "cancelled"), id);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    tasked_done(&s);
}

static void a_stop_says_what_was_there(void)
{
    struct tasked s;
    char id[64];

    fresh();
    s = tasked_new(&some);
    start_task(&s, "slow", id);
    tasked_done(&s);
    s = tasked_new(&mute);
    CHECK_HAS(task_get(&s, id), "interrupted by restart");
    CHECK_HAS(task_get(&s, id), "output of h1 in box for me");
    tasked_done(&s);
}

static void what_cannot_be_read_is_put_aside(void)
{
    static const char *const broken[] = { "", "{", "[]", "{\"schema\":99}", "\xff\xfe" };

    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct tasked s;
        char id[64], path[160];
        int fd;
        fresh();
        s = tasked_new(&mute);
        start_task(&s, "slow", id);
        release(&s);
        task_await(&s, id, "completed");
        path_of(path, id, i == 1 || i == 2 ? ".out" : ".json");
        fd = open(path, O_WRONLY | O_TRUNC);
        CHECK(!io_write_all(fd, broken[i], strlen(broken[i])));
        close(fd);
        CHECK_HAS(task_get(&s, id), "\"code\":-32602");
        CHECK(access(path, F_OK));
        snprintf(path, sizeof(path), "%s/quarantine/%s.json", dir, id);
        CHECK(!access(path, F_OK));
        tasked_done(&s);
    }
}

static void rewrite(const char *id, const char *from, const char *to)
{
    AUTO(buf) struct buf text = BUF_MAX(65536);
    char path[160], *at;
    int fd;

    path_of(path, id, ".json");
    CHECK(!io_read_file(path, 65536, &text, NULL));
    at = strstr(text.data, from);
    CHECK(at && strlen(from) == strlen(to));
    memcpy(at, to, strlen(to));
    fd = open(path, O_WRONLY | O_TRUNC);
    CHECK(!io_write_all(fd, text.data, text.len));
    close(fd);
}

static void what_has_expired_is_removed(void)
{
    char id[64], dead[64], from[64], path[160];
    struct tasked s;

    fresh();
    s = tasked_new(&mute);
    start_task(&s, "slow", id);
    release(&s);
    task_await(&s, id, "completed");
    tasked_done(&s);
    killed_server(dead, true);
    snprintf(from, sizeof(from), "\"created_ms\":%.4s", "1795");
    for (int i = 0; i < 2; i++) {
        AUTO(buf) struct buf text = BUF_MAX(65536);
        char *at;
        path_of(path, i ? dead : id, ".json");
        CHECK(!io_read_file(path, 65536, &text, NULL));
        at = strstr(text.data, "\"created_ms\":");
        CHECK(at);
        snprintf(from, sizeof(from), "%.18s", at);
        rewrite(i ? dead : id, from, "\"created_ms\":10000");
    }
    s = tasked_new(&mute);
    CHECK_HAS(task_get(&s, id), "\"code\":-32602");
    CHECK_HAS(task_get(&s, dead), "\"code\":-32602");
    CHECK_INT(files(".json") + files(".out"), 0);
    CHECK_INT(files(".lock"), 1);
    tasked_done(&s);
}

static void disk_is_full(bool full)
{
    struct rlimit limit = { .rlim_cur = full ? 0 : RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

    signal(SIGXFSZ, SIG_IGN);
    CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
}

static void without_a_disk_a_task_is_not_promised(void)
{
    struct tasked s;

    fresh();
    s = tasked_new(&mute);
    disk_is_full(true);
    CHECK_HAS(call_tool(&s, "slow"), "\"isError\":true");
    disk_is_full(false);
    CHECK_INT(files(".json") + files(".tmp"), 0);
    tasked_done(&s);
}

static void an_outcome_without_a_disk_lives_in_memory(void)
{
    struct tasked s;
    char id[64];

    fresh();
    s = tasked_new(&mute);
    start_task(&s, "slow", id);
    disk_is_full(true);
    release(&s);
    CHECK_HAS(task_await(&s, id, "completed"), "slow is over");
    disk_is_full(false);
    tasked_done(&s);
}

static void the_end(void)
{
    clear();
}

static const struct test tests[] = {
    TEST(an_outcome_is_read_from_its_file),
    TEST(every_outcome_outlives_its_server),
    TEST(a_killed_servers_task_is_interrupted),
    TEST(another_servers_task_is_seen_and_can_be_cancelled),
    TEST(a_stop_says_what_was_there),
    TEST(what_cannot_be_read_is_put_aside),
    TEST(what_has_expired_is_removed),
    TEST(without_a_disk_a_task_is_not_promised),
    TEST(an_outcome_without_a_disk_lives_in_memory),
    TEST(the_end),
};

TEST_MAIN(tests)
