#include "tests/unit/check.h"
#include "tests/unit/drive_fixture.h"

#include <signal.h>

static struct drive_fixture f;
static struct wire_out frame;

static void begin(void)
{
    if (f.agent)
        drive_end(&f);
    drive_start(&f);
}

static void exec(void)
{
    begin();
    drive_exec(&f);
}

static void started(void)
{
    wire_begin(&frame, WIRE_STARTED, 0);
    wire_put_u32(&frame, TAG_PID, 7);
    drive_frame(&f, &frame);
}

static void exited(uint32_t status, uint32_t descendants)
{
    wire_begin(&frame, WIRE_EXIT, 0);
    wire_put_u32(&frame, TAG_STATUS, status);
    wire_put_u32(&frame, TAG_DESCENDANTS, descendants);
    drive_frame(&f, &frame);
}

static struct exec_result result(void)
{
    struct exec_result r = { 0 };
    struct err err = { 0 };

    if (job_result(f.job, NULL, 1000, &r, &err))
        FAIL("%s", err.msg);
    return r;
}

static struct err failure(void)
{
    struct exec_result r = { 0 };
    struct err err = { 0 };

    CHECK(job_result(f.job, NULL, 1000, &r, &err));
    exec_result_done(&r);
    return err;
}

static void it_is_over_when_the_process_and_its_pipes_are(void)
{
    AUTO(exec_result) struct exec_result r = { 0 };

    exec();
    started();
    CHECK(!drive_step_after(&f, 1));
    CHECK_INT(f.job->pid, 7);
    drive_print(&f, 0, "out", 3);
    drive_print(&f, 1, "err", 3);
    exited(3 << 8, 0);
    CHECK(!drive_step_after(&f, 1));
    drive_hang_up(&f.out);
    CHECK(!drive_step_after(&f, 1));
    drive_hang_up(&f.errs);
    CHECK(drive_step_after(&f, 1));
    r = result();
    CHECK_INT(r.status, EXEC_EXITED);
    CHECK_INT(r.exit_code, 3);
    CHECK_STR(buf_str(&r.out.text), "out");
    CHECK_STR(buf_str(&r.errs.text), "err");
    CHECK_STR(r.process_id, "");
}

static void holders_get_fifty_quiet_milliseconds(void)
{
    AUTO(exec_result) struct exec_result r = { 0 };

    exec();
    exited(0, 1);
    CHECK(!drive_step_after(&f, 0));
    CHECK(!drive_step_after(&f, 49));
    drive_print(&f, 0, "x", 1);
    CHECK(!drive_step_after(&f, 0));
    CHECK(!drive_step_after(&f, 49));
    CHECK(drive_step_after(&f, 1));
    r = result();
    CHECK_INT(r.status, EXEC_EXITED);
    CHECK(r.background);
    CHECK(r.process_id[0]);
    CHECK(f.job->channel >= 0);
}

static void holders_that_chatter_get_a_quarter_of_a_second(void)
{
    int64_t began;

    exec();
    exited(0, 1);
    began = f.now_ms;
    while (!drive_step_after(&f, 10)) {
        drive_print(&f, 0, "x", 1);
        CHECK(f.now_ms - began < 1000);
    }
    CHECK(f.now_ms - began >= 250 && f.now_ms - began <= 270);
}

static void a_silent_daemon_keeps_its_channel(void)
{
    AUTO(exec_result) struct exec_result r = { 0 };

    exec();
    exited(0, 1);
    drive_hang_up(&f.out);
    drive_hang_up(&f.errs);
    CHECK(drive_step_after(&f, 0));
    r = result();
    CHECK(!r.background);
    CHECK_STR(r.process_id, "");
    CHECK(f.job->channel >= 0);
    f.job->foreground = f.over = false;
    CHECK(!drive_step_after(&f, 100000));
    drive_hang_up(&f.channel);
    CHECK(drive_step_after(&f, 0));
}

static void who_holds_the_output_without_being_of_it_is_left(void)
{
    exec();
    started();
    exited(0, 1);
    drive_step_after(&f, 300);
    f.job->foreground = f.over = false;
    drive_hang_up(&f.channel);
    CHECK(!drive_step_after(&f, 0));
    CHECK(drive_step_after(&f, 5000));
    CHECK(!f.agent->dead);
    CHECK(f.job->phase == JOB_OVER && f.job->status == EXEC_EXITED);
}

static void a_channel_that_ends_early_is_a_kill_with_what_there_was(void)
{
    AUTO(exec_result) struct exec_result r = { 0 };

    exec();
    drive_print(&f, 0, "part", 4);
    drive_hang_up(&f.out);
    drive_hang_up(&f.errs);
    drive_hang_up(&f.channel);
    CHECK(drive_step_after(&f, 0));
    r = result();
    CHECK_INT(r.status, EXEC_KILLED);
    CHECK_INT(r.exit_code, -1);
    CHECK_STR(buf_str(&r.out.text), "part");
}

static int received(void)
{
    static struct frame in;

    if (channel_recv(f.channel, &in) != CHANNEL_FRAME)
        return -1;
    if (in.in.op == WIRE_START)
        return received();
    return in.in.op == WIRE_SIGNAL ? (int)wire_u32(&in.in, TAG_SIGNAL, 0) : -1;
}

static void a_timeout_is_term_then_the_end_of_the_channel(void)
{
    AUTO(exec_result) struct exec_result r = { 0 };

    exec();
    f.job->timeout_ms = f.now_ms + 500;
    CHECK(!drive_step_after(&f, 499));
    CHECK_INT(received(), -1);
    CHECK(!drive_step_after(&f, 1));
    CHECK_INT(received(), SIGTERM);
    CHECK(!drive_step_after(&f, JOB_GRACE_MS - 1));
    CHECK(!drive_step_after(&f, 1));
    CHECK(!drive_step_after(&f, 1));
    r = result();
    CHECK_INT(r.status, EXEC_TIMED_OUT);
    CHECK(drive_step_after(&f, 4000));
}

static void frames_that_lie_destroy_the_sandbox(void)
{
    static const struct {
        const char *what;
        uint8_t op;
        unsigned times;
    } cases[] = {
        { "unknown op", 200, 1 },       { "a server's op", WIRE_START, 1 },
        { "READY", WIRE_READY, 1 },     { "LOST", WIRE_LOST, 1 },
        { "EXIT twice", WIRE_EXIT, 2 }, { "too many", WIRE_STARTED, 17 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        exec();
        for (unsigned n = 0; n < cases[i].times; n++) {
            wire_begin(&frame, cases[i].op, 0);
            drive_frame(&f, &frame);
        }
        (void)drive_step_after(&f, 0);
        if (!f.agent->dead || failure().code != ERR_ISOLATION)
            FAIL("%s", cases[i].what);
    }
}

static void bytes_that_are_no_frame_destroy_the_sandbox(void)
{
    static const char *const cases[] = { "x", "\x42\x53\x01\x41\xff\xff\xff\xff\0\0\0\0",
                                         "\x42\x53\x02\x41\0\0\0\0\0\0\0\0",
                                         "\x42\x53\x01\x41\0\0\0\0\x01\0\0\0" };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        exec();
        CHECK(send(f.channel, cases[i], i ? 12 : 1, 0) > 0);
        (void)drive_step_after(&f, 0);
        if (!f.agent->dead)
            FAIL("case %zu", i);
        CHECK_INT(failure().code, ERR_ISOLATION);
    }
}

static void a_descriptor_from_inside_destroys_the_sandbox(void)
{
    struct err err = { 0 };
    int before, after;

    exec();
    before = dup(0);
    close(before);
    wire_begin(&frame, WIRE_STARTED, 0);
    CHECK(!channel_send(f.channel, &frame, &f.out, 1, &err));
    (void)drive_step_after(&f, 0);
    after = dup(0);
    close(after);
    CHECK(f.agent->dead);
    CHECK(after <= before);
}

static void an_error_of_the_agent_is_the_calls_error(void)
{
    struct err err;

    exec();
    wire_begin(&frame, WIRE_ERROR, 0);
    wire_put_u32(&frame, TAG_CODE, ERR_NOT_FOUND);
    wire_put_str(&frame, TAG_TEXT, "cwd /x: no such directory");
    wire_put_str(&frame, TAG_NEXT_TEXT, "pass another");
    drive_frame(&f, &frame);
    CHECK(drive_step_after(&f, 0));
    err = failure();
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_STR(err.msg, "cwd /x: no such directory");
    CHECK_STR(err.next, "pass another");
    CHECK(!f.agent->dead);
}

static void an_error_with_a_wrong_code_is_internal(void)
{
    exec();
    wire_begin(&frame, WIRE_ERROR, 0);
    wire_put_u32(&frame, TAG_CODE, 4000000000u);
    drive_frame(&f, &frame);
    CHECK(drive_step_after(&f, 0));
    CHECK_INT(failure().code, ERR_INTERNAL);
}

static void a_session_goes_from_command_to_command(void)
{
    begin();
    drive_session(&f, true);
    drive_print(&f, 0, "a", 1);
    wire_begin(&frame, WIRE_EXIT, 0);
    wire_put_u32(&frame, TAG_STATUS, 0);
    wire_put_str(&frame, TAG_CWD, "/tmp");
    drive_frame(&f, &frame);
    drive_hang_up(&f.out);
    drive_hang_up(&f.errs);
    CHECK(drive_step_after(&f, 0));
    CHECK_STR(f.job->cwd, "/tmp");
    CHECK_INT(f.job->channel, -1);
    drive_forget(&f);
    drive_session(&f, false);
    drive_hang_up(&f.channel);
    drive_hang_up(&f.out);
    drive_hang_up(&f.errs);
    CHECK(drive_step_after(&f, 0));
    CHECK(f.job->session_lost);
    CHECK_HAS(f.job->note, "gone");
    drive_forget(&f);
    drive_session(&f, true);
    CHECK_STR(f.job->cwd, "/tmp");
}

static void a_busy_session_lets_nobody_in(void)
{
    struct exec_request req = { .command = "x", .session_id = "s" };
    struct err err = { 0 };
    struct job *j;

    begin();
    drive_session(&f, true);
    CHECK(call_end(&f.call, CALL_CANCELLED));
    CHECK(session_start(&f.sandbox, &f.call, &req, &j, &err));
    CHECK_INT(err.code, ERR_CANCELLED);
}

static void the_end(void)
{
    drive_end(&f);
}

static const struct test tests[] = {
    TEST(it_is_over_when_the_process_and_its_pipes_are),
    TEST(holders_get_fifty_quiet_milliseconds),
    TEST(holders_that_chatter_get_a_quarter_of_a_second),
    TEST(a_silent_daemon_keeps_its_channel),
    TEST(who_holds_the_output_without_being_of_it_is_left),
    TEST(a_channel_that_ends_early_is_a_kill_with_what_there_was),
    TEST(a_timeout_is_term_then_the_end_of_the_channel),
    TEST(frames_that_lie_destroy_the_sandbox),
    TEST(bytes_that_are_no_frame_destroy_the_sandbox),
    TEST(a_descriptor_from_inside_destroys_the_sandbox),
    TEST(an_error_of_the_agent_is_the_calls_error),
    TEST(an_error_with_a_wrong_code_is_internal),
    TEST(a_session_goes_from_command_to_command),
    TEST(a_busy_session_lets_nobody_in),
    TEST(the_end),
};

TEST_MAIN(tests)
