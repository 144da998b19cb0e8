/* Views of the tools in view_fixture.h. */
#include "tests/unit/view_fixture.h"

/* Names of a list, between blanks. */
static const char *names_of(const char *json)
{
    static char names[512];
    AUTO_JSON yyjson_doc *doc = json_parse(json, strlen(json), NULL);
    yyjson_val *result = yyjson_obj_get(yyjson_doc_get_root(doc), "result"), *one;
    size_t i, max, n = 0;

    CHECK(result);
    names[0] = '\0';
    yyjson_arr_foreach (yyjson_obj_get(result, "tools"), i, max, one)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? " " : "",
                              json_str(one, "name"));
    return names;
}

static const char *listed(const struct view_options *options)
{
    struct err err = { 0 };
    struct server *srv = serve(options, &err);
    const char *names;

    if (!srv)
        FAIL("%s", err.msg);
    names = names_of(ask(srv, &everybody, "2026-07-28", "tools/list", "", NULL));
    server_free(srv);
    return names;
}

#define LISTED(...) listed(&(struct view_options){ __VA_ARGS__ })

static void launch_options_choose(void)
{
    CHECK_STR(LISTED(0), "fact look raw write");
    CHECK_STR(LISTED(.toolsets = "all"), "fact look page raw send write");
    CHECK_STR(LISTED(.toolsets = "web"), "page send");
    CHECK_STR(LISTED(.toolsets = "slim"), "page write");
    CHECK_STR(LISTED(.toolsets = "browse,slim"), "page send write");
    CHECK_STR(LISTED(.tools = "write,fact"), "fact write");
    CHECK_STR(LISTED(.toolsets = "web", .tools = "fact"), "fact page send");
    CHECK_STR(LISTED(.exclude = "raw,web"), "fact look write");
    CHECK_STR(LISTED(.toolsets = "all", .exclude = "core"), "page send");
    CHECK_STR(LISTED(.read_only = true), "fact look");
    CHECK_STR(LISTED(.toolsets = "all", .exclude = "page", .read_only = true), "fact look");
}

static void wrong_options_name_the_known(void)
{
    static const struct {
        struct view_options options;
        const char *why;
    } cases[] = {
        { { .toolsets = "nope" }, "--toolsets: \"nope\" is none of all, core, web, slim, browse" },
        { { .toolsets = "core,fact" },
          "--toolsets: \"fact\" is none of all, core, web, slim, browse" },
        { { .toolsets = "" }, "--toolsets: a name is empty" },
        { { .toolsets = "core," }, "--toolsets: a name is empty" },
        { { .tools = "core" },
          "--tools: \"core\" is none of fact, far, look, page, raw, send, write" },
        { { .exclude = "slim" },
          "--exclude: \"slim\" is none of core, web, fact, far, look, page, raw, send, write" },
        { { .tools = "far" }, "--toolsets, --tools and --exclude leave no tool of this backend" },
        { { .tools = "write", .read_only = true },
          "--toolsets, --tools and --exclude leave no tool of this backend that only reads" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = { 0 };
        CHECK(!serve(&cases[i].options, &err));
        CHECK_STR(err.msg, cases[i].why);
        CHECK_INT(err.code, ERR_INVALID);
    }
}

static const struct tool_view *view_of(struct server *srv, const char *selection)
{
    const struct tool_view *view;
    struct err err = { 0 };

    if (view_get(srv, selection, &view, &err))
        FAIL("%s: %s", selection, err.msg);
    return view;
}

static const char *selected(struct server *srv, const char *selection, unsigned scopes)
{
    struct caller caller = {
        .principal = "me",
        .scopes = scopes,
        .view = view_of(srv, selection),
    };

    return names_of(ask(srv, &caller, "2026-07-28", "tools/list", "", NULL));
}

static void a_path_only_narrows(void)
{
    struct server *srv = serve(&(struct view_options){ .toolsets = "core" }, NULL);
    const struct tool_view *view;
    struct err err = { 0 };

    CHECK_STR(selected(srv, NULL, SCOPE_ALL), "fact look raw write");
    CHECK_STR(selected(srv, "all", SCOPE_ALL), "fact look raw write");
    CHECK_STR(selected(srv, "slim", SCOPE_ALL), "write");
    CHECK_STR(selected(srv, "web,fact", SCOPE_ALL), "fact");
    CHECK_STR(selected(srv, "core/readonly", SCOPE_ALL), "fact look");
    CHECK_STR(selected(srv, "readonly", SCOPE_ALL), "fact look");
    CHECK_STR(selected(srv, "readonly/fact/", SCOPE_ALL), "fact");
    CHECK(view_of(srv, "all") == view_of(srv, NULL));
    CHECK(view_of(srv, "core/") == view_of(srv, "core"));
    CHECK(view_get(srv, "web", &view, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(view_get(srv, "write/readonly", &view, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(view_get(srv, "nope", &view, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    server_free(srv);
}

static void malformed_paths_are_refused(void)
{
    static const char *const paths[] = {
        "", "/", "core//", "core/core", "readonly/readonly", ",", "core,,fact",
    };
    struct server *srv = serve(&(struct view_options){ 0 }, NULL);
    const struct tool_view *view;
    char longest[VIEW_SELECTION_MAX + 8];

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct err err = { 0 };
        if (!view_get(srv, paths[i], &view, &err) || err.code != ERR_INVALID)
            FAIL("\"%s\": %s", paths[i], err.msg);
    }
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    CHECK(view_get(srv, longest, &view, NULL));
    server_free(srv);
}

static void scopes_narrow_further(void)
{
    struct server *srv = serve(&(struct view_options){ .toolsets = "all" }, NULL);
    struct caller reader = { .principal = "me", .scopes = SCOPE_READ };
    const char *answer;

    CHECK_STR(selected(srv, NULL, SCOPE_READ), "fact look page");
    CHECK_STR(selected(srv, "core", SCOPE_READ), "fact look");
    CHECK_STR(selected(srv, "core", SCOPE_READ | SCOPE_EXECUTE), "fact look raw write");
    answer = ask(srv, &reader, "2026-07-28", "tools/call", "\"name\":\"write\"", NULL);
    CHECK_HAS(answer, "Insufficient scope: this needs execute");
    reader.view = view_of(srv, "web");
    answer = ask(srv, &reader, "2026-07-28", "tools/call", "\"name\":\"write\"", NULL);
    CHECK_HAS(answer, "\"code\":-32602,\"message\":\"Unknown tool: write\"");
    answer = ask(srv, &reader, "2026-07-28", "tools/call", "\"name\":\"page\"", NULL);
    CHECK_HAS(answer, "\"- to -\"");
    server_free(srv);
}

static void parameters_that_write_are_not_there_to_read(void)
{
    static const char call[] = "\"name\":\"look\",\"arguments\":{\"save_to\":\"x\"}";
    struct server *srv = serve(&(struct view_options){ 0 }, NULL);
    struct caller reader = { .principal = "me", .scopes = SCOPE_READ };
    struct caller narrow = { .principal = "me", .scopes = SCOPE_ALL };

    narrow.view = view_of(srv, "readonly");
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/list", "", NULL), "{\"all\":1}");
    CHECK_HAS(ask(srv, &narrow, "2026-07-28", "tools/list", "", NULL), "{\"less\":1}");
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/call", call, NULL), "\"- to x\"");
    CHECK_HAS(ask(srv, &narrow, "2026-07-28", "tools/call", call, NULL),
              "save_to: unknown argument; accepted: text");
    CHECK_HAS(ask(srv, &reader, "2026-07-28", "tools/call", call, NULL),
              "save_to: unknown argument; accepted: text");
    server_free(srv);
}

static void the_number_of_views_is_bounded(void)
{
    struct server *srv = serve(&(struct view_options){ .toolsets = "all" }, NULL);
    const struct tool_view *view;
    struct err err = { 0 };
    size_t refused = 0;

    for (unsigned set = 2; set < 2u << tool_def_count; set++) {
        char text[256] = "";
        for (size_t i = 0; i < tool_def_count; i++)
            if (set >> (i + 1) & 1)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? "," : "",
                         tool_defs[i].name);
        if (set & 1)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "/readonly");
        err.code = ERR_NONE;
        if (view_get(srv, text, &view, &err) && err.code == ERR_QUOTA)
            refused++;
    }
    CHECK(refused);
    CHECK_STR(selected(srv, NULL, SCOPE_READ), "fact look page");
    CHECK(view_of(srv, "all") == view_of(srv, NULL));
    server_free(srv);
}

static void structured_content_is_by_option(void)
{
    static const struct {
        enum structured structured;
        const char *fact, *look, *list; /* what the answers hold */
        bool absent[3];
    } cases[] = {
        { STRUCTURED_AUTO,
          "\"structuredContent\":{\"ok\":true}",
          "structuredContent",
          "\"outputSchema\":{\"type\":\"object\"},",
          { false, true, false } },
        { STRUCTURED_ALWAYS,
          "\"structuredContent\":{\"ok\":true}",
          "\"structuredContent\":{\"text\":\"- to -\",\"exit_code\":3}",
          "\"outputSchema\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},"
          "\"required\":[\"text\"]}",
          { false, false, false } },
        { STRUCTURED_NEVER,
          "structuredContent",
          "structuredContent",
          "outputSchema",
          { true, true, true } },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct server *srv =
            serve(&(struct view_options){ .structured = cases[i].structured }, NULL);
        const char *ways[][3] = {
            { "tools/call", "\"name\":\"fact\"", cases[i].fact },
            { "tools/call", "\"name\":\"look\"", cases[i].look },
            { "tools/list", "", cases[i].list },
        };
        for (size_t k = 0; k < 3; k++) {
            const char *got = ask(srv, &everybody, "2026-07-28", ways[k][0], ways[k][1], NULL);
            if (!strstr(got, ways[k][2]) != cases[i].absent[k])
                FAIL("%zu %s %s: %s", i, ways[k][0], ways[k][1], got);
        }
        server_free(srv);
    }
}

static void lists_by_token_are_private(void)
{
    struct server *srv = serve(&(struct view_options){ .by_token = true }, NULL);
    struct server *open = serve(&(struct view_options){ 0 }, NULL);

    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/list", "", NULL),
              "\"ttlMs\":60000,\"cacheScope\":\"private\"");
    CHECK_HAS(ask(open, &everybody, "2026-07-28", "tools/list", "", NULL),
              "\"ttlMs\":300000,\"cacheScope\":\"public\"");
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "server/discover", "", NULL),
              "\"cacheScope\":\"public\"");
    server_free(srv);
    server_free(open);
}

static void what_is_said_of_tools_that_are_not_listed_is_left_out(void)
{
    static const struct {
        struct view_options options;
        const char *instructions;
    } cases[] = {
        { { .toolsets = "all" }, "\"Always. Both. Page.\"" },
        { { .toolsets = "core" }, "\"Always. Both.\"" },
        { { .tools = "fact,page" }, "\"Always. Page.\"" },
        { { .toolsets = "all", .exclude = "page,write" }, "\"Always.\"" },
        { { .tools = "write" }, "\"Always.\"" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct server *srv = serve(&cases[i].options, NULL);
        const char *page = strstr(cases[i].instructions, "Page") ? "\"name\":\"of_page\"" : "";
        const char *got = ask(srv, &everybody, "2026-07-28", "server/discover", "", NULL);
        CHECK_HAS(got, cases[i].instructions);
        got = ask(srv, &everybody, "2026-07-28", "prompts/list", "", NULL);
        CHECK_HAS(got, "\"name\":\"any\"");
        CHECK_HAS(got, page);
        CHECK(*page || !strstr(got, "of_page"));
        got = ask(srv, &everybody, "2026-07-28", "prompts/get", "\"name\":\"of_page\"", NULL);
        CHECK_HAS(got, *page ? "\"messages\":[" : "Unknown prompt: of_page");
        server_free(srv);
    }
}

static void raw_arguments_are_judged_by_their_schema(void)
{
    struct server *srv = serve(&(struct view_options){ 0 }, NULL);
    const char *v = "2026-07-28";

    CHECK_HAS(ask(srv, &everybody, v, "tools/call",
                  "\"name\":\"raw\",\"arguments\":{\"a\":7,\"b\":[1.50]}", NULL),
              "\"{\\\"a\\\":7,\\\"b\\\":[1.5]}\"");
    CHECK_HAS(
        ask(srv, &everybody, v, "tools/call", "\"name\":\"raw\",\"arguments\":{\"a\":\"7\"}", NULL),
        "invalid_argument: a: must be an integer, not a string.");
    CHECK_HAS(ask(srv, &everybody, v, "tools/call", "\"name\":\"raw\"", NULL),
              "invalid_argument: a: is required.");
    CHECK_HAS(ask(srv, &everybody, v, "tools/list", "", NULL),
              "\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"}}");
    server_free(srv);
}

static void headers_of_parameters_are_checked(void)
{
    struct server *srv = serve(&(struct view_options){ .toolsets = "all" }, NULL);
    struct param_given given = { "TEXT", "hi", 2 };
    struct http_facts facts = {
        .is_http = true,
        .scopes = SCOPE_ALL,
        .protocol_version = "2026-07-28",
        .method = "tools/call",
        .name = "send",
        .params = &given,
    };
    static const char call[] = "\"name\":\"send\",\"arguments\":{\"text\":\"hi\"}";

    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/call", call, &facts),
              "\"code\":-32020,\"message\":\"Header mismatch: Mcp-Param-Text is missing\"");
    facts.param_count = 1;
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/call", call, &facts), "\"hi to -\"");
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "tools/call", call, NULL), "\"hi to -\"");
    server_free(srv);
}

static const struct test tests[] = {
    TEST(launch_options_choose),
    TEST(wrong_options_name_the_known),
    TEST(a_path_only_narrows),
    TEST(malformed_paths_are_refused),
    TEST(scopes_narrow_further),
    TEST(parameters_that_write_are_not_there_to_read),
    TEST(the_number_of_views_is_bounded),
    TEST(structured_content_is_by_option),
    TEST(lists_by_token_are_private),
    TEST(what_is_said_of_tools_that_are_not_listed_is_left_out),
    TEST(raw_arguments_are_judged_by_their_schema),
    TEST(headers_of_parameters_are_checked),
};

TEST_MAIN(tests)
