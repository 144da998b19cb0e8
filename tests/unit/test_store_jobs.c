#include "backend/local/job_file.h"
#include "backend/local/local.h"
#include "base/id.h"
#include "tests/unit/kill_at.h"
#include "tests/unit/store_fixture.h"

#include <string.h>

static struct local_backend backend;
static struct local_sandbox sandbox;
static char id[36];

static void open_sandbox(void)
{
    memset(&sandbox, 0, sizeof(sandbox));
    backend.state = state;
    sandbox.backend = &backend;
    sandbox.base.backend = &backend.base;
    sandbox.quota.max = SPOOL_QUOTA;
    sandbox.owner = (char *)(size_t) "me";
    list_init(&sandbox.jobs);
    pthread_mutex_init(&sandbox.lock, NULL);
    sandbox.dir = create("me", NULL);
}

static void forget_jobs(void)
{
    list_each(link, &sandbox.jobs) job_forget(list_of(link, struct job, link));
    CHECK_INT(sandbox.job_count, 0);
    CHECK_INT(sandbox.quota.used, 0);
}

static void close_sandbox(void)
{
    forget_jobs();
    state_dir_done(&sandbox.dir);
    pthread_mutex_destroy(&sandbox.lock);
}

/* One process from its start to its end; its id is known once job_list() returned. */
static void live(const char *name, bool hand_out)
{
    struct job *j = NULL;

    if (job_new(&sandbox, NULL, &j, NULL))
        _exit(2);
    snprintf(j->id, sizeof(j->id), "%s", name);
    snprintf(j->out.name, sizeof(j->out.name), "%s/out", name);
    snprintf(j->errs.name, sizeof(j->errs.name), "%s/err", name);
    job_output(j, 0, "one\n", 4);
    job_list(j, hand_out);
    job_output(j, 0, "two\n", 4);
    job_output(j, 1, "wrong\n", 6);
    job_exited(j, 3 << 8);
    job_phase(j, JOB_BACKGROUND);
    job_over(j);
    job_unref(j);
}

static void live_and_exit(const char *name)
{
    live(name, true);
    _exit(0);
}

/* What is left of it after a kill: nothing, or a beginning of its output and a state. */
static bool is_sound(void)
{
    struct exec_result res = { 0 };
    struct job *j;
    bool found;

    jobs_load(&sandbox);
    found = sandbox.job_count == 1;
    if (found) {
        CHECK(!job_find(&sandbox, id, &j, NULL));
        CHECK(!job_result(j, NULL, 1000, &res, NULL));
        CHECK(!strncmp(buf_str(&res.out.text), "one\ntwo\n", res.out.text.len));
        CHECK(!strncmp(buf_str(&res.errs.text), "wrong\n", res.errs.text.len));
        CHECK(res.status == EXEC_EXITED || res.status == EXEC_KILLED);
        if (res.status == EXEC_EXITED) {
            CHECK_INT(res.exit_code, 3);
            CHECK_STR(res.out.text.data, "one\ntwo\n");
            CHECK_STR(res.errs.text.data, "wrong\n");
        } else {
            CHECK_HAS(res.note, "Interrupted by restart");
        }
        exec_result_done(&res);
        job_unref(j);
    }
    forget_jobs();
    tree_remove(sandbox.dir.jobs_fd, id);
    return found;
}

static void a_kill_at_any_system_call_of_a_process_leaves_what_it_wrote(void)
{
    unsigned n, found = 0;

    fresh();
    open_sandbox();
    for (n = 1;; n++) {
        id_make("p", id);
        if (!killed_at(n, live_and_exit, id))
            break;
        found += is_sound();
    }
    CHECK(n > 40 && found > 10);
    CHECK(is_sound());
    CHECK(faccessat(state.root_fd, "quarantine", F_OK, 0));
    close_sandbox();
}

static void what_was_not_handed_out_leaves_nothing(void)
{
    fresh();
    open_sandbox();
    id_make("p", id);
    live(id, false);
    forget_jobs();
    CHECK(tree_empty(sandbox.dir.dir_fd, "jobs"));
    close_sandbox();
}

static void forgotten_ones_stay_on_disk_and_evicted_ones_do_not(void)
{
    fresh();
    open_sandbox();
    id_make("p", id);
    live(id, true);
    forget_jobs();
    CHECK(!tree_empty(sandbox.dir.dir_fd, "jobs"));
    jobs_load(&sandbox);
    CHECK_INT(sandbox.job_count, 1);
    sandbox.quota.used = SPOOL_QUOTA;
    jobs_evict(&sandbox);
    CHECK_INT(sandbox.job_count, 0);
    CHECK(tree_empty(sandbox.dir.dir_fd, "jobs"));
    sandbox.quota.used = 0;
    close_sandbox();
}

static void they_come_back_in_the_order_of_their_start(void)
{
    char ids[5][36];
    int i = 0;

    fresh();
    open_sandbox();
    for (i = 0; i < 5; i++) {
        id_make("p", ids[i]);
        live(ids[i], true);
        usleep(5000);
    }
    forget_jobs();
    jobs_load(&sandbox);
    i = 0;
    list_each(link, &sandbox.jobs) CHECK_STR(list_of(link, struct job, link)->id, ids[i++]);
    CHECK_INT(i, 5);
    close_sandbox();
}

static void only_so_many_come_back(void)
{
    fresh();
    open_sandbox();
    for (int i = 0; i < JOB_KEPT_MAX + 10; i++) {
        id_make("p", id);
        live(id, true);
        forget_jobs();
    }
    jobs_load(&sandbox);
    CHECK_INT(sandbox.job_count, JOB_KEPT_MAX);
    close_sandbox();
}

static const struct test tests[] = {
    TEST(a_kill_at_any_system_call_of_a_process_leaves_what_it_wrote),
    TEST(what_was_not_handed_out_leaves_nothing),
    TEST(forgotten_ones_stay_on_disk_and_evicted_ones_do_not),
    TEST(they_come_back_in_the_order_of_their_start),
    TEST(only_so_many_come_back),
    TEST(the_end),
};

TEST_MAIN(tests)
