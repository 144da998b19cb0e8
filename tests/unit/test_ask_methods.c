/* prompts/get and resources/read ask like tools/call; a state belongs to its method and name. */
#include "tests/unit/ask_fixture.h"

#define META                                                      \
    "'_meta':{'io.modelcontextprotocol/protocolVersion':"         \
    "'2026-07-28','io.modelcontextprotocol/clientCapabilities':{" \
    "'elicitation':{}}}"
#define YES "'inputResponses':{'user_name':{'action':'accept','content':{'name':'Ann'}}}"
#define PROMPT(name) "prompts/get", "'name':'" name "'"
#define RESOURCE(uri) "resources/read", "'uri':'" uri "'"
#define TOOL_ECHO "tools/call", "'name':'echo','arguments':{'text':'name'}"

static int ask_name(struct tool_call *call, struct err *err)
{
    yyjson_val *answer;

    return ask(call, scripts[0].asks, 1, &answer, err);
}

static int get_prompt(struct tool_call *call, const struct arg_map *args UNUSED, struct err *err)
{
    return ask_name(call, err) || prompt_textf(call, PROMPT_USER, err, "after the answer") ? -1 : 0;
}

static int read_asking(struct tool_call *call, const char *uri, struct err *err)
{
    return ask_name(call, err) || resource_text(call, uri, NULL, "after the answer", 16, err) ? -1
                                                                                              : 0;
}

static const struct prompt_def prompts[] = {
    { .name = "alpha", .description = "asks", .get = get_prompt },
    { .name = "beta", .description = "asks", .get = get_prompt },
    { .name = NULL },
};
static const struct resource_def fixed[] = {
    { { .uri = "ask://a", .name = "a" }, read_asking },
    { { .uri = "ask://b", .name = "b" }, read_asking },
    { .read = NULL },
};
static const struct resource_provider resources = { .fixed = fixed };

struct place {
    struct server *srv;
    struct server_conn *conn;
    char state[4096];
};

static struct place open_place(void)
{
    struct server_config config = fixture_config;
    struct place p = { 0 };

    config.before = fixture_before;
    config.prompts = prompts;
    config.resources = &resources;
    CHECK(!server_new(&config, &p.srv, NULL));
    p.conn = fixture_conn(p.srv);
    return p;
}

static void done(struct place *p)
{
    server_conn_close(p->conn, CALL_CANCELLED);
    server_free(p->srv);
}

static const char *request(struct place *p, const char *method, const char *params,
                           const char *more)
{
    char text[8192 + 512];

    snprintf(text, sizeof(text),
             "{'jsonrpc':'2.0','id':1,'method':'%s','params':{%s%s%s," META "}}", method, params,
             *more ? "," : "", more);
    return send_and_await(p->srv, p->conn, text, NULL, NULL);
}

static void begin(struct place *p, const char *method, const char *params)
{
    const char *got = request(p, method, params, "");
    AUTO_JSON yyjson_doc *doc = json_parse(got, strlen(got), NULL);
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(doc), "result");

    CHECK_STR(json_str(result, "resultType"), "input_required");
    CHECK(!yyjson_obj_get(result, "ttlMs") && !yyjson_obj_get(result, "contents"));
    CHECK(json_str(result, "requestState") != NULL);
    snprintf(p->state, sizeof(p->state), "%s", json_str(result, "requestState"));
}

static const char *retry(struct place *p, const char *method, const char *params)
{
    char more[8192];

    snprintf(more, sizeof(more), YES ",'requestState':'%s'", p->state);
    return request(p, method, params, more);
}

static void each_method_asks_and_completes(void)
{
    struct place p = open_place();

    begin(&p, PROMPT("alpha"));
    CHECK_HAS(retry(&p, PROMPT("alpha")), "after the answer");
    begin(&p, RESOURCE("ask://a"));
    CHECK_HAS(retry(&p, RESOURCE("ask://a")), "after the answer");
    begin(&p, TOOL_ECHO);
    CHECK_HAS(retry(&p, TOOL_ECHO), "Ann");
    done(&p);
}

static void a_state_is_good_for_its_method_and_name_alone(void)
{
    struct place p = open_place();

    begin(&p, PROMPT("alpha"));
    CHECK_HAS(retry(&p, PROMPT("beta")), "-32602");
    CHECK_HAS(retry(&p, RESOURCE("ask://a")), "-32602");
    CHECK_HAS(retry(&p, TOOL_ECHO), "-32602");
    begin(&p, RESOURCE("ask://a"));
    CHECK_HAS(retry(&p, RESOURCE("ask://b")), "-32602");
    CHECK_HAS(retry(&p, RESOURCE("ask://a")), "after the answer");
    done(&p);
}

/* Other methods neither ask nor look at what they do not know. */
static void other_methods_pass_over_it(void)
{
    struct place p = open_place();

    CHECK_HAS(request(&p, "resources/list", "'inputResponses':7", "'requestState':'x'"), "ask://a");
    CHECK_HAS(request(&p, "tools/list", "'inputResponses':7", "'requestState':'x'"), "echo");
    done(&p);
}

static const struct test table[] = {
    TEST(each_method_asks_and_completes),
    TEST(a_state_is_good_for_its_method_and_name_alone),
    TEST(other_methods_pass_over_it),
};

TEST_MAIN(table)
