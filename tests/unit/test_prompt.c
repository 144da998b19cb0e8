#include "tests/unit/resource_fixture.h"

#define GET(name, args) ID("1") "'prompts/get','params':{'name':'" name "','arguments':{" args "}}}"
#define COMPLETE(ref, name, value, more)                                             \
    ID("1")                                                                          \
    "'completion/complete','params':{'ref':{" ref "},'argument':{'name':'" name "'," \
    "'value':'" value "'}" more "}}"
#define GREET "'type':'ref/prompt','name':'greet'"
#define THING "'type':'ref/resource','uri':'test://thing/{id}/data'"

static void all_are_listed_with_their_arguments(void)
{
    CHECK_HAS(legacy(ID("1") "'prompts/list'}"),
              unquoted("'result':{'prompts':[{'name':'greet','title':'Greet','description':"
                       "'greets','arguments':[{'name':'who','title':'Who','description':'whom',"
                       "'required':true},{'name':'tone','required':false}]},{'name':'plain',"
                       "'description':'plain text','arguments':[]}]}}"));
    CHECK_HAS(modern("prompts/list", "'x':1"),
              unquoted("],'ttlMs':300000,'cacheScope':'public','_meta':"));
    CHECK_HAS(modern("prompts/list", "'cursor':''"), "-32602");
}

static void one_becomes_messages(void)
{
    const char *got = legacy(GET("greet", "'who':'\\\"Bo\\\"'"));

    CHECK_HAS(got, unquoted("'result':{'description':'greets','messages':[{'role':'user',"
                            "'content':{'type':'text','text':'Greet "));
    CHECK_HAS(got, unquoted("},{'role':'assistant','content':{'type':'image','mimeType':"
                            "'image/png','data':'cG5n'}},{'role':'user','content':{'type':"
                            "'resource','resource':{'uri':'test://text','mimeType':'text/plain',"
                            "'text':'fixed'}}}]}}"));
    got = modern("prompts/get", "'name':'plain'");
    CHECK_HAS(got, unquoted("{'resultType':'complete','description':'plain text','messages':["
                            "{'role':'user','content':{'type':'text','text':'plain "));
    CHECK_HAS(got, "}}],\"_meta\":");
}

static void what_is_not_as_declared_is_refused(void)
{
    static const struct {
        const char *params, *why;
    } rows[] = {
        { "'name':'none'", "Unknown prompt: none" },
        { "'name':7", "params.name must be a string" },
        { "'x':1", "params.name must be a string" },
        { "'name':'greet'", "Missing required argument: who" },
        { "'name':'greet','arguments':{'tone':'kind'}", "Missing required argument: who" },
        { "'name':'greet','arguments':{'who':'a','why':'b'}", "Unknown argument of greet: why" },
        { "'name':'greet','arguments':{'who':1}", "params.arguments.who must be a string" },
        { "'name':'greet','arguments':{'who':'a\\u0000b'}", "params.arguments.who holds a NUL" },
        { "'name':'greet','arguments':[]", "params.arguments must be an object" },
        { "'name':'greet','arguments':{'who':'a','tone':'rude'}", "tone: be kind" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *got = modern("prompts/get", "%s", rows[i].params);
        CHECK_HAS(got, "\"code\":-32602");
        CHECK_HAS(got, rows[i].why);
    }
}

static void arguments_are_bounded(void)
{
    AUTO(buf) struct buf many = BUF_MAX(4096);

    for (int i = 0; i <= PROMPT_ARGS_MAX; i++)
        CHECK(!buf_addf(&many, NULL, "%s'a%d':'x'", i ? "," : "", i));
    CHECK_HAS(modern("prompts/get", "'name':'greet','arguments':{%s}", many.data),
              "more than 16 members");
}

static void completion_asks_who_knows(void)
{
    CHECK_HAS(legacy(COMPLETE(GREET, "tone", "kind", "")),
              unquoted("'result':{'completion':{'values':['kind','kindest'],'total':2,"
                       "'hasMore':false}}"));
    CHECK_HAS(legacy(COMPLETE(GREET, "who", "x", "")), unquoted("{'values':[],'hasMore':false}"));
    CHECK_HAS(legacy(COMPLETE(THING, "id", "v", ",'context':{'arguments':{'other':'k'}}")),
              unquoted("{'values':['id/v/k'],'hasMore':false}"));
    CHECK_HAS(legacy(COMPLETE("'type':'ref/prompt','name':'plain'", "x", "", "")),
              "Unknown argument: x");
    CHECK_HAS(
        modern("completion/complete", "'ref':{" THING "},'argument':{'name':'id','value':'v'}"),
        unquoted("{'resultType':'complete','completion':{'values':['id/v/-']"));
}

static void more_than_a_hundred_values_are_cut(void)
{
    const char *got = legacy(COMPLETE(THING, "id", "many", ""));
    int count = 0;

    CHECK_HAS(got, "\"hasMore\":true");
    for (; (got = strstr(got, "\"many\"")); got++)
        count++;
    CHECK_INT(count, COMPLETE_MAX);
}

static void unknown_references_are_refused(void)
{
    static const char *const messages[] = {
        COMPLETE("'type':'ref/prompt','name':'none'", "x", "", ""),
        COMPLETE("'type':'ref/resource','uri':'test://none'", "x", "", ""),
        COMPLETE("'type':'ref/resource','name':'greet'", "x", "", ""),
        COMPLETE("'type':'ref/other','name':'greet'", "x", "", ""),
        COMPLETE("'type':7", "x", "", ""),
        COMPLETE(THING, "other", "", ""),
        COMPLETE(THING, "i", "", ""),
        COMPLETE(GREET, "tone", "", ",'context':{'arguments':{'who':7}}"),
        ID("1") "'completion/complete','params':{'ref':{" GREET "}}}",
        ID("1") "'completion/complete','params':{'argument':{'name':'tone','value':''}}}",
        ID("1") "'completion/complete'}",
    };

    for (size_t i = 0; i < COUNT_OF(messages); i++)
        CHECK_HAS(legacy("%s", messages[i]), "\"code\":-32602");
    CHECK_HAS(legacy(COMPLETE(GREET, "tone", "fail", "")),
              unquoted("'code':-32603,'message':'unavailable: nobody knows.'"));
}

static void a_link_is_text_where_there_are_none(void)
{
    struct tool_call call = { .content = BUF_MAX(4096) };

    CHECK(!tool_link(&call, "a://b", "b", "text/plain", 7, NULL));
    CHECK(!tool_link(&call, "a://c", "c", NULL, 0, NULL));
    CHECK_STR(call.content.data,
              unquoted("{'type':'resource_link','uri':'a://b','name':'b','mimeType':'text/plain',"
                       "'size':7},{'type':'resource_link','uri':'a://c','name':'c'}"));
    buf_clear(&call.content);
    call.no_links = true;
    CHECK(!tool_link(&call, "a://b", "b", NULL, 0, NULL));
    CHECK_STR(call.content.data, unquoted("{'type':'text','text':'[b: resource a://b]'}"));
    buf_done(&call.content);
}

static const struct test tests[] = {
    TEST(all_are_listed_with_their_arguments), TEST(one_becomes_messages),
    TEST(what_is_not_as_declared_is_refused),  TEST(arguments_are_bounded),
    TEST(completion_asks_who_knows),           TEST(more_than_a_hundred_values_are_cut),
    TEST(unknown_references_are_refused),      TEST(a_link_is_text_where_there_are_none),
};

int main(int argc, char **argv)
{
    int failed;

    begin_server(&own_config);
    failed = check_run(tests, COUNT_OF(tests), argc, argv);
    server_free(server);
    return failed;
}
