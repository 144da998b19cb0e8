#include "base/json.h"
#include "mcp/view.h"
#include "tests/unit/check.h"
#include "transport/metadata.h"

#define RESOURCE "https://sandbox.example/tools/mcp"
#define FORM "/.well-known/oauth-protected-resource"

static const char *const servers[] = { "https://issuer.example", "https://other.example/a", NULL };
static const struct metadata_config config = { .resource = RESOURCE, .servers = servers };

static void the_document_says_what_rfc_9728_asks_for(void)
{
    AUTO(metadata) struct metadata m = { 0 };
    AUTO_JSON yyjson_doc *doc = NULL;
    yyjson_val *root;

    CHECK(!metadata_make(&config, &m, NULL));
    doc = json_parse(m.document.data, m.document.len, NULL);
    root = yyjson_doc_get_root(doc);
    CHECK_STR(json_str(root, "resource"), RESOURCE);
    CHECK_INT(yyjson_arr_size(yyjson_obj_get(root, "authorization_servers")), 2);
    CHECK(yyjson_equals_str(yyjson_arr_get_first(yyjson_obj_get(root, "bearer_methods_supported")),
                            "header"));
    CHECK_INT(yyjson_arr_size(yyjson_obj_get(root, "scopes_supported")), 2);
}

static void it_is_found_at_three_paths_and_below(void)
{
    static const struct {
        const char *path;
        bool found;
    } cases[] = {
        { FORM, true },
        { FORM "/tools/mcp", true },
        { FORM "/tools/mcp/x/core", true },
        { FORM "/mcp", true },
        { FORM "/mcp/x/core", true },
        { FORM "/", false },
        { FORM "s", false },
        { FORM "/mcpx", false },
        { FORM "/tools", false },
        { "/.well-known/oauth-authorization-server", false },
        { "/mcp", false },
    };
    AUTO(metadata) struct metadata m = { 0 };
    AUTO(metadata) struct metadata none = { 0 };

    CHECK(!metadata_make(&config, &m, NULL));
    CHECK(!metadata_make(&(struct metadata_config){ 0 }, &none, NULL));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (metadata_path(&m, cases[i].path) != cases[i].found)
            FAIL("%s", cases[i].path);
        CHECK(!metadata_path(&none, cases[i].path));
    }
}

static void challenges_name_it(void)
{
    static const char begin[] = "Bearer realm=\"sandbox-mcp\", resource_metadata=\""
                                "https://sandbox.example" FORM "/tools/mcp\"";
    AUTO(metadata) struct metadata m = { 0 };
    char out[CHALLENGE_MAX];

    CHECK(!metadata_make(&config, &m, NULL));
    CHECK(metadata_challenge(&m, VERDICT_NO_TOKEN, out));
    CHECK(!strncmp(out, begin, sizeof(begin) - 1));
    CHECK_STR(out + sizeof(begin) - 1, ", scope=\"execute\"");
    CHECK(metadata_challenge(&m, VERDICT_BAD_TOKEN, out));
    CHECK_STR(out + sizeof(begin) - 1, ", error=\"invalid_token\", scope=\"execute\"");
    CHECK(metadata_challenge(&m, VERDICT_BAD_AUTHORIZATION, out));
    CHECK_STR(out + sizeof(begin) - 1, ", error=\"invalid_request\"");
    CHECK(!metadata_challenge(&m, VERDICT_ORIGIN, out));
    metadata_scope_challenge(&m, SCOPE_READ | SCOPE_EXECUTE, out);
    CHECK_STR(out + sizeof(begin) - 1, ", error=\"insufficient_scope\", scope=\"read execute\"");
}

static void static_tokens_have_a_plain_challenge(void)
{
    AUTO(metadata) struct metadata m = { 0 };
    char out[CHALLENGE_MAX];

    CHECK(!metadata_make(&(struct metadata_config){ 0 }, &m, NULL));
    CHECK(metadata_challenge(&m, VERDICT_NO_TOKEN, out));
    CHECK_STR(out, "Bearer realm=\"sandbox-mcp\"");
    CHECK(metadata_challenge(&m, VERDICT_BAD_TOKEN, out));
    CHECK_STR(out, "Bearer realm=\"sandbox-mcp\", error=\"invalid_token\"");
}

static void odd_urls_are_refused(void)
{
    static const char *const cases[] = {
        "",
        "sandbox.example",
        "ftp://a/mcp",
        "https:///mcp",
        "https://",
        "https://a/mcp?x=1",
        "https://a/mcp#x",
        "https://a/m\"cp",
        "https://a b",
        "https://a/\xc3\xa4",
        "https://a/\r\nX: y",
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const one[] = { cases[i], NULL };
        struct metadata_config as_resource = { .resource = cases[i], .servers = servers };
        struct metadata_config as_server = { .resource = RESOURCE, .servers = one };
        AUTO(metadata) struct metadata m = { 0 };
        AUTO(metadata) struct metadata n = { 0 };
        struct err err = { 0 };
        if (!metadata_make(&as_resource, &m, &err) || !metadata_make(&as_server, &n, &err))
            FAIL("\"%s\" is taken", cases[i]);
        CHECK_INT(err.code, ERR_INVALID);
    }
}

static const struct test tests[] = {
    TEST(the_document_says_what_rfc_9728_asks_for),
    TEST(it_is_found_at_three_paths_and_below),
    TEST(challenges_name_it),
    TEST(static_tokens_have_a_plain_challenge),
    TEST(odd_urls_are_refused),
};

TEST_MAIN(tests)
