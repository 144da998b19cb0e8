#include "base/id.h"
#include "tests/unit/ask_fixture.h"

#define CAPABILITIES "'elicitation':{'form':{},'url':{}},'sampling':{},'roots':{}"
#define ACCEPT(name) "{'action':'accept','content':{'name':'" name "'}}"

struct place {
    struct server *srv;
    struct server_conn *conn;
    struct kept call;
    int status;
    char state[8192]; /* requestState of the last answer, "" when it had none */
};

static struct place open_place(void)
{
    struct place p = { .srv = asking_server() };

    p.conn = fixture_conn(p.srv);
    return p;
}

static void done(struct place *p)
{
    server_conn_close(p->conn, CALL_CANCELLED);
    server_free(p->srv);
}

static const char *keep_state(struct place *p, const char *json)
{
    AUTO_JSON yyjson_doc *doc = json_parse(json, strlen(json), NULL);
    const char *state =
        json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "result"), "requestState");

    snprintf(p->state, sizeof(p->state), "%s", state ? state : "");
    return json;
}

/* tools/call with these arguments, and these members more: "" or ",'x':..." */
static const char *call_as(struct place *p, const char *name, const char *arguments,
                           const char *capabilities, const char *more)
{
    static char text[65536];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'%s','arguments':{%s},"
             "'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28',"
             "'io.modelcontextprotocol/clientCapabilities':{%s}}%s}}",
             name, arguments, capabilities, more);
    return keep_state(p, send_and_await(p->srv, p->conn, text, NULL, &p->status));
}

static const char *call(struct place *p, const char *text, const char *more)
{
    char arguments[128];

    snprintf(arguments, sizeof(arguments), "'text':'%s'", text);
    return call_as(p, "echo", arguments, CAPABILITIES, more);
}

/* The retry: what was asked for, and the state that came with it. */
static const char *retry(struct place *p, const char *text, const char *responses)
{
    char more[16384];

    snprintf(more, sizeof(more), ",'inputResponses':%s,'requestState':'%s'", responses, p->state);
    return call(p, text, more);
}

static const char *q(const char *text)
{
    return unquoted(text);
}

#define CHECK_COMPLETE(got) CHECK_HAS(got, "\"resultType\":\"complete\"")
#define CHECK_ASKS(got) CHECK_HAS(got, "\"resultType\":\"input_required\"")
#define CHECK_REFUSED(got, why)              \
    do {                                     \
        const char *said_ = (got);           \
        CHECK_HAS(said_, "\"code\":-32602"); \
        CHECK_HAS(said_, why);               \
        CHECK_INT(p.status, 200);            \
    } while (0)

static void a_result_asks_and_the_retry_completes(void)
{
    struct place p = open_place();
    const char *got = call(&p, "name", "");

    CHECK(!strncmp(got,
                   q("{'jsonrpc':'2.0','id':1,'result':{'resultType':'input_required',"
                     "'inputRequests':{'user_name':{'method':'elicitation/create','params':{"
                     "'message':'Who?','requestedSchema':{'type':'object','properties':{'name':{"
                     "'type':'string','maxLength':10}},'required':['name']}}}},'requestState':'"),
                   200));
    CHECK(*p.state);
    CHECK(!strstr(got, "ttlMs") && !strstr(got, "content\""));
    CHECK_INT(p.status, 200);
    got = retry(&p, "name", "{'user_name':" ACCEPT("Ann") ",'more':7}");
    CHECK_COMPLETE(got);
    CHECK_HAS(got, "Ann");
    done(&p);
}

static void answers_without_a_state_are_taken(void)
{
    struct place p = open_place();

    CHECK_COMPLETE(call(&p, "name", ",'inputResponses':{'user_name':" ACCEPT("Ann") "}"));
    done(&p);
}

static void what_is_no_answer_is_asked_again(void)
{
    static const char *const responses[] = {
        "{}",
        "{'wrong_key':" ACCEPT("Ann") "}",
        "{'user_name':12345}",
        "{'user_name':null}",
        "{'user_name':'accept'}",
        "{'user_name':[" ACCEPT("Ann") "]}",
        "{'user_name':{}}",
        "{'user_name':{'action':'yes'}}",
        "{'user_name':{'action':'accept'}}",
        "{'user_name':{'action':'accept','content':null}}",
        "{'user_name':{'action':'accept','content':[]}}",
        "{'user_name':{'action':'accept','content':{'name':7}}}",
        "{'user_name':{'action':'accept','content':{'name':'much too long'}}}",
        "{'user_name':{'roots':[]}}",
    };
    struct place p = open_place();

    CHECK_ASKS(call(&p, "name", ""));
    for (size_t i = 0; i < COUNT_OF(responses); i++)
        CHECK_ASKS(retry(&p, "name", responses[i]));
    CHECK_COMPLETE(retry(&p, "name", "{'user_name':{'action':'decline'}}"));
    done(&p);
}

static void members_of_a_wrong_type_are_refused(void)
{
    struct place p = open_place();

    CHECK_REFUSED(call(&p, "name", ",'inputResponses':null"), "must be an object");
    CHECK_REFUSED(call(&p, "name", ",'inputResponses':[]"), "must be an object");
    CHECK_REFUSED(call(&p, "name", ",'inputResponses':'x'"), "must be an object");
    CHECK_REFUSED(call(&p, "name", ",'requestState':7"), "must be a string");
    CHECK_REFUSED(call(&p, "name", ",'requestState':null"), "must be a string");
    CHECK_REFUSED(call(&p, "name", ",'requestState':''"), "requestState is refused");
    /* also when nothing would have been asked */
    CHECK_REFUSED(call(&p, "nothing", ",'requestState':'x'"), "requestState is refused");
    done(&p);
}

static void only_the_missing_is_asked_again(void)
{
    struct place p = open_place();
    const char *got = call(&p, "two", "");

    CHECK_HAS(got, q("'b':{'method':'roots/list','params':{}}"));
    got = retry(&p, "two", "{'b':{'roots':[{'uri':'file:///r'}]}}");
    CHECK_ASKS(got);
    CHECK(!strstr(got, "roots/list"));
    got = retry(&p, "two", "{'a':" ACCEPT("Ann") ",'b':{'roots':[{'uri':'file:///other'}]}}");
    CHECK_COMPLETE(got);
    CHECK_HAS(got, "file:///r\\");
    CHECK(!strstr(got, "other"));
    done(&p);
}

static void a_handler_asks_in_steps(void)
{
    struct place p = open_place();
    char first[sizeof(p.state)];
    const char *got = call(&p, "steps", "");

    CHECK_HAS(got, "\"step1\"");
    memcpy(first, p.state, sizeof(first));
    got = retry(&p, "steps", "{'step1':" ACCEPT("Ann") "}");
    CHECK_HAS(got, "\"step2\"");
    CHECK(!strstr(got, "\"step1\""));
    CHECK(strcmp(first, p.state) != 0);
    got = retry(&p, "steps", "{'step2':" ACCEPT("Bob") "}");
    CHECK_COMPLETE(got);
    CHECK_HAS(got, "Ann");
    CHECK_HAS(got, "Bob");
    done(&p);
}

static void a_handler_remembers_itself(void)
{
    struct place p = open_place();

    CHECK_ASKS(call(&p, "state", ""));
    CHECK_ASKS(retry(&p, "state", "{}"));
    CHECK_HAS(retry(&p, "state", "{'user_name':" ACCEPT("Ann") "}"), "state=1");
    CHECK_HAS(call(&p, "state", ",'inputResponses':{'user_name':" ACCEPT("Ann") "}"), "state=\"");
    done(&p);
}

static void a_changed_or_foreign_state_is_refused(void)
{
    struct place p = open_place();
    struct server_conn *mine = p.conn;
    char good[sizeof(p.state)];

    CHECK_ASKS(call(&p, "name", ""));
    memcpy(good, p.state, sizeof(good));
    strcat(p.state, "-TAMPERED");
    CHECK_REFUSED(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"), "requestState is refused");
    memcpy(p.state, good, sizeof(good));
    p.state[20] = (char)(p.state[20] == 'A' ? 'B' : 'A');
    CHECK_REFUSED(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"), "requestState is refused");
    memcpy(p.state, good, sizeof(good));
    CHECK_REFUSED(retry(&p, "two", "{'user_name':" ACCEPT("Ann") "}"), "requestState is refused");
    memcpy(p.state, good, sizeof(good));
    CHECK(!server_conn_new(
        p.srv, &(struct caller){ .principal = "you", .sandbox = "box", .scopes = SCOPE_ALL },
        &p.conn, NULL));
    CHECK_REFUSED(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"), "requestState is refused");
    server_conn_close(p.conn, CALL_CANCELLED);
    p.conn = mine;
    memcpy(p.state, good, sizeof(good));
    CHECK_COMPLETE(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"));
    done(&p);
}

static void an_expired_state_is_refused(void)
{
    static const char payload[] = "{\"r\":1,\"s\":\"\",\"a\":{},\"o\":[\"user_name\"]}";
    struct place p = open_place();
    AUTO(buf) struct buf late = BUF_MAX(8192), fresh = BUF_MAX(8192);
    char arguments[65], bound[256], digest[65];
    struct sealed_use use = { SEALED_STATE, digest, 64 };

    sha256_hex("{\"text\":\"name\"}", 15, arguments);
    snprintf(bound, sizeof(bound), "[\"me\",\"box\",\"tools/call\",\"echo\",\"%s\"]", arguments);
    sha256_hex(bound, strlen(bound), digest);
    CHECK(!sealed_make(&fixture_key, &use, clock_wall_ms() - 1, payload, strlen(payload), &late,
                       NULL));
    CHECK(!sealed_make(&fixture_key, &use, clock_wall_ms() + 60000, payload, strlen(payload),
                       &fresh, NULL));
    snprintf(p.state, sizeof(p.state), "%s", late.data);
    CHECK_REFUSED(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"), "its time has passed");
    snprintf(p.state, sizeof(p.state), "%s", fresh.data);
    CHECK_COMPLETE(retry(&p, "name", "{'user_name':" ACCEPT("Ann") "}"));
    done(&p);
}

static void the_order_of_arguments_does_not_matter(void)
{
    struct place p = open_place();
    char more[16384];

    CHECK_ASKS(call_as(&p, "echo", "'text':'name','for_ms':5", CAPABILITIES, ""));
    snprintf(more, sizeof(more), ",'requestState':'%s','inputResponses':{'user_name':%s}", p.state,
             ACCEPT("Ann"));
    CHECK_REFUSED(call_as(&p, "echo", "'for_ms':6,'text':'name'", CAPABILITIES, more), "refused");
    CHECK_COMPLETE(call_as(&p, "echo", "'for_ms':5,'text':'name'", CAPABILITIES, more));
    done(&p);
}

static void an_answer_that_counts_once_counts_once(void)
{
    struct place p = open_place();
    char good[sizeof(p.state)];

    CHECK_ASKS(call(&p, "once", ",'inputResponses':{'go':" ACCEPT("Ann") "}"));
    CHECK_ASKS(call(&p, "once", ""));
    memcpy(good, p.state, sizeof(good));
    CHECK_COMPLETE(retry(&p, "once", "{'go':" ACCEPT("Ann") "}"));
    memcpy(p.state, good, sizeof(good));
    CHECK_REFUSED(retry(&p, "once", "{'go':" ACCEPT("Ann") "}"), "it was used already");
    /* a wrong answer uses it up as well, and brings a new one */
    CHECK_ASKS(call(&p, "once", ""));
    CHECK_ASKS(retry(&p, "once", "{'go':1}"));
    CHECK_COMPLETE(retry(&p, "once", "{'go':" ACCEPT("Ann") "}"));
    done(&p);
}

static void a_client_without_the_capability_is_not_asked(void)
{
    struct place p = open_place();

    CHECK_STR(call_as(&p, "echo", "'text':'name'", "'sampling':{}", ""),
              q("{'jsonrpc':'2.0','id':1,'error':{'code':-32021,'message':'this client cannot be "
                "asked: it has no capability elicitation.form. Next: use a client that declares it'"
                ",'data':{'requiredCapabilities':{'elicitation':{}}}}}"));
    CHECK_INT(p.status, 400);
    CHECK_HAS(call_as(&p, "echo", "'text':'url'", "'elicitation':{}", ""),
              q("'requiredCapabilities':{'elicitation':{'url':{}}}"));
    CHECK_ASKS(call_as(&p, "echo", "'text':'sampling'", "'sampling':{}", ""));
    done(&p);
}

static void a_refusal_is_an_error_with_a_status(void)
{
    struct place p = open_place();

    CHECK_STR(call(&p, "refuse", ""),
              q("{'jsonrpc':'2.0','id':1,'error':{'code':-32021,'message':'no sampling','data':"
                "{'requiredCapabilities':{'sampling':{}}}}}"));
    CHECK_INT(p.status, 400);
    done(&p);
}

/* Longer than what is kept as it came: see mrtr.c. */
static void a_large_request_can_ask_too(void)
{
    struct place p = open_place();
    AUTO(buf) struct buf big = BUF_MAX(400000);
    const char *got;
    size_t head;

    for (int round = 0; round < 2; round++) {
        buf_clear(&big);
        CHECK(!buf_addf(&big, NULL,
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{"
                        "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
                        "\"io.modelcontextprotocol/clientCapabilities\":{\"elicitation\":{}},"
                        "\"padding\":\"%*s\"},\"name\":\"echo\",\"arguments\":{\"text\":\"name\"}",
                        200000, "x"));
        head = big.len;
        if (round)
            CHECK(!buf_addf(&big, NULL,
                            ",\"requestState\":\"%s\",\"inputResponses\":{\"user_name\":{"
                            "\"action\":\"accept\",\"content\":{\"name\":\"Ann\"}}}",
                            p.state));
        CHECK(!buf_adds(&big, "}}", NULL) && big.len > head);
        kept_init(&p.call);
        server_handle(p.srv, p.conn, big.data, big.len, NULL, &p.call.sink, NULL);
        got = keep_state(&p, kept_await(&p.call, 1));
        if (round)
            CHECK_COMPLETE(got);
        else
            CHECK_ASKS(got);
        kept_done(&p.call);
    }
    done(&p);
}

static void a_response_is_no_message_of_this_era(void)
{
    static const struct http_facts modern = { .is_http = true, .protocol_version = "2026-07-28" };
    struct place p = open_place();
    int status;

    CHECK_HAS(send_and_await(p.srv, p.conn, "{'jsonrpc':'2.0','id':'ask-1','result':{}}", &modern,
                             &status),
              "-32600");
    CHECK_INT(status, 400);
    done(&p);
}

static const struct test table[] = {
    TEST(a_result_asks_and_the_retry_completes),
    TEST(answers_without_a_state_are_taken),
    TEST(what_is_no_answer_is_asked_again),
    TEST(members_of_a_wrong_type_are_refused),
    TEST(only_the_missing_is_asked_again),
    TEST(a_handler_asks_in_steps),
    TEST(a_handler_remembers_itself),
    TEST(a_changed_or_foreign_state_is_refused),
    TEST(an_expired_state_is_refused),
    TEST(the_order_of_arguments_does_not_matter),
    TEST(an_answer_that_counts_once_counts_once),
    TEST(a_client_without_the_capability_is_not_asked),
    TEST(a_refusal_is_an_error_with_a_status),
    TEST(a_large_request_can_ask_too),
    TEST(a_response_is_no_message_of_this_era),
};

TEST_MAIN(table)
