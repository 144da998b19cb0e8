#include "backend/browser/ws_url.h"
#include "check.h"

static void urls_are_taken_apart(void)
{
    static const struct {
        const char *url, *address, *host, *path;
        int port;
        bool tls;
    } cases[] = {
        { "ws://h", "h", "h", "/", 80, false },
        { "WS://h:9222/devtools/browser/1?token=x", "h", "h:9222", "/devtools/browser/1?token=x",
          9222, false },
        { "wss://h?token=x#y", "h", "h", "/?token=x", 443, true },
        { "wss://[::1]:8443/a", "::1", "[::1]:8443", "/a", 8443, true },
        { "ws://[::1]/a", "::1", "[::1]", "/a", 80, false },
        { "ws+unix:/run/s:/p?q", "+/run/s", "localhost", "/p?q", 0, false },
        { "unix:/run/s", "+/run/s", "localhost", "/", 0, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { 0 };
        struct ws_url u;
        if (ws_url_parse(cases[i].url, &u, &err))
            FAIL("%s: %s", cases[i].url, err.msg);
        CHECK_STR(u.address, cases[i].address);
        CHECK_STR(u.host, cases[i].host);
        CHECK_STR(u.path, cases[i].path);
        CHECK(u.port == cases[i].port && u.tls == cases[i].tls);
        ws_url_done(&u);
    }
}

static void others_are_refused_without_their_secrets(void)
{
    static const char *const cases[] = {
        "",          "http://h",      "ws://",      "ws://:1/s3cret",   "ws://h:/s3cret",
        "ws://h:0/", "ws://h:65536/", "ws://h:1x/", "ws://u:s3cret@h/", "ws://h/a b?s3cret",
        "ws://[::1", "ws://[::1]x/",  "unix:s",     "ws+unix:/s:x",     "ws://h:99999999999/",
        "ws://[]/",
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { 0 };
        struct ws_url u;
        if (!ws_url_parse(cases[i], &u, &err))
            FAIL("\"%s\" was taken", cases[i]);
        CHECK(err.code == ERR_INVALID && *err.msg);
        CHECK(!strstr(err.msg, "s3cret") && !strstr(err.next, "s3cret"));
        CHECK(!u.address && !u.host && !u.path);
    }
}

static const struct test tests[] = {
    TEST(urls_are_taken_apart),
    TEST(others_are_refused_without_their_secrets),
};

TEST_MAIN(tests)
