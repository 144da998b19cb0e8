#include "mcp/task.h"
#include "tests/unit/task_fixture.h"

/* ---- the way of a task ---- */

static void a_task_is_made_read_and_completed(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "slow", id);
    CHECK_HAS(s.created, "\"resultType\":\"task\"");
    CHECK_HAS(s.created, "\"status\":\"working\"");
    CHECK_HAS(s.created, "\"ttlMs\":3600000");
    CHECK_HAS(s.created, "\"pollIntervalMs\":1000");
    CHECK_HAS(s.created, "\"statusMessage\":\"h1\"");
    CHECK(!strstr(s.created, "\"result\":{}") && !strstr(s.created, "requestState"));
    CHECK_HAS(task_get(&s, id), "\"resultType\":\"complete\",\"taskId\":");
    CHECK_HAS(task_get(&s, id), "\"status\":\"working\"");
    release(&s);
    CHECK_HAS(task_await(&s, id, "completed"),
              "\"result\":{\"resultType\":\"complete\",\"content\"");
    CHECK_HAS(task_get(&s, id), "slow is over");
    tasked_done(&s);
}

static void a_tool_that_fails_is_completed_with_an_error(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "broken", id);
    release(&s);
    CHECK_HAS(task_await(&s, id, "completed"), "\"isError\":true");
    tasked_done(&s);
}

static void a_cancelled_task_is_cancelled_and_stays_so(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "slow", id);
    CHECK_HAS(task_cancel(&s, id), "\"result\":{\"resultType\":\"complete\"");
    CHECK(!strstr(task_await(&s, id, "cancelled"), "\"result\":{\"content"));
    CHECK_HAS(task_cancel(&s, id), "\"result\":{\"resultType\":\"complete\"");
    CHECK_HAS(task_get(&s, id), "\"status\":\"cancelled\"");
    tasked_done(&s);
}

static void a_closed_connection_does_not_end_it(void)
{
    struct tasked s = tasked_new(NULL);
    struct server_conn *other;
    char id[64];

    start_task(&s, "slow", id);
    other = tasked_conn(&s, "me");
    server_conn_close(s.conn, CALL_CANCELLED);
    s.conn = other;
    CHECK_HAS(task_get(&s, id), "\"status\":\"working\"");
    release(&s);
    task_await(&s, id, "completed");
    tasked_done(&s);
}

static void the_end_of_stdio_ends_it_as_interrupted(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "slow", id);
    server_conn_end_tasks(s.conn);
    CHECK_HAS(task_await(&s, id, "completed"), "interrupted by restart");
    CHECK_HAS(task_get(&s, id), "\"isError\":true");
    tasked_done(&s);
}

static void messages_are_one_line_and_spaced(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "talks", id);
    task_await(&s, id, "h1 · line 1");
    release(&s);
    task_await(&s, id, "completed");
    CHECK(!strstr(task_get(&s, id), "statusMessage"));
    tasked_done(&s);
}

/* ---- who may what ---- */

static void somebody_elses_task_is_unknown(void)
{
    static const char *const methods[] = { "tasks/get", "tasks/cancel", "tasks/update" };
    struct tasked s = tasked_new(NULL);
    struct server_conn *mine = s.conn, *foreign = tasked_conn(&s, "you");
    char id[64], unknown[64] = "task_aaaaaaaaaaaaaaaaaaaaaaaaaa";

    start_task(&s, "slow", id);
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        char theirs[256], none[256];
        s.conn = foreign;
        snprintf(theirs, sizeof(theirs), "%s", task_request(&s, methods[i], id));
        s.conn = mine;
        snprintf(none, sizeof(none), "%s", task_request(&s, methods[i], unknown));
        CHECK_HAS(theirs, "\"code\":-32602");
        CHECK_STR(theirs, none);
    }
    CHECK_HAS(task_get(&s, id), "\"status\":\"working\"");
    server_conn_close(foreign, CALL_CANCELLED);
    release(&s);
    tasked_done(&s);
}

static void a_client_without_the_extension_is_refused(void)
{
    static const char *const methods[] = { "tasks/get", "tasks/cancel", "tasks/update" };
    struct tasked s = tasked_new(NULL);

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        char text[512];
        const char *got;
        snprintf(text, sizeof(text),
                 "{'jsonrpc':'2.0','id':1,'method':'%s','params':{" META_MODERN
                 ",'taskId':'task_aaaaaaaaaaaaaaaaaaaaaaaaaa','inputResponses':{}}}",
                 methods[i]);
        got = send_text(&s, text);
        CHECK_HAS(got, "\"code\":-32021");
        CHECK_HAS(got, "\"data\":{\"requiredCapabilities\":{\"extensions\":"
                       "{\"io.modelcontextprotocol/tasks\":{}}}}");
        CHECK_INT(s.status, 400);
    }
    tasked_done(&s);
}

static void a_client_without_the_extension_waits_for_the_result(void)
{
    struct tasked s = tasked_new(NULL);

    release(&s);
    CHECK_HAS(
        send_text(
            &s, "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'slow'," META_MODERN
                "}}"),
        "slow is over");
    tasked_done(&s);
}

static void the_older_methods_of_tasks_are_unknown(void)
{
    static const char *const methods[] = { "tasks/result", "tasks/list" };
    struct tasked s = tasked_new(NULL);

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        CHECK_HAS(task_request(&s, methods[i], "task_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
                  "\"code\":-32601");
        CHECK_INT(s.status, 404);
    }
    tasked_done(&s);
}

static void malformed_requests_name_the_member(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    CHECK_HAS(
        send_text(&s,
                  "{'jsonrpc':'2.0','id':1,'method':'tasks/get','params':{'taskId':7," META_TASKS
                  "}}"),
        "params.taskId must be a string");
    start_task(&s, "slow", id);
    CHECK_HAS(task_update(&s, id, "7"), "params.inputResponses must be an object");
    CHECK_HAS(task_update(&s, id, "{'nobody':{}}"), "\"resultType\":\"complete\"");
    release(&s);
    tasked_done(&s);
}

static void running_tasks_have_a_bound_per_principal(void)
{
    struct tasked s = tasked_new(NULL);
    struct server_conn *mine = s.conn;
    char id[64];

    for (int i = 0; i < TASKS_PER_PRINCIPAL; i++)
        start_task(&s, "slow", id);
    s.conn = tasked_conn(&s, "you");
    start_task(&s, "slow", id);
    server_conn_close(s.conn, CALL_CANCELLED);
    s.conn = mine;
    CHECK_HAS(call_tool(&s, "maybe"), "not possible");
    release(&s);
    tasked_done(&s);
}

static void a_tool_may_need_a_client_that_takes_tasks(void)
{
    struct tasked s = tasked_new(NULL);

    CHECK_HAS(send_text(&s, "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{"
                            "'name':'refuses'," META_MODERN "}}"),
              "\"code\":-32021");
    CHECK_INT(s.status, 400);
    tasked_done(&s);
}

static void an_error_of_the_protocol_is_a_failed_task(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "refuses", id);
    release(&s);
    CHECK_HAS(task_await(&s, id, "failed"),
              "\"error\":{\"code\":-32099,\"message\":\"refused 7\",\"data\":{\"why\":1}}");
    CHECK(!strstr(task_get(&s, id), "\"result\":{\"content"));
    tasked_done(&s);
}

static void a_task_needs_no_progress_token_for_its_messages(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "steps", id);
    CHECK_HAS(task_await(&s, id, "h1 · half"), "working");
    release(&s);
    task_await(&s, id, "completed");
    tasked_done(&s);
}

static void kept_tasks_have_a_bound_per_principal(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    release(&s);
    for (int i = 0; i < TASKS_KEPT_PER_PRINCIPAL; i++) {
        start_task(&s, "slow", id);
        task_await(&s, id, "completed");
    }
    CHECK_HAS(call_tool(&s, "maybe"), "not possible");
    tasked_done(&s);
}

static void outcomes_have_a_bound_in_bytes(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    for (int i = 0; i < 10; i++) {
        start_task(&s, "large", id);
        task_await(&s, id, "completed");
    }
    CHECK_HAS(call_tool(&s, "maybe"), "not possible");
    tasked_done(&s);
}

/* ---- questions ---- */

static void a_question_makes_it_input_required(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "asks", id);
    task_await(&s, id, "input_required");
    CHECK_HAS(task_get(&s, id), "\"inputRequests\":{\"first\":{\"method\":\"elicitation/create\"");
    CHECK_HAS(task_get(&s, id), "\"second\":{");
    CHECK_HAS(task_update(&s, id, "{'first':{'action':'accept','content':{'ok':true}}}"),
              "\"result\":{\"resultType\":\"complete\"");
    CHECK_HAS(task_get(&s, id), "\"inputRequests\":{\"second\":{");
    task_update(&s, id, "{'first':{'action':'decline'},'nobody':{},'second':7}");
    CHECK_HAS(task_get(&s, id), "\"inputRequests\":{\"second\":{");
    task_update(&s, id, "{'second':{'action':'decline'}}");
    CHECK_HAS(task_await(&s, id, "\"first.2\":{"), "input_required");
    task_update(&s, id, "{'first.2':{'action':'accept','content':{'ok':true}}}");
    CHECK_HAS(task_await(&s, id, "completed"), "yes, no, yes");
    tasked_done(&s);
}

static void a_question_ends_with_its_task(void)
{
    struct tasked s = tasked_new(NULL);
    char id[64];

    start_task(&s, "asks", id);
    task_await(&s, id, "input_required");
    task_cancel(&s, id);
    CHECK(!strstr(task_await(&s, id, "cancelled"), "inputRequests"));
    tasked_done(&s);
}

static const struct test tests[] = {
    TEST(a_task_is_made_read_and_completed),
    TEST(a_tool_that_fails_is_completed_with_an_error),
    TEST(a_cancelled_task_is_cancelled_and_stays_so),
    TEST(a_closed_connection_does_not_end_it),
    TEST(the_end_of_stdio_ends_it_as_interrupted),
    TEST(messages_are_one_line_and_spaced),
    TEST(somebody_elses_task_is_unknown),
    TEST(a_client_without_the_extension_is_refused),
    TEST(a_client_without_the_extension_waits_for_the_result),
    TEST(the_older_methods_of_tasks_are_unknown),
    TEST(malformed_requests_name_the_member),
    TEST(running_tasks_have_a_bound_per_principal),
    TEST(a_tool_may_need_a_client_that_takes_tasks),
    TEST(an_error_of_the_protocol_is_a_failed_task),
    TEST(a_task_needs_no_progress_token_for_its_messages),
    TEST(kept_tasks_have_a_bound_per_principal),
    TEST(outcomes_have_a_bound_in_bytes),
    TEST(a_question_makes_it_input_required),
    TEST(a_question_ends_with_its_task),
};

TEST_MAIN(tests)
