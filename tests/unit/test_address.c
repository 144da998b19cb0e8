#include "tests/unit/check.h"
#include "tools/address.h"

#include <string.h>

static const char base[] = "http://127.0.0.1:8080/shop/list?page=2#top";

static void addresses_become_urls(void)
{
    static const struct {
        const char *typed, *url;
        bool guessed, secure;
    } rows[] = {
        { "https://example.com/x", "https://example.com/x", false, false },
        { " http://a.b \n", "http://a.b", false, false },
        { "about:blank", "about:blank", false, false },
        { "file:///etc/passwd", "file:///etc/passwd", false, false },
        { "javascript:alert(1)", "javascript:alert(1)", false, false },
        { "data:text/html,hi", "data:text/html,hi", false, false },
        { "example.com", "https://example.com", true, true },
        { "example.com/a?b#c", "https://example.com/a?b#c", true, true },
        { "//example.com/a", "https://example.com/a", true, true },
        { "example.com:8080/a", "http://example.com:8080/a", true, false },
        { "localhost", "http://localhost", true, false },
        { "localhost:3000", "http://localhost:3000", true, false },
        { "LocalHost/x", "http://LocalHost/x", true, false },
        { "app.localhost", "http://app.localhost", true, false },
        { "notlocalhost.com", "https://notlocalhost.com", true, true },
        { "127.0.0.1/x", "http://127.0.0.1/x", true, false },
        { "[::1]:8080", "http://[::1]:8080", true, false },
        { "web:5000", "http://web:5000", true, false },
        { "/cart", "http://127.0.0.1:8080/cart", true, false },
        { "?page=3", "http://127.0.0.1:8080/shop/list?page=3", true, false },
        { "#end", "http://127.0.0.1:8080/shop/list?page=2#end", true, false },
        { "./item", "http://127.0.0.1:8080/shop/./item", true, false },
        { "../item", "http://127.0.0.1:8080/shop/../item", true, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO(address) struct address a = { .guessed = false };
        struct err err = { 0 };
        if (address_parse(rows[i].typed, base, &a, &err))
            FAIL("\"%s\": %s", rows[i].typed, err.msg);
        if (strcmp(a.url.data, rows[i].url) || a.guessed != rows[i].guessed ||
            a.secure != rows[i].secure)
            FAIL("\"%s\" is %s", rows[i].typed, a.url.data);
    }
}

static void what_is_none_is_refused(void)
{
    static const char *const rows[] = { "",  "  ",     "hello world", "login", "a b.com", "-x.com",
                                        ":", ".x.com", "x:",          "x:y",   "[::1",    "a/b" };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUTO(address) struct address a = { .guessed = false };
        struct err err = { 0 };
        bool taken = !address_parse(rows[i], base, &a, &err);
        if (taken && a.guessed)
            FAIL("\"%s\" is %s", rows[i], a.url.data);
        if (!taken)
            CHECK(err.code == ERR_INVALID);
    }
}

static void relative_ones_need_a_page(void)
{
    static const char *const pages[] = { "", "about:blank", "data:text/html,x", "ftp://x/" };

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        AUTO(address) struct address a = { .guessed = false };
        struct err err = { 0 };
        CHECK(address_parse("/x", pages[i], &a, &err) && err.code == ERR_INVALID);
    }
}

static void https_falls_back_to_http(void)
{
    AUTO(address) struct address a = { .guessed = false };
    struct err err = { 0 };

    CHECK(!address_parse("example.com/x", "", &a, &err) && a.secure);
    CHECK(!address_insecure(&a, &err));
    CHECK(!strcmp(a.url.data, "http://example.com/x") && !a.secure);
}

static const struct test tests[] = {
    TEST(addresses_become_urls),
    TEST(what_is_none_is_refused),
    TEST(relative_ones_need_a_page),
    TEST(https_falls_back_to_http),
};
TEST_MAIN(tests)
