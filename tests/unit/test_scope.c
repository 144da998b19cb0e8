#include "base/attr.h"
#include "mcp/scope.h"
#include "tests/unit/check.h"

static void names_bring_what_they_imply(void)
{
    CHECK_INT(scope_from_name("read", 4), SCOPE_READ);
    CHECK_INT(scope_from_name("execute", 7), SCOPE_READ | SCOPE_EXECUTE);
    CHECK_INT(scope_from_name("admin", 5), SCOPE_ALL);
    CHECK_INT(scope_from_name("reads", 5), 0);
    CHECK_INT(scope_from_name("read", 3), 0);
    CHECK_INT(scope_from_name("Read", 4), 0);
    CHECK_INT(scope_from_name("", 0), 0);
}

static void lists_are_strict(void)
{
    static const struct {
        const char *text;
        unsigned scopes; /* 0: refused */
    } cases[] = {
        { "read", SCOPE_READ },
        { "read,execute", SCOPE_READ | SCOPE_EXECUTE },
        { "admin", SCOPE_ALL },
        { "read,read", SCOPE_READ },
        { "", 0 },
        { ",", 0 },
        { "read,", 0 },
        { ",read", 0 },
        { "read,,execute", 0 },
        { "read execute", 0 },
        { "read,other", 0 },
        { " read", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned got = 0;
        bool taken = scopes_from_text(cases[i].text, strlen(cases[i].text), ",", &got);
        if (taken != !!cases[i].scopes || got != cases[i].scopes)
            FAIL("\"%s\": %u", cases[i].text, got);
    }
}

static void sets_are_written_in_order(void)
{
    char text[SCOPES_TEXT];

    CHECK_STR(scopes_to_text(0, text), "");
    CHECK_STR(scopes_to_text(SCOPE_EXECUTE, text), "execute");
    CHECK_STR(scopes_to_text(SCOPE_ALL, text), "read execute admin");
}

static void a_method_that_nobody_opened_is_closed(void)
{
    CHECK_INT(scope_of_method("initialize"), 0);
    CHECK_INT(scope_of_method("ping"), 0);
    CHECK_INT(scope_of_method("tools/list"), SCOPE_READ);
    CHECK_INT(scope_of_method("resources/read"), SCOPE_READ);
    CHECK_INT(scope_of_method("tasks/get"), SCOPE_READ);
    CHECK_INT(scope_of_method("tasks/cancel"), SCOPE_EXECUTE);
    CHECK_INT(scope_of_method("tasks/update"), SCOPE_EXECUTE);
    CHECK_INT(scope_of_method("no/such"), SCOPE_EXECUTE);
}

static const struct test tests[] = {
    TEST(names_bring_what_they_imply),
    TEST(lists_are_strict),
    TEST(sets_are_written_in_order),
    TEST(a_method_that_nobody_opened_is_closed),
};

TEST_MAIN(tests)
