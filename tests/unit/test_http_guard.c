#include "tests/unit/check.h"
#include "transport/http_guard.h"

#include <stdlib.h>

#define MANY 16

/* Headers from "Name: value" strings, ended by NULL. */
static void fill(struct http_headers *h, const char *const *lines)
{
    static char names[MANY][64];

    memset(h, 0, sizeof(*h));
    for (int i = 0; lines[i]; i++) {
        size_t n = strcspn(lines[i], ":");
        snprintf(names[i], sizeof(names[i]), "%.*s", (int)n, lines[i]);
        CHECK(http_headers_add(h, names[i], lines[i] + n + 1));
    }
}

#define HEADERS(h, ...)    \
    struct http_headers h; \
    fill(&h, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static const char *const hosts[] = { "mcp.example.com", "other.example:8443", NULL };
static const char *const origins[] = { "https://app.example.com", NULL };

static const struct guard loopback = { .address = "127.0.0.1", .loopback = true, .body_max = 100 };
static const struct guard named = {
    .address = "127.0.0.2", .loopback = true, .hosts = hosts, .origins = origins, .body_max = 100
};
static const struct guard open_bind = { .address = "0.0.0.0", .body_max = 100 };
static const struct guard open_named = { .address = "0.0.0.0", .hosts = hosts, .body_max = 100 };

static void path_and_method_decide_first(void)
{
    static const struct {
        const char *method, *path;
        enum verdict want;
        enum http_method as;
    } cases[] = {
        { "POST", "/mcp", VERDICT_PASS, HTTP_POST },
        { "POST", "/mcp/", VERDICT_PASS, HTTP_POST },
        { "GET", "/mcp", VERDICT_PASS, HTTP_GET },
        { "DELETE", "/mcp", VERDICT_PASS, HTTP_DELETE },
        { "OPTIONS", "/mcp", VERDICT_NO_METHOD, HTTP_POST },
        { "HEAD", "/mcp", VERDICT_NO_METHOD, HTTP_POST },
        { "post", "/mcp", VERDICT_NO_METHOD, HTTP_POST },
        { "PUT", "/mcp", VERDICT_NO_METHOD, HTTP_POST },
        { "POST", "/", VERDICT_NO_PATH, HTTP_POST },
        { "POST", "", VERDICT_NO_PATH, HTTP_POST },
        { "POST", "/mcpx", VERDICT_NO_PATH, HTTP_POST },
        { "POST", "/mcp//", VERDICT_NO_PATH, HTTP_POST },
        { "OPTIONS", "/other", VERDICT_NO_PATH, HTTP_POST },
        { "GET", "/.well-known/oauth-protected-resource", VERDICT_NO_PATH, HTTP_POST },
        { "GET", "/.well-known/oauth-protected-resource/mcp", VERDICT_NO_PATH, HTTP_POST },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum http_method as = HTTP_POST;
        enum verdict got = guard_target(cases[i].method, cases[i].path, &as);
        if (got != cases[i].want || as != cases[i].as)
            FAIL("%s %s: verdict %d", cases[i].method, cases[i].path, got);
    }
}

static void hosts_are_loopback_names_or_configured(void)
{
    static const struct {
        const struct guard *guard;
        const char *host;
        bool pass;
    } cases[] = {
        { &loopback, "localhost", true },
        { &loopback, "localhost:8080", true },
        { &loopback, "LocalHost:1", true },
        { &loopback, "127.0.0.1", true },
        { &loopback, "127.0.0.1:65535", true },
        { &loopback, "[::1]", true },
        { &loopback, "[::1]:8080", true },
        { &loopback, "::1", false },
        { &loopback, "", false },
        { &loopback, ":8080", false },
        { &loopback, "localhost:", false },
        { &loopback, "localhost:80x", false },
        { &loopback, "localhost:123456", false },
        { &loopback, "localhost.evil.example", false },
        { &loopback, "evil.example.com", false },
        { &loopback, "evil.example.com:80", false },
        { &loopback, "127.0.0.1.evil.example", false },
        { &loopback, "127.0.0.2", false },
        { &loopback, "localhost@evil.example", false },
        { &loopback, "[::1", false },
        { &loopback, "[::1]x", false },
        { &loopback, "[", false },
        { &loopback, "[]", false },
        { &loopback, "mcp.example.com", false },
        { &named, "127.0.0.2:99", true },
        { &named, "mcp.example.com", true },
        { &named, "MCP.example.com:443", true },
        { &named, "other.example:8443", true },
        { &named, "other.example", false },
        { &named, "other.example:8444", false },
        { &named, "xmcp.example.com", false },
        { &open_bind, "anything.example", true },
        { &open_named, "anything.example", false },
        { &open_named, "mcp.example.com", true },
        { &open_named, "0.0.0.0", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_headers h = { .value = { [HEADER_HOST] = cases[i].host } };
        if ((guard_source(cases[i].guard, &h) == VERDICT_PASS) != cases[i].pass)
            FAIL("Host \"%s\" on %s", cases[i].host, cases[i].guard->address);
    }
}

static void a_missing_or_repeated_host_is_refused(void)
{
    HEADERS(none, "Accept: */*");
    CHECK_INT(guard_source(&loopback, &none), VERDICT_HOST);
    HEADERS(two, "Host: localhost", "host: localhost");
    CHECK_INT(guard_source(&loopback, &two), VERDICT_HOST);
    CHECK_INT(guard_source(&open_bind, &none), VERDICT_PASS);
    CHECK_INT(guard_source(&open_bind, &two), VERDICT_HOST);
}

static void origins_are_loopback_or_configured(void)
{
    static const struct {
        const struct guard *guard;
        const char *origin;
        bool pass;
    } cases[] = {
        { &loopback, "http://localhost", true },
        { &loopback, "http://localhost:3000", true },
        { &loopback, "https://127.0.0.1:1", true },
        { &loopback, "http://[::1]:5173", true },
        { &loopback, "null", false },
        { &loopback, "", false },
        { &loopback, "http://", false },
        { &loopback, "localhost", false },
        { &loopback, "ftp://localhost", false },
        { &loopback, "http://localhost/", false },
        { &loopback, "http://localhost:3000/x", false },
        { &loopback, "http://evil.example", false },
        { &loopback, "http://localhost.evil.example", false },
        { &loopback, "http://localhost:80@evil.example", false },
        { &loopback, "https://app.example.com", false },
        { &named, "https://app.example.com", true },
        { &named, "HTTPS://APP.example.com", true },
        { &named, "http://app.example.com", false },
        { &named, "https://app.example.com:444", false },
        { &named, "http://mcp.example.com", false },
        { &open_bind, "http://anything.example", false },
        { &open_bind, "http://localhost:1", true },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *host = cases[i].guard == &named ? "mcp.example.com" : "localhost";
        struct http_headers h = { .value = {
                                      [HEADER_HOST] = host, [HEADER_ORIGIN] = cases[i].origin } };
        if ((guard_source(cases[i].guard, &h) == VERDICT_PASS) != cases[i].pass)
            FAIL("Origin \"%s\"", cases[i].origin);
    }
}

static void two_origins_are_refused(void)
{
    HEADERS(h, "Host: localhost", "Origin: http://localhost", "Origin: http://localhost");
    CHECK_INT(guard_source(&loopback, &h), VERDICT_ORIGIN);
}

static void messages_are_judged_by_their_headers(void)
{
    static const struct {
        enum verdict want;
        enum http_method method;
        const char *lines[MANY];
    } cases[] = {
        { VERDICT_PASS, HTTP_POST, { "Content-Type: application/json" } },
        { VERDICT_PASS, HTTP_POST, { "content-type:Application/JSON; charset=utf-8" } },
        { VERDICT_PASS, HTTP_POST, { "Content-Type: application/json ;x" } },
        { VERDICT_CONTENT_TYPE, HTTP_POST, { NULL } },
        { VERDICT_CONTENT_TYPE, HTTP_POST, { "Content-Type: application/jsonp" } },
        { VERDICT_CONTENT_TYPE, HTTP_POST, { "Content-Type: text/plain" } },
        { VERDICT_CONTENT_TYPE,
          HTTP_POST,
          { "Content-Type: application/json", "Content-Type: application/json" } },
        { VERDICT_PASS, HTTP_POST, { "Content-Type: application/json", "Accept: */*" } },
        { VERDICT_PASS, HTTP_POST, { "Content-Type: application/json", "Accept: a/b,text/*" } },
        { VERDICT_PASS,
          HTTP_POST,
          { "Content-Type: application/json", "Accept: a/b", "Accept: Application/Json;q=0.1" } },
        { VERDICT_ACCEPT, HTTP_POST, { "Content-Type: application/json", "Accept: text/html" } },
        { VERDICT_ACCEPT, HTTP_POST, { "Content-Type: application/json", "Accept:" } },
        { VERDICT_PASS, HTTP_GET, { "Accept: text/event-stream" } },
        { VERDICT_ACCEPT_STREAM, HTTP_GET, { "Accept: application/json" } },
        { VERDICT_PASS, HTTP_DELETE, { "Accept: text/html" } },
        { VERDICT_PASS, HTTP_POST, { "Content-Type: application/json", "Content-Length: 100" } },
        { VERDICT_TOO_LARGE,
          HTTP_POST,
          { "Content-Type: application/json", "Content-Length: 101" } },
        { VERDICT_TOO_LARGE, HTTP_GET, { "Accept: */*", "Content-Length: 1" } },
        { VERDICT_PASS, HTTP_DELETE, { "Content-Length: 0" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length: -1" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length: 1x" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length:" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length: 99999999999999999999" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length: 5", "Content-Length: 5" } },
        { VERDICT_FRAMING, HTTP_POST, { "Content-Length: 5", "Transfer-Encoding: chunked" } },
        { VERDICT_FRAMING, HTTP_POST, { "Transfer-Encoding: gzip, chunked" } },
        { VERDICT_PASS,
          HTTP_POST,
          { "Content-Type: application/json", "Transfer-Encoding: Chunked" } },
        { VERDICT_PASS, HTTP_DELETE, { "X-Sandbox: a.b_c-9" } },
        { VERDICT_SANDBOX, HTTP_DELETE, { "X-Sandbox: A" } },
        { VERDICT_SANDBOX, HTTP_DELETE, { "X-Sandbox:" } },
        { VERDICT_SANDBOX, HTTP_DELETE, { "X-Sandbox: a/b" } },
        { VERDICT_SANDBOX, HTTP_DELETE, { "X-Sandbox: a", "X-Sandbox: a" } },
        { VERDICT_NO_SESSION, HTTP_DELETE, { "Mcp-Session-Id: a", "mcp-session-id: a" } },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_headers h;
        enum verdict got;
        fill(&h, cases[i].lines);
        got = guard_message(&loopback, cases[i].method, &h);
        http_headers_done(&h);
        if (got != cases[i].want)
            FAIL("case %zu: verdict %d, not %d", i, got, cases[i].want);
    }
}

static void lengths_are_numbers_or_unknown(void)
{
    uint64_t n = 7;

    HEADERS(none, "Accept: */*");
    CHECK(guard_length(&none, &n));
    CHECK_INT(n, 0);
    HEADERS(some, "Content-Length: 00042 ");
    CHECK(guard_length(&some, &n));
    CHECK_INT(n, 42);
    http_headers_done(&some);
    HEADERS(chunked, "Transfer-Encoding: chunked");
    CHECK(guard_length(&chunked, &n));
    CHECK(n == GUARD_LENGTH_UNKNOWN);
}

static void values_are_trimmed_and_counted(void)
{
    HEADERS(h, "MCP-Protocol-Version: \t 2026-07-28 \t", "mcp-method: tools/call", "Mcp-Name: a b",
            "MCP-NAME: c", "X-Other: 1");

    CHECK_STR(h.value[HEADER_VERSION], "2026-07-28");
    CHECK_STR(h.value[HEADER_METHOD], "tools/call");
    CHECK_STR(h.value[HEADER_NAME], "a b");
    CHECK_INT(h.repeated, 1u << HEADER_NAME);
    CHECK(!h.value[HEADER_SESSION]);
    http_headers_done(&h);
    CHECK(!h.value[HEADER_VERSION]);
    CHECK(http_headers_add(&h, "Mcp-Name", NULL));
    CHECK_STR(h.value[HEADER_NAME], "");
}

static void without_accept_everything_is_accepted(void)
{
    HEADERS(none, "Host: x");
    CHECK_INT(http_headers_accepts(&none), ACCEPT_JSON | ACCEPT_SSE);
    HEADERS(both, "Accept: application/json, text/event-stream");
    CHECK_INT(http_headers_accepts(&both), ACCEPT_JSON | ACCEPT_SSE);
    HEADERS(json, "Accept: ,, application/*;q=1 ,");
    CHECK_INT(http_headers_accepts(&json), ACCEPT_JSON);
    HEADERS(stream, "Accept: TEXT/event-stream ; x=y");
    CHECK_INT(http_headers_accepts(&stream), ACCEPT_SSE);
    HEADERS(odd, "Accept: application/jsonx, text");
    CHECK_INT(http_headers_accepts(&odd), 0);
}

static void sandbox_names_are_short_and_plain(void)
{
    char name[GUARD_SANDBOX_MAX + 2];

    memset(name, 'a', sizeof(name));
    name[GUARD_SANDBOX_MAX] = '\0';
    CHECK(guard_sandbox_name(name));
    name[GUARD_SANDBOX_MAX] = 'a';
    name[GUARD_SANDBOX_MAX + 1] = '\0';
    CHECK(!guard_sandbox_name(name));
    CHECK(!guard_sandbox_name(""));
    CHECK(!guard_sandbox_name("a b"));
    CHECK(!guard_sandbox_name("\xc3\xa4"));
}

static void every_refusal_has_a_status(void)
{
    for (int v = VERDICT_PASS + 1; v < VERDICT_COUNT; v++) {
        const struct refusal *r = guard_refusal((enum verdict)v);
        bool refuses = r->status >= 400 && r->status <= 599;
        if (refuses != (v != VERDICT_METADATA) || (r->header && !r->value))
            FAIL("verdict %d", v);
    }
    CHECK_STR(guard_refusal(VERDICT_NO_METHOD)->header, "Allow");
}

static const struct test tests[] = {
    TEST(path_and_method_decide_first),
    TEST(hosts_are_loopback_names_or_configured),
    TEST(a_missing_or_repeated_host_is_refused),
    TEST(origins_are_loopback_or_configured),
    TEST(two_origins_are_refused),
    TEST(messages_are_judged_by_their_headers),
    TEST(lengths_are_numbers_or_unknown),
    TEST(values_are_trimmed_and_counted),
    TEST(without_accept_everything_is_accepted),
    TEST(sandbox_names_are_short_and_plain),
    TEST(every_refusal_has_a_status),
};

TEST_MAIN(tests)
