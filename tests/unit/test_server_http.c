#include "tests/unit/router_fixture.h"

#define V "2026-07-28"
#define ID "{'jsonrpc':'2.0','id':1,'method':"
#define MODERN(method, more) ID "'" method "','params':{" more META_MODERN "}}"
#define OTHER(version)                                                                       \
    ID "'tools/list','params':{'_meta':{'io.modelcontextprotocol/protocolVersion':'" version \
       "','io.modelcontextprotocol/clientCapabilities':{}}}}"
#define SUPPORTED "['2026-07-28','2025-11-25','2025-06-18','2025-03-26','2024-11-05']"

struct http_case {
    const char *body;
    struct http_facts facts;
    int status;
    const char *has; /* in the answer; NULL: there is none */
};

static void check_cases(const struct http_case *cases, size_t n)
{
    struct server *srv = fixture_server();

    for (size_t i = 0; i < n; i++) {
        struct http_facts facts = cases[i].facts;
        struct server_conn *conn = fixture_conn(srv);
        int status = 0;
        facts.is_http = true;
        facts.scopes = SCOPE_ALL;
        const char *got = ask(srv, conn, cases[i].body, &facts, &status);
        if (status != cases[i].status)
            FAIL("%s: HTTP %d, %s", cases[i].body, status, got);
        if (!cases[i].has && *got)
            FAIL("%s: answered %s", cases[i].body, got);
        if (cases[i].has && !strstr(got, unquoted(cases[i].has)))
            FAIL("%s: %s, without %s", cases[i].body, got, cases[i].has);
        server_conn_close(conn, CALL_GONE);
    }
    server_free(srv);
}

static const struct http_case refusals[] = {
    /* f, g: the shape */
    { "{", { .protocol_version = V }, 400, "'code':-32700" },
    { "[]", { .protocol_version = V }, 400, "'code':-32600" },
    { "[" MODERN("tools/list", "") "]", { .protocol_version = V }, 400, "'code':-32600" },
    { "{'jsonrpc':'2.0','id':1,'result':{}}", { .protocol_version = V }, 400, "'code':-32600" },
    { "{'jsonrpc':'2.0','id':1}", { .protocol_version = V }, 400, "'id':1,'error':{'code':-32600" },
    { "{'jsonrpc':'2.0','id':null,'method':'tools/list'}",
      { .protocol_version = V },
      400,
      "{'jsonrpc':'2.0','error':{'code':-32600" },
    /* h: the envelope, before any header is compared */
    { ID "'tools/list'}", { .protocol_version = V }, 400, "'code':-32602" },
    { ID "'tools/list'}", { .protocol_version = "2027-01-01" }, 400, "'code':-32602" },
    { ID "'tools/list','params':{'_meta':{}}}", { .protocol_version = V }, 400, "'code':-32602" },
    { ID "'tools/list','params':{'_meta':{'io.modelcontextprotocol/protocolVersion':'x'}}}",
      { .protocol_version = V, .method = "other" },
      400,
      "'code':-32602" },
    { ID "'server/discover'}", { 0 }, 400, "'code':-32602" },
    /* i: header and body, before the version is judged */
    { OTHER("v999"), { .protocol_version = V, .method = "tools/list" }, 400, "'code':-32020" },
    { OTHER("v999"), { .method = "tools/list" }, 400, "'code':-32020" },
    { MODERN("tools/list", ""), { .method = "tools/list" }, 400, "'code':-32020" },
    { MODERN("tools/list", ""),
      { .protocol_version = "2025-11-25", .method = "tools/list" },
      400,
      "'code':-32020" },
    { MODERN("tools/list", ""),
      { .protocol_version = V, .method = "tools/list", .repeated = true },
      400,
      "'code':-32020" },
    /* j: the version, before the other headers */
    { OTHER("v999"),
      { .protocol_version = "v999", .method = "wrong" },
      400,
      "'code':-32022,'message':'Unsupported protocol version','data':{'supported':" SUPPORTED
      ",'requested':'v999'}" },
    { OTHER("2025-11-25"),
      { .protocol_version = "2025-11-25", .method = "tools/list" },
      400,
      "'code':-32022" },
    /* k: Mcp-Method and Mcp-Name, before the method is looked up */
    { MODERN("no/such", ""), { .protocol_version = V }, 400, "'code':-32020" },
    { MODERN("no/such", ""), { .protocol_version = V, .method = "No/such" }, 400, "'code':-32020" },
    { MODERN("tools/call", "'name':'nope',"),
      { .protocol_version = V, .method = "tools/call" },
      400,
      "'code':-32020" },
    { MODERN("prompts/get", "'name':'x',"),
      { .protocol_version = V, .method = "prompts/get", .name = "y" },
      400,
      "'code':-32020" },
    { MODERN("resources/read", "'uri':'x:y',"),
      { .protocol_version = V, .method = "resources/read" },
      400,
      "'code':-32020" },
    { MODERN("tasks/get", "'taskId':'x',"),
      { .protocol_version = V, .method = "tasks/get", .name = "X" },
      400,
      "'code':-32020" },
    /* l: the method */
    { MODERN("no/such", ""), { .protocol_version = V, .method = "no/such" }, 404, "'code':-32601" },
    { MODERN("ping", ""), { .protocol_version = V, .method = "ping" }, 404, "'code':-32601" },
    { MODERN("initialize", "'protocolVersion':'2025-11-25',"),
      { .protocol_version = V, .method = "initialize" },
      404,
      "'code':-32601" },
    { MODERN("prompts/get", "'name':'x',"),
      { .protocol_version = V, .method = "prompts/get", .name = "x" },
      404,
      "'code':-32601" },
    /* n, o: in band */
    { MODERN("tools/call", "'name':'nope',"),
      { .protocol_version = V, .method = "tools/call", .name = "nope" },
      200,
      "'code':-32602" },
    { MODERN("tools/call", "'name':'needs',"),
      { .protocol_version = V, .method = "tools/call", .name = "needs" },
      200,
      "'code':-32602" },
    { MODERN("tools/call", "'name':7,"),
      { .protocol_version = V, .method = "tools/call" },
      200,
      "'code':-32602" },
    { MODERN("tools/call", "'name':7,"),
      { .protocol_version = V, .method = "tools/call", .name = "7" },
      400,
      "'code':-32020" },
    { MODERN("tools/list", "'cursor':'x',"),
      { .protocol_version = V, .method = "tools/list" },
      200,
      "'code':-32602" },
    { MODERN("tools/call", "'name':'echo','arguments':{'x':1},"),
      { .protocol_version = V, .method = "tools/call", .name = "echo" },
      200,
      "'isError':true" },
};

static void modern_refusals_come_in_the_order_of_the_table(void)
{
    check_cases(refusals, COUNT_OF(refusals));
}

#define CALL(name) MODERN("tools/call", "'name':'" name "',")
#define NAMED(value)                                                   \
    {                                                                  \
        .protocol_version = V, .method = "tools/call", .name = (value) \
    }

static void names_may_be_encoded_in_the_header(void)
{
    static const struct http_case cases[] = {
        { CALL("echo"), NAMED("echo"), 200, "'result'" },
        { CALL("echo"), NAMED("=?base64?ZWNobw==?="), 200, "'result'" },
        { CALL("echo"), NAMED("=?base64?ZWNobw=?="), 400, "-32020" },
        { CALL("echo"), NAMED("=?base64?ZWNob*==?="), 400, "-32020" },
        { CALL("echo"),
          NAMED("=?base64?"
                "?="),
          400, "-32020" },
        { CALL("echo"), NAMED("=?BASE64?ZWNobw==?="), 400, "-32020" },
        { CALL("echo"), NAMED("ECHO"), 400, "-32020" },
        { CALL("echo"), NAMED(""), 400, "-32020" },
        /* one marker alone is a literal, and so is what a base64 text says of itself */
        { CALL("=?base64?x"), NAMED("=?base64?x"), 200, "-32602" },
        { CALL("x?="), NAMED("x?="), 200, "-32602" },
        { CALL("=?base64?ZWNobw==?="), NAMED("=?base64?PT9iYXNlNjQ/WldOb2J3PT0/PQ==?="), 200,
          "-32602" },
        /* not ASCII: only encoded; malformed UTF-8 never */
        { CALL("\xc3\xa9"), NAMED("=?base64?w6k=?="), 200, "-32602" },
        { CALL("\xc3\xa9"), NAMED("\xc3\xa9"), 400, "-32020" },
        { CALL("\xc3\xa9"), NAMED("=?base64?/w==?="), 400, "-32020" },
        { CALL("a\\u0001"), NAMED("a\001"), 400, "-32020" },
        { CALL("a\\tb"), NAMED("a\tb"), 200, "-32602" },
    };

    check_cases(cases, COUNT_OF(cases));
}

static void modern_requests_are_served(void)
{
    static const struct http_case cases[] = {
        { MODERN("server/discover", ""),
          { .protocol_version = V, .method = "server/discover" },
          200,
          "{'jsonrpc':'2.0','id':1,'result':{'resultType':'complete','supportedVersions':" SUPPORTED
          ",'capabilities':{'tools':{}},'instructions':'Be \\'kind\\'.','ttlMs':300000,"
          "'cacheScope':'public','_meta':{'io.modelcontextprotocol/serverInfo':{'name':'test',"
          "'version':'1'}}}}" },
        /* a session of the other era changes nothing */
        { MODERN("server/discover", ""),
          { .protocol_version = V, .method = "server/discover", .has_session = true },
          200,
          "'supportedVersions'" },
        { MODERN("tools/call", "'name':'echo','arguments':{'text':'hi'},"),
          { .protocol_version = V, .method = "tools/call", .name = "echo" },
          200,
          "{'jsonrpc':'2.0','id':1,'result':{'resultType':'complete','content':[{'type':'text',"
          "'text':'hi for me in box'}],'_meta':{'sandbox-mcp/n':7,"
          "'io.modelcontextprotocol/serverInfo':{'name':'test','version':'1'}}}}" },
        { "{'jsonrpc':'2.0','method':'notifications/cancelled','params':{'requestId':1}}",
          { .protocol_version = V },
          202,
          NULL },
        { "{'jsonrpc':'2.0','method':'notifications/initialized'}",
          { .protocol_version = V },
          202,
          NULL },
        { "{'jsonrpc':'2.0','method':7}", { .protocol_version = V }, 400, NULL },
    };

    check_cases(cases, COUNT_OF(cases));
}

static const struct http_case legacy[] = {
    { "{", { 0 }, 400, "'id':null,'error':{'code':-32700" },
    { "{", { .protocol_version = "2025-11-25" }, 400, "{'jsonrpc':'2.0','error':{'code':-32700" },
    { ID "'tools/list'}", { 0 }, 400, "'code':-32000" },
    { ID "'ping'}", { .protocol_version = "2025-11-25" }, 400, "'code':-32000" },
    { "{'jsonrpc':'2.0','method':'notifications/initialized'}", { 0 }, 400, NULL },
    { "{'jsonrpc':'2.0','id':9,'result':{}}", { 0 }, 400, NULL },
    { "{'jsonrpc':'2.0','id':9,'result':{}}", { .has_session = true }, 202, NULL },
    { "{'jsonrpc':'2.0','method':'notifications/initialized'}",
      { .has_session = true },
      202,
      NULL },
    { ID "'ping'}", { .has_session = true }, 200, "'result':{}" },
    { ID "'ping'}",
      { .has_session = true, .protocol_version = "1999-01-01" },
      400,
      "'code':-32000" },
    { ID "'ping'}", { .has_session = true, .protocol_version = "2024-11-05" }, 200, "'result':{}" },
    { ID "'no/such'}", { .has_session = true }, 200, "'code':-32601" },
    { ID "'server/discover'}", { .has_session = true }, 400, "'code':-32602" },
    { ID "'initialize','params':{'protocolVersion':'2025-06-18'}}",
      { 0 },
      200,
      "{'jsonrpc':'2.0','id':1,'result':{'protocolVersion':'2025-06-18','capabilities':"
      "{'tools':{}},'serverInfo':{'name':'test','version':'1'},"
      "'instructions':'Be \\'kind\\'.'}}" },
    { ID "'initialize','params':{'protocolVersion':'2026-07-28'}}",
      { .protocol_version = "2025-11-25" },
      200,
      "'protocolVersion':'2025-11-25'" },
    { ID "'initialize','params':{'protocolVersion':'2026-07-28'}}",
      { .protocol_version = V },
      400,
      "'code':-32020" },
    { ID "'initialize','params':{}}", { 0 }, 200, "'code':-32602" },
    /* arrays: of 2025-03-26 only, and only in a session */
    { "[" ID "'ping'}]", { .has_session = true }, 200, "[{'jsonrpc':'2.0','id':1,'result':{}}]" },
    { "[" ID "'ping'}]", { 0 }, 400, "'code':-32000" },
    { "[{'jsonrpc':'2.0','method':'x'}]", { .has_session = true }, 202, NULL },
    { "[" ID "'ping'}]",
      { .has_session = true, .protocol_version = "2025-06-18" },
      400,
      "'code':-32600" },
    { "[" ID "'ping'}]",
      { .has_session = true, .protocol_version = "2024-11-05" },
      400,
      "'code':-32600" },
    { "[" ID "'initialize','params':{'protocolVersion':'2025-03-26'}}]",
      { 0 },
      400,
      "'code':-32600" },
};

static void legacy_is_judged_by_header_and_session(void)
{
    check_cases(legacy, COUNT_OF(legacy));
}

static void a_session_begins_once(void)
{
    static const char begin[] = ID "'initialize','params':{'protocolVersion':'2025-06-18'}}";
    struct server *srv = fixture_server();
    struct server_conn *conn = fixture_conn(srv);
    struct http_facts facts = { .is_http = true, .scopes = SCOPE_ALL };
    int status = 0;

    CHECK(!server_conn_version(conn));
    (void)ask(srv, conn, begin, &facts, &status);
    CHECK_INT(status, 200);
    CHECK_STR(server_conn_version(conn), "2025-06-18");
    facts.has_session = true;
    CHECK_HAS(ask(srv, conn, begin, &facts, &status), "-32600");
    CHECK_INT(status, 400);
    facts.protocol_version = "2025-11-25";
    CHECK_HAS(ask(srv, conn, ID "'tools/list'}", &facts, &status), "outputSchema");
    CHECK_HAS(ask(srv, conn, "{", &facts, &status), "\"id\":null");
    server_conn_close(conn, CALL_GONE);
    server_free(srv);
}

static void only_initialize_is_told_as_such(void)
{
    static const struct {
        const char *body;
        bool is;
    } cases[] = {
        { ID "'initialize','params':{'protocolVersion':'2025-06-18'}}", true },
        { ID "'initialize'}", true },
        { ID "'tools/call','params':{'name':'initialize'}}", false },
        { "[" ID "'initialize'}]", false },
        { "'initialize'", false },
        { "'initialize", false },
        { "", false },
        { MODERN("initialize", ""), false },
        { "{'jsonrpc':'2.0','method':'initialize'}", false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = unquoted(cases[i].body);
        if (server_is_initialize(text, strlen(text)) != cases[i].is)
            FAIL("%s", text);
    }
}

static const struct test tests[] = {
    TEST(modern_refusals_come_in_the_order_of_the_table),
    TEST(names_may_be_encoded_in_the_header),
    TEST(modern_requests_are_served),
    TEST(legacy_is_judged_by_header_and_session),
    TEST(a_session_begins_once),
    TEST(only_initialize_is_told_as_such),
};

TEST_MAIN(tests)
