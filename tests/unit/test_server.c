#include "tests/unit/router_fixture.h"

#define ID(id) "{'jsonrpc':'2.0','id':" id ",'method':"
#define BEGIN(v) ID("0") "'initialize','params':{'protocolVersion':'" v "'}}"
#define CALL(id, name) ID(id) "'tools/call','params':{'name':'" name "'}}"
#define CALL_ARGS(id, name, args) \
    ID(id) "'tools/call','params':{'name':'" name "','arguments':{" args "}}}"
#define CANCEL(id) \
    "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':" id "}}"

static const char *ask_in(const char *version, const char *message)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    const char *got;

    if (version) {
        static char begin[256];
        snprintf(begin, sizeof(begin), BEGIN("%s"), version);
        CHECK_HAS(ask(srv, conn, begin, NULL, NULL), version);
    }
    got = ask(srv, conn, message, NULL, NULL);
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
    return got;
}

/* ---- lists ---- */

#define TOOL_TEXT(name) "'name':'" name "','description':'does','inputSchema':{'type':'object'}"
#define HINTS(read_only, destructive, idempotent, open_world)                                     \
    "'readOnlyHint':" read_only ",'destructiveHint':" destructive ",'idempotentHint':" idempotent \
    ",'openWorldHint':" open_world

static void lists_hold_what_the_revision_knows(void)
{
    static const struct {
        const char *version, *has, *lacks;
    } cases[] = {
        { "2024-11-05", "'tools':[{" TOOL_TEXT("echo") "},{" TOOL_TEXT("fact") "}", "Hint" },
        { "2024-11-05", "{" TOOL_TEXT("waits") "}]}}", "title" },
        { "2025-03-26",
          "{" TOOL_TEXT("echo") ",'annotations':{'title':'The echo'," HINTS("true", "false",
                                                                            "false", "false") "}},",
          "outputSchema" },
        { "2025-06-18",
          "{'name':'fact','title':'The fact','description':'does','inputSchema':{'type':'object'},"
          "'outputSchema':{'type':'object'},'annotations':{" HINTS("true", "false", "false",
                                                                   "false") "}},",
          "ttlMs" },
        { "2025-11-25",
          "'title':'The waits','description':'does','inputSchema':{'type':'object'},"
          "'annotations':{" HINTS("true", "true", "false", "true") "}}]}}",
          "needs" },
        { "2025-11-25",
          "'title':'The ticks','description':'does','inputSchema':{'type':'object'},"
          "'annotations':{" HINTS("true", "false", "true", "false") "}}",
          "resultType" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = ask_in(cases[i].version, ID("1") "'tools/list'}");
        CHECK_HAS(got, unquoted(cases[i].has));
        if (strstr(got, cases[i].lacks))
            FAIL("%s: %s is there: %s", cases[i].version, cases[i].lacks, got);
    }
}

static void modern_lists_have_caching_hints(void)
{
    const char *got = ask_in(NULL, ID("1") "'tools/list','params':{" META_MODERN "}}");

    CHECK_HAS(got, unquoted("{'jsonrpc':'2.0','id':1,'result':{'resultType':'complete','tools':["));
    CHECK_HAS(got, unquoted("],'ttlMs':300000,'cacheScope':'public','_meta':{"
                            "'io.modelcontextprotocol/serverInfo':"));
    CHECK_HAS(got, "outputSchema");
}

static void the_open_world_is_a_matter_of_policy(void)
{
    struct server_config config = fixture_config;
    struct server *srv = NULL;
    struct server_conn *conn;

    config.open_world = true;
    CHECK(!server_new(&config, &srv, NULL));
    conn = fixture_conn(srv);
    CHECK_HAS(ask(srv, conn, ID("1") "'tools/list'}", NULL, NULL),
              unquoted("'title':'The echo','description':'does','inputSchema':{'type':'object'},"
                       "'annotations':{" HINTS("true", "false", "false", "true") "}}"));
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
}

/* ---- results ---- */

static void results_are_projected(void)
{
    static const struct {
        const char *version, *tool, *want;
    } cases[] = {
        { "2024-11-05", "echo",
          "{'content':[{'type':'text','text':'nothing for me in "
          "box'}],'_meta':{'sandbox-mcp/n':7}}" },
        { "2024-11-05", "fact", "{'content':[{'type':'text','text':'ok'}]}" },
        { "2025-03-26", "fact", "{'content':[{'type':'text','text':'ok'}]}" },
        { "2025-06-18", "fact",
          "{'content':[{'type':'text','text':'ok'}],'structuredContent':{'ok':true}}" },
        { "2025-11-25", "fact",
          "{'content':[{'type':'text','text':'ok'}],'structuredContent':{'ok':true}}" },
        { "2025-11-25", "shot",
          "{'content':[{'type':'text','text':'ok'},{'type':'image','mimeType':'image/png',"
          "'data':'cG5n'}]}" },
        { "2025-11-25", "fails",
          "{'content':[{'type':'text','text':'busy: told to \\'fail\\'. Next: try again.'}],"
          "'isError':true,'_meta':{'sandbox-mcp/code':'busy','sandbox-mcp/retryable':true}}" },
        { "2025-11-25", "grows",
          "{'content':[{'type':'text','text':'too_large: the result has more than 9437184 bytes."
          " Next: ask for less of it at a time.'}],'isError':true,'_meta':{"
          "'sandbox-mcp/code':'too_large','sandbox-mcp/retryable':false}}" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char message[256], want[2048];
        snprintf(message, sizeof(message), CALL("1", "%s"), cases[i].tool);
        const char *got = ask_in(cases[i].version, message);
        snprintf(want, sizeof(want), "{'jsonrpc':'2.0','id':1,'result':%s}", cases[i].want);
        CHECK_STR(got, unquoted(want));
    }
}

static void a_modern_error_says_who_it_is(void)
{
    CHECK_STR(ask_in(NULL, ID("'x'") "'tools/call','params':{'name':'fails'," META_MODERN "}}"),
              unquoted("{'jsonrpc':'2.0','id':'x','result':{'resultType':'complete','content':[{"
                       "'type':'text','text':'busy: told to \\'fail\\'. Next: try again.'}],"
                       "'isError':true,'_meta':{'sandbox-mcp/code':'busy',"
                       "'sandbox-mcp/retryable':true,'io.modelcontextprotocol/serverInfo':"
                       "{'name':'test','version':'1'}}}}"));
}

/* ---- in flight ---- */

static void a_cancelled_call_gives_no_answer_and_frees_its_id(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct kept k;

    kept_init(&k);
    server_call_unref(send_message(srv, conn, CALL("1", "waits"), NULL, &k));
    CHECK_INT(server_load(srv), 1);
    CHECK_HAS(ask(srv, conn, CALL("1", "echo"), NULL, NULL), "-32600");
    CHECK_HAS(ask(srv, conn, CALL("'1'", "echo"), NULL, NULL), "result");
    CHECK_STR(ask(srv, conn, CANCEL("'1'"), NULL, NULL), "");
    CHECK_INT(k.finished, 0);
    CHECK_STR(ask(srv, conn, CANCEL("1"), NULL, NULL), "");
    CHECK_HAS(ask(srv, conn, CALL("1", "echo"), NULL, NULL), "result");
    CHECK(!kept_await(&k, 1));
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
    CHECK_INT(k.finished, 1);
    kept_done(&k);
}

static void an_id_belongs_to_its_connection(void)
{
    struct server *srv = fixture_server();
    struct server_conn *one = fixture_conn(srv), *two = fixture_conn(srv);
    struct kept k;

    kept_init(&k);
    server_call_unref(send_message(srv, one, CALL("1", "waits"), NULL, &k));
    (void)ask(srv, two, CANCEL("1"), NULL, NULL);
    CHECK_HAS(ask(srv, two, CALL("1", "echo"), NULL, NULL), "result");
    CHECK_INT(k.finished, 0);
    server_conn_close(two, CALL_CANCELLED);
    CHECK_INT(server_load(srv), 1);
    server_conn_close(one, CALL_CANCELLED);
    CHECK(!kept_await(&k, 1));
    server_free(srv);
    kept_done(&k);
}

static void more_calls_than_allowed_are_busy(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct kept k;
    int status = 0;

    kept_init(&k);
    for (unsigned i = 0; i < fixture_config.max_calls; i++) {
        char message[128];
        snprintf(message, sizeof(message), CALL("%u", "waits"), i);
        server_call_unref(send_message(srv, conn, message, NULL, &k));
    }
    CHECK_HAS(ask(srv, conn, CALL("99", "echo"), NULL, &status), "-32603");
    CHECK_INT(status, 200);
    CHECK_HAS(ask(srv, conn, ID("100") "'ping'}", NULL, NULL), "result");
    (void)ask(srv, conn, CANCEL("3"), NULL, NULL);
    kept_await(&k, 1);
    CHECK_HAS(ask(srv, conn, CALL("99", "echo"), NULL, NULL), "result");
    server_conn_close(conn, CALL_CANCELLED);
    kept_await(&k, (int)fixture_config.max_calls);
    server_free(srv);
    kept_done(&k);
}

static void a_client_that_is_gone_ends_the_waiting(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct kept k;

    kept_init(&k);
    server_call_unref(send_message(srv, conn, CALL("1", "waits"), NULL, &k));
    server_conn_close(conn, CALL_GONE);
    CHECK_HAS(kept_await(&k, 1), "sandbox-mcp/code\":\"cancelled\"");
    server_free(srv);
    kept_done(&k);
}

static void a_stopping_server_answers_and_outlives_what_is_held(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct server_call *call;
    struct kept k;

    kept_init(&k);
    call = send_message(srv, conn, CALL("1", "waits"), NULL, &k);
    CHECK(call && !server_call_modern(call) && !server_call_streams(call));
    server_free(srv);
    CHECK_HAS(k.json, "unavailable: the server is stopping.");
    server_call_end(call, CALL_CANCELLED);
    server_conn_close(conn, CALL_CANCELLED);
    server_call_unref(call);
    kept_done(&k);
}

static void a_transport_can_cancel_what_it_holds(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct server_call *call;
    struct kept k;

    kept_init(&k);
    call = send_message(
        srv, conn, ID("1") "'tools/call','params':{'name':'waits'," META_MODERN "}}", NULL, &k);
    CHECK(server_call_modern(call));
    server_call_end(call, CALL_CANCELLED);
    CHECK(!kept_await(&k, 1));
    server_call_unref(call);
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
    kept_done(&k);
}

#define TICK(token) \
    ID("1")         \
    "'tools/call','params':{'name':'ticks','arguments':{'for_ms':2300},'_meta':{" token "}}}"

static void progress_is_spaced_and_grows(void)
{
    static const char *const versions[] = { "2024-11-05", "2025-03-26" };
    struct server *srv = fixture_server();
    struct server_conn *conn[3] = { fixture_conn(srv), fixture_conn(srv), fixture_conn(srv) };
    struct server_call *call[3];
    struct kept k[3];

    for (int i = 0; i < 3; i++) {
        char begin[256];
        kept_init(&k[i]);
        snprintf(begin, sizeof(begin), BEGIN("%s"), versions[i % 2]);
        (void)ask(srv, conn[i], begin, NULL, NULL);
        call[i] =
            send_message(srv, conn[i], i < 2 ? TICK("'progressToken':'t'") : TICK(""), NULL, &k[i]);
        CHECK_INT(server_call_streams(call[i]), i < 2);
    }
    for (int i = 0; i < 3; i++) {
        double first, second;
        CHECK_HAS(kept_await(&k[i], 1), "over");
        server_call_unref(call[i]);
        server_conn_close(conn[i], CALL_CANCELLED);
        CHECK_INT(k[i].note_count, i < 2 ? 2 : 0);
        if (i == 2)
            break;
        CHECK(k[i].note_ms[1] - k[i].note_ms[0] >= 1000);
        CHECK_INT(sscanf(strstr(k[i].notes[0], "progress\":"), "progress\":%lf", &first), 1);
        CHECK_INT(sscanf(strstr(k[i].notes[1], "progress\":"), "progress\":%lf", &second), 1);
        CHECK(first >= 1 && second > first);
        CHECK_HAS(k[i].notes[0], unquoted("{'jsonrpc':'2.0','method':'notifications/progress',"
                                          "'params':{'progressToken':'t','progress':"));
        CHECK_INT(strstr(k[i].notes[0], ",\"message\":\"red\xef\xbf\xbd\"}}") != NULL, i == 1);
    }
    server_free(srv);
    for (int i = 0; i < 3; i++)
        kept_done(&k[i]);
}

static void progress_of_a_handler_is_sent_at_once_and_grows(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct kept k;

    kept_init(&k);
    (void)ask(srv, conn, BEGIN("2025-11-25"), NULL, NULL);
    server_call_unref(send_message(
        srv, conn, ID("1") "'tools/call','params':{'name':'steps','_meta':{'progressToken':7}}}",
        NULL, &k));
    CHECK_HAS(kept_await(&k, 1), "over");
    CHECK_INT(k.note_count, 3);
    CHECK_HAS(k.notes[0], unquoted("'params':{'progressToken':7,'progress':0,'total':100,"
                                   "'message':'begun'}}"));
    CHECK_HAS(k.notes[1], unquoted("'params':{'progressToken':7,'progress':50,'total':100}}"));
    CHECK_HAS(k.notes[2], unquoted("'progress':100,"));
    server_call_unref(
        send_message(srv, conn, ID("2") "'tools/call','params':{'name':'steps'}}", NULL, &k));
    CHECK_HAS(kept_await(&k, 2), "over");
    CHECK_INT(k.note_count, 3);
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
    kept_done(&k);
}

static void a_batch_is_answered_once(void)
{
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct server_call *call;
    struct kept k;

    kept_init(&k);
    (void)ask(srv, conn, BEGIN("2025-03-26"), NULL, NULL);
    call = send_message(srv, conn,
                        "[" CALL("1", "waits") "," CALL("2", "echo") "," CALL(
                            "3", "grows") "," CALL("3", "grows") "]",
                        NULL, &k);
    CHECK(call);
    while (server_load(srv) > 1)
        (void)poll(NULL, 0, 1);
    CHECK_INT(k.finished, 0);
    (void)ask(srv, conn, CANCEL("1"), NULL, NULL);
    CHECK_HAS(kept_await(&k, 1), "nothing for me in box");
    CHECK(k.json[0] == '[' && k.json[strlen(k.json) - 1] == ']');
    CHECK(!strstr(k.json, "\"id\":1"));
    server_call_unref(call);
    server_conn_close(conn, CALL_CANCELLED);
    server_free(srv);
    kept_done(&k);
}

static void a_refusal_by_the_transport_reads_like_the_others(void)
{
    struct server *srv = fixture_server();
    struct http_facts facts = { .is_http = true };
    struct kept k;

    kept_init(&k);
    server_reject(srv, NULL, NULL, 413, -32600, "too \"long\"", &k.sink);
    CHECK_INT(k.status, 413);
    CHECK_STR(k.json, unquoted("{'jsonrpc':'2.0','error':{'code':-32600,"
                               "'message':'too \\'long\\''}}"));
    server_reject(srv, NULL, &facts, 413, -32600, "x", &k.sink);
    CHECK_HAS(k.json, "\"id\":null");
    server_free(srv);
    kept_done(&k);
}

static const struct test tests[] = {
    TEST(lists_hold_what_the_revision_knows),
    TEST(modern_lists_have_caching_hints),
    TEST(the_open_world_is_a_matter_of_policy),
    TEST(results_are_projected),
    TEST(a_modern_error_says_who_it_is),
    TEST(a_cancelled_call_gives_no_answer_and_frees_its_id),
    TEST(an_id_belongs_to_its_connection),
    TEST(more_calls_than_allowed_are_busy),
    TEST(a_client_that_is_gone_ends_the_waiting),
    TEST(a_stopping_server_answers_and_outlives_what_is_held),
    TEST(a_transport_can_cancel_what_it_holds),
    TEST(progress_is_spaced_and_grows),
    TEST(progress_of_a_handler_is_sent_at_once_and_grows),
    TEST(a_batch_is_answered_once),
    TEST(a_refusal_by_the_transport_reads_like_the_others),
};

TEST_MAIN(tests)
