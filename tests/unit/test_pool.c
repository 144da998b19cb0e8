#include "base/clock.h"
#include "base/pool.h"
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct pool *make(unsigned threads, unsigned queued)
{
    struct pool *p;

    CHECK(!pool_new(threads, queued, &p, NULL));
    return p;
}

static _Atomic int count, held;
static _Atomic bool open_gate;

static void add_one(void *arg)
{
    (void)arg;
    count++;
}

static void wait_for_gate(void *arg)
{
    (void)arg;
    held++;
    while (!open_gate)
        usleep(1000);
    count++;
}

static bool reaches(_Atomic int *value, int want)
{
    for (int i = 0; i < 5000 && *value < want; i++)
        usleep(1000);
    return *value == want;
}

static void reset(void)
{
    count = held = 0;
    open_gate = false;
}

static void jobs_that_wait_hold_up_nobody(void)
{
    struct pool *p = make(40, 40);

    reset();
    for (int i = 0; i < 30; i++)
        CHECK(!pool_run(p, wait_for_gate, NULL, NULL));
    CHECK(reaches(&held, 30));
    for (int i = 0; i < 10; i++) {
        CHECK(!pool_run(p, add_one, NULL, NULL));
        CHECK(reaches(&count, i + 1));
    }
    CHECK_INT(pool_load(p), 30);
    open_gate = true;
    CHECK(reaches(&count, 40));
    pool_free(p);
}

/* The second comes while the first has just been taken, and must not wait for its end. */
static void a_job_behind_one_that_waits_is_run(void)
{
    for (int i = 0; i < 200; i++) {
        struct pool *p = make(4, 4);
        reset();
        CHECK(!pool_run(p, wait_for_gate, NULL, NULL));
        if (i % 2)
            CHECK(reaches(&held, 1));
        CHECK(!pool_run(p, add_one, NULL, NULL));
        CHECK(!pool_run(p, add_one, NULL, NULL));
        CHECK(reaches(&count, 2));
        open_gate = true;
        pool_free(p);
        CHECK_INT(count, 3);
    }
}

static void *push_many(void *arg)
{
    for (int i = 0; i < 5000; i++)
        while (pool_run(arg, add_one, NULL, NULL))
            usleep(100);
    return NULL;
}

static void each_job_is_run_once(void)
{
    struct pool *p = make(16, 64);
    pthread_t threads[4];

    reset();
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, push_many, p);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(reaches(&count, 20000));
    CHECK_INT(pool_load(p), 0);
    CHECK_INT(pool_queued(p), 0);
    pool_free(p);
    CHECK_INT(count, 20000);
}

static void a_full_queue_refuses(void)
{
    struct pool *p = make(2, 3);
    struct err err = { 0 };

    reset();
    for (int i = 0; i < 2; i++)
        CHECK(!pool_run(p, wait_for_gate, NULL, NULL));
    CHECK(reaches(&held, 2));
    for (int i = 0; i < 3; i++)
        CHECK(!pool_run(p, add_one, NULL, NULL));
    CHECK_INT(pool_queued(p), 3);
    CHECK(pool_run(p, add_one, NULL, &err));
    CHECK_INT(err.code, ERR_BUSY);
    open_gate = true;
    pool_free(p);
    CHECK_INT(count, 5);
}

static void freeing_waits_for_what_runs(void)
{
    struct pool *p = make(8, 8);

    reset();
    open_gate = true;
    for (int i = 0; i < 8; i++)
        CHECK(!pool_run(p, wait_for_gate, NULL, NULL));
    pool_free(p);
    CHECK_INT(count, 8);
    pool_free(NULL);
}

static const struct test tests[] = {
    TEST(jobs_that_wait_hold_up_nobody), TEST(a_job_behind_one_that_waits_is_run),
    TEST(each_job_is_run_once),          TEST(a_full_queue_refuses),
    TEST(freeing_waits_for_what_runs),
};

TEST_MAIN(tests)
