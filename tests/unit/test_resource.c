#include "tests/unit/resource_fixture.h"

static void fixed_ones_and_templates_are_read(void)
{
    static const struct {
        const char *uri, *has;
    } rows[] = {
        { "test://text",
          "'result':{'contents':[{'uri':'test://text','mimeType':'text/plain','text':'fixed'}]}" },
        { "test://thing/a%20b/data", "'text':'id=a b'" },
        { "test://file/a/b%25.txt", "'text':'path=a/b%.txt'" },
        { "test://file//etc/x", "'text':'path=/etc/x'" },
        { "test://blob", "'blob':'AAEC'" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_HAS(legacy(READ("%s"), rows[i].uri), unquoted(rows[i].has));
}

static void modern_reads_are_private_and_not_kept(void)
{
    CHECK_HAS(modern("resources/read", "'uri':'test://text'"),
              unquoted("{'resultType':'complete','contents':[{'uri':'test://text','mimeType':"
                       "'text/plain','text':'fixed'}],'ttlMs':0,'cacheScope':'private','_meta':"));
}

static void what_is_not_there_has_the_code_of_its_revision(void)
{
    const char *got = legacy(READ("%s"), "test://none");

    CHECK_HAS(got, unquoted("'error':{'code':-32002,'message':'Resource not found','data':{'uri':"
                            "'test://none'}}"));
    CHECK_HAS(legacy(READ("%s"), "test://thing/gone/data"), "-32002");
    CHECK_HAS(legacy(READ("%s"), "test://empty"), "-32002");
    CHECK_HAS(modern("resources/read", "'uri':'test://none'"),
              unquoted("'error':{'code':-32602,'message':'Resource not found','data':{'uri':"
                       "'test://none'}}"));
}

static void other_failures_say_what_it_was(void)
{
    CHECK_HAS(legacy(READ("%s"), "test://thing/large/data"),
              unquoted("'error':{'code':-32603,'message':'too_large: told to. Next: ask less.',"
                       "'data':{'uri':'test://thing/large/data'}}"));
    CHECK_HAS(legacy(READ("%s"), "test://thing/bad/data"),
              unquoted("'error':{'code':-32602,'message':'a bad one'"));
}

static void hostile_uris_are_refused(void)
{
    static const char *const uris[] = {
        "",
        "text",
        "//no/scheme",
        "1test://x",
        "test://file/../x",
        "test://file/a/..",
        "test://file/%2e%2e/x",
        "test://file/%2E./x",
        "test://file/a/./x",
        "test://file/a//x",
        "test://file/a%2Fb",
        "test://file/a%2fb",
        "test://file///etc",
        "test://file/a%00b",
        "test://file/a%0ab",
        "test://file/a%7f",
        "test://file/%ff%fe",
        "test://file/%c0%af",
        "test://file/%ed%a0%80",
        "test://file/%",
        "test://file/%2",
        "test://file/%zz",
        "test://file/a b",
        "test://file/<x>",
        "test://file/\xc3\xa9",
        "test://thing/../data",
        "test://thing/%2e/data",
        "test://thing/a%2fb/data",
    };

    for (size_t i = 0; i < COUNT_OF(uris); i++)
        CHECK_HAS(legacy(READ("%s"), uris[i]), "\"code\":-32602");
    CHECK_INT(reads, 0);
}

static void uris_that_no_template_takes_are_not_found(void)
{
    static const char *const uris[] = {
        "test:",
        "test://file/",
        "test://file/a?b",
        "test://file/a#b",
        "test://thing//data",
        "test://thing/a/b/data",
        "test://thing/a/data/x",
        "test://Text",
    };

    for (size_t i = 0; i < COUNT_OF(uris); i++)
        CHECK_HAS(legacy(READ("%s"), uris[i]), "-32002");
    CHECK_INT(reads, 0);
}

static void long_uris_are_refused_before_they_are_read(void)
{
    char uri[RESOURCE_URI_MAX + 2];

    memset(uri, 'a', sizeof(uri));
    memcpy(uri, "test://file/", 12);
    uri[RESOURCE_URI_MAX] = '\0';
    CHECK_HAS(legacy(READ("%s"), uri), "path=aaaa");
    uri[RESOURCE_URI_MAX] = 'a';
    uri[RESOURCE_URI_MAX + 1] = '\0';
    CHECK_HAS(legacy(READ("%s"), uri), "more than 8000 bytes");
}

/* ---- lists ---- */

static void templates_are_listed(void)
{
    CHECK_HAS(legacy(ID("1") "'resources/templates/list'}"),
              unquoted("'result':{'resourceTemplates':[{'uriTemplate':'test://thing/{id}/data',"
                       "'name':'thing'},{'uriTemplate':'test://file/{+path}','name':'file',"
                       "'mimeType':'text/plain'}]}}"));
    CHECK_HAS(modern("resources/templates/list", "'x':1"),
              unquoted("],'ttlMs':300000,'cacheScope':'public','_meta':"));
    CHECK_HAS(legacy(ID("1") "'resources/templates/list','params':{'cursor':'x'}}"), "-32602");
}

static void pages_follow_each_other(void)
{
    static const char *const pages[] = { "test://text", "own://0", "own://3", "own://6" };
    char cursor[CURSOR_ROOM] = "";
    int left = OWN_COUNT + 3;

    for (size_t page = 0; left > 0; page++, left -= PAGE) {
        const char *got = modern("resources/list", "%s%s%s'x':1", *cursor ? "'cursor':'" : "",
                                 cursor, *cursor ? "'," : "");
        CHECK_HAS(got, pages[page]);
        CHECK_HAS(got, unquoted("'ttlMs':0,'cacheScope':'private'"));
        CHECK_INT(take_cursor(got, cursor), left > PAGE);
    }
    CHECK_INT(left, -1);
}

static void a_page_goes_on_behind_what_was_removed(void)
{
    char cursor[CURSOR_ROOM];

    CHECK(take_cursor(modern("resources/list", "'x':1"), cursor));
    CHECK(take_cursor(modern("resources/list", "'cursor':'%s'", cursor), cursor));
    own_gone = 2; /* the last one before the cursor */
    CHECK_HAS(modern("resources/list", "'cursor':'%s'", cursor),
              unquoted("'resources':[{'uri':'own://3'"));
    own_gone = 0;
    CHECK_HAS(modern("resources/list", "'cursor':'%s'", cursor),
              unquoted("'resources':[{'uri':'own://3'"));
    own_gone = -1;
}

static void cursors_are_not_made_by_others(void)
{
    static const char *const bad[] = { "''", "'x'", "1", "{}", "'AQIDBA'", "[]" };
    char cursor[CURSOR_ROOM];

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_HAS(modern("resources/list", "'cursor':%s", bad[i]), "\"code\":-32602");
    CHECK(take_cursor(modern("resources/list", "'x':1"), cursor));
    cursor[20] = cursor[20] == 'A' ? 'B' : 'A';
    CHECK_HAS(modern("resources/list", "'cursor':'%s'", cursor), "invalid cursor");
}

static void a_cursor_is_good_for_its_owner_alone(void)
{
    char cursor[CURSOR_ROOM];

    CHECK(take_cursor(modern("resources/list", "'x':1"), cursor));
    caller = "somebody else";
    CHECK_HAS(modern("resources/list", "'cursor':'%s'", cursor), "invalid cursor");
    caller = "me";
}

static void nothing_is_offered_without_a_provider(void)
{
    static const char *const methods[] = { "resources/list", "resources/templates/list",
                                           "resources/read", "prompts/list",
                                           "prompts/get",    "completion/complete" };

    struct server_config bare = own_config;

    bare.resources = NULL;
    bare.prompts = NULL;
    begin_server(&bare);
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        CHECK_HAS(modern(methods[i], "'uri':'test://text'"), "\"code\":-32601");
    CHECK_HAS(modern("server/discover", "'x':1"), unquoted("'capabilities':{'tools':{}}"));
    begin_server(&own_config);
}

static const struct test tests[] = {
    TEST(fixed_ones_and_templates_are_read),
    TEST(modern_reads_are_private_and_not_kept),
    TEST(what_is_not_there_has_the_code_of_its_revision),
    TEST(other_failures_say_what_it_was),
    TEST(hostile_uris_are_refused),
    TEST(uris_that_no_template_takes_are_not_found),
    TEST(long_uris_are_refused_before_they_are_read),
    TEST(templates_are_listed),
    TEST(pages_follow_each_other),
    TEST(a_page_goes_on_behind_what_was_removed),
    TEST(cursors_are_not_made_by_others),
    TEST(a_cursor_is_good_for_its_owner_alone),
    TEST(nothing_is_offered_without_a_provider),
};

int main(int argc, char **argv)
{
    int failed;

    begin_server(&own_config);
    failed = check_run(tests, COUNT_OF(tests), argc, argv);
    server_free(server);
    return failed;
}
