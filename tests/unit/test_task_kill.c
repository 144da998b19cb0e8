#include "mcp/tasks.h"
#include "tests/unit/kill_at.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

const struct tool_def tool_defs[] = { { .name = NULL } };
const size_t tool_def_count = 0;

static char dir[64];
static struct tasks *store;

static void clear(void)
{
    char command[128];

    tasks_free(TAKE(store));
    if (!dir[0])
        return;
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    CHECK(!system(command));
}

static void fresh(void)
{
    struct task_config config = { .dir = dir };

    clear();
    snprintf(dir, sizeof(dir), "/tmp/test-task-XXXXXX");
    CHECK(mkdtemp(dir));
    CHECK(!tasks_open(NULL, &config, &store, NULL));
}

static struct task_record record(const char *id, enum task_status status)
{
    struct task_record r = {
        .status = status,
        .tool = (char *)(size_t) "tool",
        .handle = (char *)(size_t) "h",
        .created_ms = 1795000000000,
        .updated_ms = 1795000000000,
        .ttl_ms = 3600000,
    };

    snprintf(r.id, sizeof(r.id), "%s", id);
    snprintf(r.server, sizeof(r.server), "%s", store->server);
    memset(r.owner, 'a', 64);
    return r;
}

static void make_and_exit(const char *id)
{
    struct task_record r = record(id, TASK_WORKING);

    _exit(task_file_write(store, &r, NULL) ? 2 : 0);
}

static void end_and_exit(const char *id)
{
    struct task_record r = record(id, TASK_COMPLETED);
    struct buf outcome = { .data = (char *)(size_t) "{\"a\":1}", .len = 7 };

    if (task_file_write_outcome(store, id, &outcome, NULL))
        _exit(2);
    _exit(task_file_write(store, &r, NULL) ? 2 : 0);
}

/* -1: there is none. A completed one has its outcome. */
static int status_of(const char *id)
{
    AUTO(buf) struct buf outcome = BUF_MAX(1000);
    struct task_record r;
    int status;

    if (task_file_read(store, id, &r, NULL))
        return -1;
    status = (int)r.status;
    if (r.status == TASK_COMPLETED) {
        CHECK(!task_file_read_outcome(store, id, &outcome, NULL));
        CHECK_STR(outcome.data, "{\"a\":1}");
    }
    task_record_done(&r);
    return status;
}

static void nothing_was_put_aside(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/quarantine", dir);
    CHECK(access(path, F_OK));
}

static void a_kill_at_any_system_call_of_a_new_task_leaves_it_or_nothing(void)
{
    char id[ID_SIZE];
    unsigned n;

    fresh();
    for (n = 1;; n++) {
        int status;
        id_make("task", id);
        if (!killed_at(n, make_and_exit, id))
            break;
        status = status_of(id);
        CHECK(status == -1 || status == TASK_WORKING);
    }
    CHECK(n > 8);
    CHECK_INT(status_of(id), TASK_WORKING);
    nothing_was_put_aside();
}

static void a_kill_at_any_system_call_of_an_outcome_leaves_the_old_or_the_new(void)
{
    char id[ID_SIZE];
    unsigned n;

    fresh();
    for (n = 1;; n++) {
        struct task_record r;
        int status;
        id_make("task", id);
        r = record(id, TASK_WORKING);
        CHECK(!task_file_write(store, &r, NULL));
        if (!killed_at(n, end_and_exit, id))
            break;
        status = status_of(id);
        CHECK(status == TASK_WORKING || status == TASK_COMPLETED);
    }
    CHECK(n > 16);
    CHECK_INT(status_of(id), TASK_COMPLETED);
    nothing_was_put_aside();
}

static const struct test tests[] = {
    TEST(a_kill_at_any_system_call_of_a_new_task_leaves_it_or_nothing),
    TEST(a_kill_at_any_system_call_of_an_outcome_leaves_the_old_or_the_new),
    TEST(clear),
};

TEST_MAIN(tests)
