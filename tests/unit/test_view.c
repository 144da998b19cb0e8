/*
 * Views of a table of tools that stand for every kind: two toolsets, presets, tools that
 * read, one with a parameter that writes, one that needs more than the backend can, one with a
 * schema of its own, one with a header.
 */
#include "mcp/param_header.h"
#include "mcp/server.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <stdlib.h>

struct note {
    const char *text, *save_to;
};

#define ROW(member)                                                                   \
    {                                                                                 \
        .name = #member, .type = ARG_STRING, .offset = offsetof(struct note, member), \
        .max_len = 10,                                                                \
    }

static const struct arg_row note_rows[] = { ROW(text), ROW(save_to) };
static const struct arg_table note_table = { note_rows, 2, sizeof(struct note) };
static const struct arg_table read_only_table = { note_rows, 1, sizeof(struct note) };
static const char *const text_path[] = { "text", NULL };
static const struct param_header headers[] = { { "Text", text_path }, { NULL, NULL } };

static int run_note(struct tool_call *call, const void *args, struct err *err)
{
    const struct note *a = args;
    struct buf json = { .data = (char *)(size_t) "{\"ok\":true}", .len = 11 };

    return tool_textf(call, err, "%s to %s", a->text ? a->text : "-",
                      a->save_to ? a->save_to : "-") ||
                   tool_meta_int(call, "exit_code", 3, err) || tool_structured(call, &json, err)
               ? -1
               : 0;
}

static int run_raw(struct tool_call *call, const void *args, struct err *err)
{
    AUTO_FREE char *text = yyjson_val_write((yyjson_val *)args, 0, NULL);

    return tool_text(call, text, strlen(text), err);
}

#define TOOL(tool_name, set, how, schema, ...)                                                   \
    {                                                                                            \
        .name = tool_name, .title = "T", .description = "D", .toolset = (set), .run = run_##how, \
        .args = how##_args, .input_schema = (schema), .cls = how##_class, __VA_ARGS__,           \
    }
#define PLAIN "{\"type\":\"object\"}"
#define note_args (&note_table)
#define note_class TOOL_TEXT
#define fact_args (&note_table)
#define fact_class TOOL_STRUCTURED
#define run_fact run_note
#define raw_args NULL
#define raw_class TOOL_TEXT

const struct tool_def tool_defs[] = {
    TOOL("fact", "core", fact, PLAIN, .output_schema = PLAIN, .read_only = true),
    TOOL("far", "web", note, PLAIN, .needs = 2),
    TOOL("look", "core", note, "{\"all\":1}", .input_schema_read_only = "{\"less\":1}",
         .args_read_only = &read_only_table, .read_only = true),
    TOOL("page", "web", note, PLAIN, .presets = "slim browse", .read_only = true),
    TOOL("raw", "core", raw,
         "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"}},"
         "\"$defs\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"a\"]}",
         .read_only = false),
    TOOL("send", "web", note, PLAIN, .presets = "browse", .param_headers = headers),
    TOOL("write", "core", note, PLAIN, .presets = "slim"),
    { .name = NULL },
};
const size_t tool_def_count = sizeof(tool_defs) / sizeof(tool_defs[0]) - 1;

/* ---- a server, and what it answers ---- */

struct kept {
    struct reply_sink sink;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char json[65536];
    int status;
    bool done;
};

static void finish(struct reply_sink *sink, int status, const char *json, size_t len)
{
    struct kept *k = (struct kept *)sink;

    pthread_mutex_lock(&k->lock);
    snprintf(k->json, sizeof(k->json), "%.*s", (int)len, json ? json : "");
    k->status = status;
    k->done = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->lock);
}

static void notify(struct reply_sink *sink UNUSED, const char *json UNUSED, size_t len UNUSED)
{
}

static struct server *serve(const struct view_options *options, struct err *err)
{
    struct server_config config = {
        .name = "test",
        .version = "1",
        .max_calls = 4,
        .can = 1,
        .view = *options,
    };
    struct server *srv = NULL;

    return server_new(&config, &srv, err) ? NULL : srv;
}

static const char *ask(struct server *srv, const struct caller *caller, const char *version,
                       const char *method, const char *params, const struct http_facts *facts)
{
    static struct kept k;
    struct server_conn *conn;
    char text[4096];
    struct timespec until;
    int n;

    k = (struct kept){ .sink = { .notify = notify, .finish = finish } };
    pthread_mutex_init(&k.lock, NULL);
    pthread_cond_init(&k.changed, NULL);
    n = snprintf(text, sizeof(text),
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s%s\"_meta\":{"
                 "\"io.modelcontextprotocol/protocolVersion\":\"%s\","
                 "\"io.modelcontextprotocol/clientCapabilities\":{}}}}",
                 method, params, *params ? "," : "", version);
    CHECK(!server_conn_new(srv, caller, &conn, NULL));
    server_handle(srv, conn, text, (size_t)n, facts, &k.sink, NULL);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&k.lock);
    while (!k.done && !pthread_cond_timedwait(&k.changed, &k.lock, &until))
        ;
    pthread_mutex_unlock(&k.lock);
    CHECK(k.done);
    server_conn_close(conn, CALL_CANCELLED);
    return k.json;
}

static const struct caller everybody = { .principal = "me", .scopes = SCOPE_ALL };

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
              "\"cacheScope\":\"private\"");
    CHECK_HAS(ask(open, &everybody, "2026-07-28", "tools/list", "", NULL),
              "\"cacheScope\":\"public\"");
    CHECK_HAS(ask(srv, &everybody, "2026-07-28", "server/discover", "", NULL),
              "\"cacheScope\":\"public\"");
    server_free(srv);
    server_free(open);
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
    TEST(raw_arguments_are_judged_by_their_schema),
    TEST(headers_of_parameters_are_checked),
};

TEST_MAIN(tests)
