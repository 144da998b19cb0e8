#include "backend/browser/har_redact.h"
#include "tests/unit/check.h"

static void secret_names_are_known(void)
{
    static const char *const secret[] = { "Authorization", "X-Api-Key",    "access_token",
                                          "PASSWORD",      "clientSecret", "X-Amz-Signature",
                                          "csrf-token",    "sid",          "key" };
    static const char *const plain[] = { "page", "monkey", "author", "keyboard", "", "q", "-" };

    for (size_t i = 0; i < COUNT_OF(secret); i++)
        if (!redact_is_secret(secret[i], strlen(secret[i])))
            CHECK_STR(secret[i], "is a secret's name");
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        if (redact_is_secret(plain[i], strlen(plain[i])))
            CHECK_STR(plain[i], "is no secret's name");
}

static void headers_lose_their_secrets(void)
{
    static const struct {
        const char *name, *value, *shown;
    } rows[] = {
        { "Cookie", "a=1; b=2=3;c", "a=X; b=X;c" },
        { "Set-Cookie", "a=1; Path=/; HttpOnly\nb=2", "a=X; Path=/; HttpOnly\nb=X" },
        { "Set-Cookie", "naked; Path=/", "X; Path=/" },
        { "Authorization", "Bearer abc def", "Bearer X" },
        { "Authorization", "abc", "X" },
        { "X-Api-Key", "abc", "X" },
        { "X-Other", "abc", "abc" },
        { "Location", "/a?token=b&c=d#id_token=e", "/a?token=X&c=d#id_token=X" },
        { "Referer", "https://me:pw@x.com/?c=d", "https://X@x.com/?c=d" },
        { "Cookie", "", "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf) struct buf out = BUF_MAX(1024);
        struct err err = { 0 };
        CHECK(!redact_header(&out, rows[i].name, rows[i].value, "X", &err));
        CHECK_STR(buf_str(&out), rows[i].shown);
    }
}

static void addresses_lose_their_secrets(void)
{
    static const struct {
        const char *url, *shown;
    } rows[] = {
        { "https://x.com/a?token=b", "https://x.com/a?token=X" },
        { "https://x.com/a?a=1&password=2;sid=3", "https://x.com/a?a=1&password=X;sid=X" },
        { "https://x.com/@me?token=", "https://x.com/@me?token=" },
        { "https://u@x.com", "https://X@x.com" },
        { "no url", "no url" },
        { "?token=1", "?token=X" },
        { "", "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf) struct buf out = BUF_MAX(1024);
        struct err err = { 0 };
        CHECK(!redact_url(&out, rows[i].url, "X", &err));
        CHECK_STR(buf_str(&out), rows[i].shown);
    }
}

static void bodies_lose_their_secrets(void)
{
    static const struct {
        const char *mime, *text, *shown;
    } rows[] = {
        { "application/json", "{\"password\" : \"a\\\"b\",\"n\":1}",
          "{\"password\" : \"X\",\"n\":1}" },
        { "application/json", "{\"token\":123,\"b\":[{\"apiKey\":true}]}",
          "{\"token\":\"X\",\"b\":[{\"apiKey\":\"X\"}]}" },
        { "application/json", "{\"token\":{\"secret\":\"a\"}}", "{\"token\":{\"secret\":\"X\"}}" },
        { "application/json", "{\"token\":null}", "{\"token\":null}" },
        { "application/json", "{\"token\":\"never ends", "{\"token\":\"X\"" },
        { "application/json", "\"", "\"" },
        { "application/x-www-form-urlencoded", "a=b&password=c", "a=b&password=X" },
        { "", "a=b&password=c", "a=b&password=X" },
        { "text/html", "<input name=password value=x>", "<input name=password value=x>" },
        { "application/json", "", "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(buf) struct buf out = BUF_MAX(1024);
        struct err err = { 0 };
        CHECK(!redact_body(&out, rows[i].text, strlen(rows[i].text), rows[i].mime, "X", &err));
        CHECK_STR(buf_str(&out), rows[i].shown);
    }
}

static const struct test tests[] = {
    TEST(secret_names_are_known),
    TEST(headers_lose_their_secrets),
    TEST(addresses_lose_their_secrets),
    TEST(bodies_lose_their_secrets),
};

TEST_MAIN(tests)
