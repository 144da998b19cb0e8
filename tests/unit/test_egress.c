#include "backend/local/egress.h"
#include "backend/local/egress_proxy.h"
#include "base/clock.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool resolving, resolved;

/* The resolver of this program: it hangs until it is told not to. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **out)
{
    (void)host, (void)port, (void)hints, (void)out;
    resolving = true;
    while (!resolved)
        usleep(1000);
    return EAI_AGAIN;
}

static struct egress_policy *policy(const char *text)
{
    struct egress_policy *p = NULL;
    struct err err = { 0 };

    if (egress_policy_parse(text, &p, &err))
        FAIL("%s: %s", text, err.msg);
    return p;
}

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage ss = { 0 };
    struct sockaddr_in *four = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ss;

    ss.ss_family = AF_INET;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        return ss;
    ss.ss_family = AF_INET6;
    CHECK(inet_pton(AF_INET6, text, &six->sin6_addr) == 1);
    return ss;
}

static void hosts_and_ports_are_matched(void)
{
    static const struct {
        const char *policy, *host;
        uint16_t port;
        bool allowed;
    } cases[] = {
        { "allow=example.com", "example.com", 443, true },
        { "allow=example.com", "example.com", 80, true },
        { "allow=example.com", "example.com", 22, false },
        { "allow=example.com:22", "example.com", 22, true },
        { "allow=example.com:22", "example.com", 443, false },
        { "allow=example.com:*", "example.com", 9, true },
        { "allow=example.com", "www.example.com", 443, false },
        { "allow=example.com", "notexample.com", 443, false },
        { "allow=*.example.com", "www.example.com", 443, true },
        { "allow=*.example.com", "a.b.example.com", 443, true },
        { "allow=*.example.com", "example.com", 443, false },
        { "allow=*.example.com", "evilexample.com", 443, false },
        { "allow=*", "anything.example", 443, true },
        { "allow=*", "anything.example", 25, false },
        { "allow=a.example,b.example:8080", "b.example", 8080, true },
        { "allow=10.0.0.0/8:*", "10.1.2.3", 99, true },
        { "allow=10.0.0.0/8:*", "11.1.2.3", 99, false },
        { "allow=[::1]:80", "::1", 80, true },
        { "allow=127.0.0.2:8000", "127.0.0.2", 8000, true },
        { "allow=127.0.0.2:8000", "127.0.0.3", 8000, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct egress_policy *p = policy(cases[i].policy);
        if (egress_policy_allows(p, cases[i].host, cases[i].port) != cases[i].allowed)
            FAIL("%s for %s:%u", cases[i].policy, cases[i].host, cases[i].port);
        egress_policy_free(p);
    }
}

static void only_public_addresses_are_reached_unless_named(void)
{
    static const struct {
        const char *policy, *host, *address;
        bool allowed;
    } cases[] = {
        { "allow=*", "x.example", "93.184.216.34", true },
        { "allow=*", "x.example", "2606:2800:220:1::1", true },
        { "allow=*", "x.example", "127.0.0.1", false },
        { "allow=*", "x.example", "127.9.9.9", false },
        { "allow=*", "x.example", "0.0.0.0", false },
        { "allow=*", "x.example", "10.0.0.1", false },
        { "allow=*", "x.example", "172.31.255.255", false },
        { "allow=*", "x.example", "192.168.1.1", false },
        { "allow=*", "x.example", "100.64.0.1", false },
        { "allow=*", "x.example", "169.254.169.254", false },
        { "allow=*", "x.example", "198.19.0.1", false },
        { "allow=*", "x.example", "224.0.0.1", false },
        { "allow=*", "x.example", "255.255.255.255", false },
        { "allow=*", "x.example", "::1", false },
        { "allow=*", "x.example", "::", false },
        { "allow=*", "x.example", "::ffff:127.0.0.1", false },
        { "allow=*", "x.example", "::127.0.0.1", false },
        { "allow=*", "x.example", "64:ff9b::7f00:1", false },
        { "allow=*", "x.example", "64:ff9b::5db8:d822", true },
        { "allow=*", "x.example", "2002:7f00:1::1", false },
        { "allow=*", "x.example", "fe80::1", false },
        { "allow=*", "x.example", "fd00::1", false },
        { "allow=*", "x.example", "fd00:ec2::254", false },
        { "allow=*", "localhost", "127.0.0.1", false },
        { "allow=localhost", "localhost", "127.0.0.1", true },
        { "allow=localhost", "localhost", "10.0.0.1", false },
        { "allow=x.example", "x.example", "127.0.0.1", false },
        { "allow=x.example,10.0.0.0/8", "x.example", "10.0.0.1", true },
        { "allow=127.0.0.1", "127.0.0.1", "127.0.0.1", true },
        { "allow=127.0.0.1:8000", "127.0.0.1", "127.0.0.1", false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct egress_policy *p = policy(cases[i].policy);
        struct sockaddr_storage ss = address(cases[i].address);
        if (egress_address_allowed(p, cases[i].host, 80, (struct sockaddr *)&ss) !=
            cases[i].allowed)
            FAIL("%s: %s at %s", cases[i].policy, cases[i].host, cases[i].address);
        egress_policy_free(p);
    }
}

static void malformed_policies_are_refused(void)
{
    static const char *const bad[] = {
        "open",
        "allow=",
        "allow=,",
        "allow=a b",
        "allow=a.example:0",
        "allow=a:70000",
        "allow=a:b",
        "allow=10.0.0.0/33",
        "allow=*.",
        "allow=*foo.example",
        "allow=http://a.example",
        "allow=a.example/path",
        "allow=[::1",
        "deny=a",
        "",
    };
    struct egress_policy *p;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (!egress_policy_parse(bad[i], &p, &err))
            FAIL("\"%s\" was accepted", bad[i]);
    CHECK(!egress_policy_parse("none", &p, &err));
    CHECK(!p);
}

static int parse(const char *text, struct egress_head *h)
{
    return egress_head_parse(text, strlen(text), h);
}

static void heads_are_split(void)
{
    struct egress_head h;

    CHECK_INT(parse("CONNECT Example.COM.:443 HTTP/1.1\r\nHost: x\r\n\r\n", &h), 0);
    CHECK(h.connect);
    CHECK_STR(h.host, "example.com");
    CHECK_INT(h.port, 443);
    CHECK_INT(parse("GET http://[::1]:8080/a?b HTTP/1.0\r\n\r\n", &h), 0);
    CHECK_STR(h.host, "::1");
    CHECK_INT(h.port, 8080);
    CHECK(h.path_len == 4 && !memcmp(h.path, "/a?b", 4));
}

static void hostile_heads_are_refused(void)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://a.example/ HTTP/1.1\r\n\r\n",
        "GET http://user@a.example/ HTTP/1.1\r\n\r\n",
        "GET http://a.example\x7f/ HTTP/1.1\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nX : a\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\nHost: b\n\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nX: a\rb\r\n\r\n",
        "GET  http://a.example/ HTTP/1.1\r\n\r\n",
        "GET http://a.example:0/ HTTP/1.1\r\n\r\n",
        "GET http://a.example:99999/ HTTP/1.1\r\n\r\n",
        "GET http://a%2eexample/ HTTP/1.1\r\n\r\n",
        "CONNECT a.example HTTP/1.1\r\n\r\n",
        "CONNECT a.example:443 HTTP/2.0\r\n\r\n",
        "CONNECT :443 HTTP/1.1\r\n\r\n",
        "CONNECT a example:443 HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
    };
    struct egress_head h;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (!parse(bad[i], &h))
            FAIL("accepted: %s", bad[i]);
    CHECK(egress_head_parse("CONNECT a.ex\0ample:443 HTTP/1.1\r\n\r\n", 36, &h));
}

static void a_plain_request_keeps_its_own_host_only(void)
{
    AUTO(buf) struct buf out = BUF_MAX(4096);
    struct err err = { 0 };
    struct egress_head h;

    CHECK_INT(parse("POST http://a.example:8080/x HTTP/1.1\r\nHost: evil.example\r\n"
                    "Proxy-Authorization: secret\r\nConnection: keep-alive\r\n"
                    "Content-Length: 2\r\nhOsT: evil\r\n\r\n",
                    &h),
              0);
    CHECK(!egress_head_rewrite(&h, &out, &err));
    CHECK_STR(out.data, "POST /x HTTP/1.1\r\nHost: a.example:8080\r\nConnection: close\r\n"
                        "Content-Length: 2\r\n\r\n");
}

static void nobody_waits_for_a_resolver(void)
{
    static const char head[] = "CONNECT slow.example:443 HTTP/1.1\r\n\r\n";
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AUTO_FD int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct egress_policy *p = policy("allow=slow.example");
    socklen_t len = sizeof(at);
    struct egress *e;
    char answer[512] = "";
    int64_t began;

    CHECK(!bind(listener, (struct sockaddr *)&at, len) && !listen(listener, 4));
    CHECK(!getsockname(listener, (struct sockaddr *)&at, &len));
    CHECK(!egress_start(p, listener, &e, NULL));
    CHECK(!connect(client, (struct sockaddr *)&at, len));
    CHECK(send(client, head, sizeof(head) - 1, 0) == (ssize_t)sizeof(head) - 1);
    for (int i = 0; i < 5000 && !resolving; i++)
        usleep(1000);
    CHECK(resolving);
    began = clock_ms();
    egress_stop(e);
    egress_policy_free(p);
    CHECK(clock_ms() - began < 2000);
    resolved = true;
    CHECK(recv(client, answer, sizeof(answer) - 1, 0) > 0);
    CHECK_HAS(answer, "502 Bad Gateway");
    while (recv(client, answer, sizeof(answer), 0) > 0)
        ;
}

static const struct test tests[] = {
    TEST(hosts_and_ports_are_matched),    TEST(only_public_addresses_are_reached_unless_named),
    TEST(malformed_policies_are_refused), TEST(heads_are_split),
    TEST(hostile_heads_are_refused),      TEST(a_plain_request_keeps_its_own_host_only),
    TEST(nobody_waits_for_a_resolver),
};

TEST_MAIN(tests)
