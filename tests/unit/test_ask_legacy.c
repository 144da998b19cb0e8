#include "tests/unit/ask_fixture.h"

#define ALL_CAPABILITIES "'elicitation':{'form':{},'url':{}},'sampling':{},'roots':{}"
#define CALL(id, text)                                                                        \
    "{'jsonrpc':'2.0','id':" id ",'method':'tools/call','params':{'name':'echo','arguments':" \
    "{'text':'" text "'}}}"
#define ANSWER(id, result) "{'jsonrpc':'2.0','id':'" id "','result':" result "}"
#define ACCEPT "{'action':'accept','content':{'name':'Ann'}}"

struct place {
    struct server *srv;
    struct server_conn *conn;
    struct kept call;
    struct server_call *running;
};

static struct place open_with(const char *version, const char *capabilities)
{
    struct place p = { .srv = asking_server() };
    char begin[512];

    p.conn = fixture_conn(p.srv);
    snprintf(begin, sizeof(begin),
             "{'jsonrpc':'2.0','id':0,'method':'initialize','params':{'protocolVersion':'%s',"
             "'capabilities':{%s}}}",
             version, capabilities);
    CHECK_HAS(send_and_await(p.srv, p.conn, begin, NULL, NULL), version);
    return p;
}

static void start(struct place *p, const char *message)
{
    kept_init(&p->call);
    p->running = send_message(p->srv, p->conn, message, NULL, &p->call);
}

static void reply(struct place *p, const char *message)
{
    CHECK_STR(send_and_await(p->srv, p->conn, message, NULL, NULL), "");
}

static void done(struct place *p)
{
    server_conn_close(p->conn, CALL_CANCELLED);
    server_free(p->srv);
    if (p->running)
        kept_done(&p->call);
    server_call_unref(p->running);
}

static const char *q(const char *text)
{
    return unquoted(text);
}

static void a_question_goes_out_and_its_answer_comes_back(void)
{
    struct place p = open_with("2025-06-18", "'elicitation':{}");

    start(&p, CALL("7", "name"));
    CHECK_STR(note_await(&p.call, 1),
              q("{'jsonrpc':'2.0','method':'elicitation/create','id':'ask-1','params':{'message':"
                "'Who?','requestedSchema':{'type':'object','properties':{'name':{'type':'string',"
                "'maxLength':10}},'required':['name']}}}"));
    reply(&p, ANSWER("ask-1", ACCEPT));
    CHECK_HAS(kept_await(&p.call, 1), "{\\\"name\\\":\\\"Ann\\\"}");
    CHECK(!strstr(p.call.json, "isError"));
    CHECK_INT(p.call.note_count, 1);
    done(&p);
}

static void every_kind_is_asked_and_judged(void)
{
    static const struct {
        const char *text, *method, *answer, *wrong;
    } cases[] = {
        { "url", "'elicitation/create','id':'ask-1','params':{'mode':'url'", "{'action':'decline'}",
          "{'action':'maybe'}" },
        { "sampling", "'sampling/createMessage'",
          "{'role':'assistant','model':'m','content':{'type':'text','text':'Hi'}}",
          "{'role':'assistant','content':{'type':'text','text':'Hi'}}" },
        { "roots", "'roots/list'", "{'roots':[{'uri':'file:///a'}]}", "{'roots':[{'name':'a'}]}" },
        { "name", "'elicitation/create'", "{'action':'cancel'}",
          "{'action':'accept','content':{'name':'much too long'}}" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (int wrong = 0; wrong < 2; wrong++) {
            struct place p = open_with("2025-11-25", ALL_CAPABILITIES);
            char text[512];
            snprintf(text, sizeof(text), CALL("1", "%s"), cases[i].text);
            start(&p, text);
            CHECK_HAS(note_await(&p.call, 1), q(cases[i].method));
            snprintf(text, sizeof(text), ANSWER("ask-1", "%s"),
                     wrong ? cases[i].wrong : cases[i].answer);
            reply(&p, text);
            if (wrong)
                CHECK_HAS(kept_await(&p.call, 1), "invalid_argument: what the client answered to");
            else
                CHECK(!strstr(kept_await(&p.call, 1), "isError"));
            done(&p);
        }
}

static void a_url_has_an_id_of_its_own(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);

    start(&p, CALL("1", "url"));
    CHECK_HAS(note_await(&p.call, 1), "\"elicitationId\":\"ask_");
    done(&p);
}

static void questions_at_once_are_answered_in_any_order(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);

    start(&p, CALL("1", "two"));
    note_await(&p.call, 2);
    reply(&p, ANSWER("ask-2", "{'roots':[]}"));
    reply(&p, ANSWER("ask-2", "{'roots':[{'uri':'late'}]}"));
    CHECK_INT(p.call.finished, 0);
    reply(&p, ANSWER("ask-1", ACCEPT));
    CHECK_HAS(kept_await(&p.call, 1), "roots\\\":[]");
    done(&p);
}

static void one_call_asks_again_and_again(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);

    start(&p, CALL("1", "steps"));
    note_await(&p.call, 1);
    reply(&p, ANSWER("ask-1", ACCEPT));
    CHECK_HAS(note_await(&p.call, 2), "ask-2");
    reply(&p, ANSWER("ask-2", "{'action':'accept','content':{'name':'Bob'}}"));
    CHECK_HAS(kept_await(&p.call, 1), "Ann");
    CHECK_HAS(p.call.json, "Bob");
    done(&p);
}

static void an_error_of_the_client_is_told(void)
{
    static const struct {
        const char *error, *told;
    } cases[] = {
        { "{'code':-1,'message':'User rejected\\u001b[2J'}",
          "denied: the client refused to ask its user (-1): User rejected." },
        { "{'code':-32601,'message':'what?'}", "not_supported: the client refused" },
        { "{'code':-32603}", "unavailable: the client refused" },
        { "7", "unavailable: the client refused" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place p = open_with("2025-11-25", ALL_CAPABILITIES);
        char text[256];
        start(&p, CALL("1", "name"));
        note_await(&p.call, 1);
        snprintf(text, sizeof(text), "{'jsonrpc':'2.0','id':'ask-1','error':%s}", cases[i].error);
        reply(&p, text);
        CHECK_HAS(kept_await(&p.call, 1), cases[i].told);
        CHECK_HAS(p.call.json, "\"isError\":true");
        done(&p);
    }
}

static void a_client_without_the_capability_is_not_asked(void)
{
    static const struct {
        const char *version, *capabilities, *text, *missing;
    } cases[] = {
        { "2025-11-25", "'sampling':{}", "name", "elicitation.form" },
        { "2025-11-25", "'elicitation':{}", "url", "elicitation.url" },
        { "2025-06-18", ALL_CAPABILITIES, "url", "elicitation.url" },
        { "2025-03-26", ALL_CAPABILITIES, "name", "elicitation.form" },
        { "2025-11-25", "'elicitation':{}", "two", "roots" },
        { "2024-11-05", "'roots':{}", "sampling", "sampling" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place p = open_with(cases[i].version, cases[i].capabilities);
        char text[512];
        snprintf(text, sizeof(text), CALL("1", "%s"), cases[i].text);
        start(&p, text);
        snprintf(text, sizeof(text),
                 "not_supported: this client cannot be asked: it has no capability %s.",
                 cases[i].missing);
        CHECK_HAS(kept_await(&p.call, 1), text);
        CHECK_INT(p.call.note_count, 0);
        done(&p);
    }
}

static void a_cancelled_call_takes_its_questions_back(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);

    start(&p, CALL("1", "two"));
    note_await(&p.call, 2);
    reply(&p, ANSWER("ask-1", ACCEPT));
    reply(&p, "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1}}");
    CHECK_STR(kept_await(&p.call, 1), NULL);
    CHECK_INT(p.call.note_count, 3);
    CHECK_HAS(p.call.notes[2], q("'notifications/cancelled','params':{'requestId':'ask-2',"));
    reply(&p, ANSWER("ask-2", "{'roots':[]}"));
    CHECK_INT(server_load(p.srv), 0);
    done(&p);
}

static void a_connection_that_closes_ends_the_waiting(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);

    start(&p, CALL("1", "name"));
    note_await(&p.call, 1);
    server_conn_close(p.conn, CALL_GONE);
    CHECK_HAS(kept_await(&p.call, 1), "cancelled: the client cancelled the call");
    kept_done(&p.call);
    server_call_unref(p.running);
    server_free(p.srv);
}

static void answers_of_others_do_not_count(void)
{
    static const char *const strangers[] = {
        ANSWER("ask-0", ACCEPT),  ANSWER("ask-2", ACCEPT),
        ANSWER("ask-01", ACCEPT), ANSWER("ask-99999999999999999999", ACCEPT),
        ANSWER("ask-1x", ACCEPT), ANSWER("ask-", ACCEPT),
        ANSWER("", ACCEPT),       "{'jsonrpc':'2.0','id':1,'result':" ACCEPT "}",
    };
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);
    struct server_conn *other = fixture_conn(p.srv);

    start(&p, CALL("1", "name"));
    note_await(&p.call, 1);
    for (size_t i = 0; i < COUNT_OF(strangers); i++)
        reply(&p, strangers[i]);
    CHECK_STR(send_and_await(p.srv, other, ANSWER("ask-1", ACCEPT), NULL, NULL), "");
    (void)poll(NULL, 0, 50);
    CHECK_INT(p.call.finished, 0);
    reply(&p, ANSWER("ask-1", ACCEPT));
    CHECK_HAS(kept_await(&p.call, 1), "Ann");
    server_conn_close(other, CALL_CANCELLED);
    done(&p);
}

static void a_connection_has_so_many_open_questions(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);
    struct server_call *calls[9];
    struct kept kept[9];

    for (int i = 0; i < 9; i++) {
        char text[256];
        snprintf(text, sizeof(text), CALL("%d", "many"), i + 1);
        kept_init(&kept[i]);
        calls[i] = send_message(p.srv, p.conn, text, NULL, &kept[i]);
        if (i < 8)
            note_await(&kept[i], 8);
    }
    CHECK_HAS(kept_await(&kept[8], 1), "busy: 64 questions wait for this client's user already");
    server_conn_close(p.conn, CALL_CANCELLED);
    for (int i = 0; i < 9; i++) {
        kept_await(&kept[i], 1);
        kept_done(&kept[i]);
        server_call_unref(calls[i]);
    }
    server_free(p.srv);
}

/* Who waits for a person does not use up the time of the work. */
static void the_time_of_a_call_stands_still_while_it_waits(void)
{
    struct place p = open_with("2025-11-25", ALL_CAPABILITIES);
    int64_t began = clock_ms();

    start(&p, CALL("1", "name"));
    note_await(&p.call, 1);
    (void)poll(NULL, 0, 300);
    reply(&p, ANSWER("ask-1", ACCEPT));
    kept_await(&p.call, 1);
    CHECK(fixture_deadline_ms >= began + 90000 + 300);
    done(&p);
}

static void a_refusal_is_an_error_of_the_protocol(void)
{
    struct place p = open_with("2025-11-25", "");
    int status = 0;

    CHECK_STR(send_and_await(p.srv, p.conn, CALL("5", "refuse"), NULL, &status),
              q("{'jsonrpc':'2.0','id':5,'error':{'code':-32021,'message':'no sampling','data':"
                "{'requiredCapabilities':{'sampling':{}}}}}"));
    CHECK_INT(status, 200);
    done(&p);
}

static const struct test table[] = {
    TEST(a_question_goes_out_and_its_answer_comes_back),
    TEST(every_kind_is_asked_and_judged),
    TEST(a_url_has_an_id_of_its_own),
    TEST(questions_at_once_are_answered_in_any_order),
    TEST(one_call_asks_again_and_again),
    TEST(an_error_of_the_client_is_told),
    TEST(a_client_without_the_capability_is_not_asked),
    TEST(a_cancelled_call_takes_its_questions_back),
    TEST(a_connection_that_closes_ends_the_waiting),
    TEST(answers_of_others_do_not_count),
    TEST(a_connection_has_so_many_open_questions),
    TEST(the_time_of_a_call_stands_still_while_it_waits),
    TEST(a_refusal_is_an_error_of_the_protocol),
};

TEST_MAIN(table)
