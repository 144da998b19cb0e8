#include "backend/local/wait_url.h"
#include "base/cleanup.h"
#include "tests/unit/check.h"

#include <string.h>

#define REST "User-Agent: sandbox-mcp\r\nAccept: */*\r\nConnection: close\r\n\r\n"

static void urls_become_requests(void)
{
    static const struct {
        const char *url, *host, *request;
        uint16_t port;
        bool loopback;
    } cases[] = {
        { "http://localhost:3000/a?b#c", "localhost",
          "GET /a?b HTTP/1.1\r\nHost: localhost:3000\r\n" REST, 3000, true },
        { "HTTP://LocalHost", "localhost", "GET / HTTP/1.1\r\nHost: LocalHost\r\n" REST, 80, true },
        { "http://[::1]:8", "::1", "GET / HTTP/1.1\r\nHost: [::1]:8\r\n" REST, 8, true },
        { "http://127.9.9.9?x", "127.9.9.9", "GET /?x HTTP/1.1\r\nHost: 127.9.9.9\r\n" REST, 80,
          true },
        { "http://app.localhost/", "app.localhost",
          "GET / HTTP/1.1\r\nHost: app.localhost\r\n" REST, 80, true },
        { "http://example.org:81/x", "example.org",
          "GET http://example.org:81/x HTTP/1.1\r\nHost: example.org:81\r\n" REST, 81, false },
        { "http://127.0.0.1.example.org", "127.0.0.1.example.org",
          "GET http://127.0.0.1.example.org/ HTTP/1.1\r\nHost: 127.0.0.1.example.org\r\n" REST, 80,
          false },
        { "http://xlocalhost/", "xlocalhost",
          "GET http://xlocalhost/ HTTP/1.1\r\nHost: xlocalhost\r\n" REST, 80, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf) struct buf request = BUF_MAX(8192);
        struct wait_url u = { 0 };
        CHECK(!wait_url_parse(cases[i].url, &u, &request, NULL));
        CHECK_STR(u.host, cases[i].host);
        CHECK_STR(buf_str(&request), cases[i].request);
        CHECK(u.port == cases[i].port && u.loopback == cases[i].loopback);
    }
}

static void bad_urls_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "http:/x",
        "http://",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a:",
        "http://a:x",
        "http://u@a/",
        "http://u:p@a/",
        "http://[::1",
        "http://[]/",
        "http://a b/",
        "http://a/\r\nX:",
        "http://a\\b/",
        "http://[::1]x/",
        "http://[g::]:1/",
        "http://\xc3\xa9/",
        "http://a/\x7f",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(buf) struct buf request = BUF_MAX(8192);
        struct wait_url u = { 0 };
        struct err err = { 0 };
        CHECK(wait_url_parse(bad[i], &u, &request, &err) == -1 && err.code == ERR_INVALID);
    }
}

static void only_http_has_a_status(void)
{
    static const struct {
        const char *answer;
        int status;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\n", 200 },
        { "HTTP/1.0 503\r\n", 503 },
        { "HTTP/1.1 20\n\n\n\n", 0 },
        { "HTTP/2 200 OK\r\n", 0 },
        { "SSH-2.0-x y z\r\n", 0 },
        { "HTTP/1.1 200", 0 },
        { "", 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK(wait_url_status((const uint8_t *)cases[i].answer, strlen(cases[i].answer)) ==
              cases[i].status);
}

static const struct test tests[] = {
    TEST(urls_become_requests),
    TEST(bad_urls_are_refused),
    TEST(only_http_has_a_status),
};
TEST_MAIN(tests)
