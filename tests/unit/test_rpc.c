#include "mcp/rpc.h"
#include "tests/unit/check.h"

struct read_case {
    const char *json;
    enum rpc_kind kind;
    const char *id, *method; /* as JSON text; NULL none */
};

static const struct read_case reads[] = {
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\"}", RPC_REQUEST, "1", "a" },
    { "{\"jsonrpc\":\"2.0\",\"id\":-1,\"method\":\"a\"}", RPC_REQUEST, "-1", "a" },
    { "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"\"}", RPC_REQUEST, "\"1\"", "" },
    { "{\"jsonrpc\":\"2.0\",\"id\":18446744073709551615,\"method\":\"a\"}", RPC_REQUEST,
      "18446744073709551615", "a" },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"result\":1}", RPC_REQUEST, "1", "a" },
    { "{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", RPC_NOTIFICATION, NULL, "a" },
    { "{\"method\":\"a\"}", RPC_NOTIFICATION, NULL, NULL },
    { "{\"jsonrpc\":\"2.0\",\"method\":[]}", RPC_NOTIFICATION, NULL, NULL },
    { "{\"jsonrpc\":\"2.0\",\"method\":\"a\\u0000b\"}", RPC_NOTIFICATION, NULL, NULL },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", RPC_RESPONSE, "1", NULL },
    { "{\"id\":null,\"error\":{}}", RPC_RESPONSE, NULL, NULL },
    { "{}", RPC_BROKEN, NULL, NULL },
    { "[]", RPC_BROKEN, NULL, NULL },
    { "7", RPC_BROKEN, NULL, NULL },
    { "{\"id\":5}", RPC_BROKEN, "5", NULL },
    { "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"a\"}", RPC_BROKEN, NULL, NULL },
    { "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"a\"}", RPC_BROKEN, NULL, NULL },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", RPC_BROKEN, "1", NULL },
    { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0000\"}", RPC_BROKEN, "1", NULL },
    { "{\"jsonrpc\":\"2.1\",\"id\":1,\"method\":\"a\"}", RPC_BROKEN, "1", NULL },
    { "{\"jsonrpc\":2,\"id\":1,\"method\":\"a\"}", RPC_BROKEN, "1", NULL },
};

static void check_read(const struct read_case *c)
{
    AUTO_JSON yyjson_doc *doc = json_parse(c->json, strlen(c->json), NULL);
    AUTO(buf) struct buf id = BUF_MAX(64);
    struct rpc_message m;

    rpc_read(yyjson_doc_get_root(doc), &m);
    if (m.kind != c->kind)
        FAIL("%s is of kind %d", c->json, m.kind);
    if (m.id)
        CHECK(!rpc_add_id(&id, m.id, NULL));
    CHECK_STR(id.data, c->id);
    CHECK_STR(m.method, c->method);
    CHECK_INT(m.why != NULL, c->kind == RPC_BROKEN);
}

static void every_kind_of_message_is_told(void)
{
    for (size_t i = 0; i < COUNT_OF(reads); i++)
        check_read(&reads[i]);
}

static void an_absent_member_is_like_null_params(void)
{
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"params\":null}";
    AUTO_JSON yyjson_doc *doc = json_parse(text, sizeof(text) - 1, NULL);
    struct rpc_message m;

    rpc_read(yyjson_doc_get_root(doc), &m);
    CHECK(m.kind == RPC_REQUEST && !m.params);
}

static bool is_id(size_t len)
{
    AUTO_FREE char *text = malloc(len + 3);
    AUTO_JSON yyjson_doc *doc = NULL;

    memset(text, 'x', len + 2);
    text[0] = text[len + 1] = '"';
    doc = json_parse(text, len + 2, NULL);
    return rpc_is_id(yyjson_doc_get_root(doc));
}

static void long_ids_are_refused(void)
{
    CHECK(is_id(0));
    CHECK(is_id(RPC_ID_MAX));
    CHECK(!is_id(RPC_ID_MAX + 1));
}

static void the_longest_id_fits_its_bound_when_all_is_escaped(void)
{
    AUTO_FREE char *text = malloc(6 * RPC_ID_MAX + 2);
    AUTO_JSON yyjson_doc *doc = NULL;
    AUTO(buf) struct buf id = BUF_MAX(6 * RPC_ID_MAX + 2);

    text[0] = text[6 * RPC_ID_MAX + 1] = '"';
    for (int i = 0; i < RPC_ID_MAX; i++)
        memcpy(text + 1 + 6 * i, "\\u0001", 6);
    doc = json_parse(text, 6 * RPC_ID_MAX + 2, NULL);
    CHECK(rpc_is_id(yyjson_doc_get_root(doc)));
    CHECK(!rpc_add_id(&id, yyjson_doc_get_root(doc), NULL));
    CHECK_INT(id.len, 6 * RPC_ID_MAX + 2);
    CHECK_MEM(id.data, text, id.len);
}

static void errors_have_what_was_given(void)
{
    AUTO(buf) struct buf out = BUF_MAX(1024);

    CHECK(!rpc_add_error(&out, "\"x\"", -32601, "no \"a\"", "{\"b\":1}", NULL));
    CHECK_STR(out.data, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{\"code\":-32601,"
                        "\"message\":\"no \\\"a\\\"\",\"data\":{\"b\":1}}}");
    buf_clear(&out);
    CHECK(!rpc_add_error(&out, NULL, -32700, "x", NULL, NULL));
    CHECK_STR(out.data, "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"x\"}}");
}

static const struct test tests[] = {
    TEST(every_kind_of_message_is_told), TEST(an_absent_member_is_like_null_params),
    TEST(long_ids_are_refused),          TEST(the_longest_id_fits_its_bound_when_all_is_escaped),
    TEST(errors_have_what_was_given),
};

TEST_MAIN(tests)
