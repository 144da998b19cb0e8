#include "base/buf.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "tests/unit/check.h"
#include "transport/auth.h"

#include <stdlib.h>
#include <unistd.h>

DEFINE_AUTO_PTR(auth, auth_free);

#define TOKEN "0123456789abcdef"

static void the_principal_is_a_digest_of_the_token(void)
{
    AUTO_PTR(auth) struct auth *auth = NULL;
    char hex[65];

    CHECK(!auth_from_token(TOKEN, &auth, NULL));
    CHECK(!auth_generated(auth));
    sha256_hex(TOKEN, strlen(TOKEN), hex);
    hex[16] = '\0';
    CHECK_STR(auth_principal(auth, "Bearer " TOKEN), hex);
    CHECK_STR(auth_principal(auth, "bEARER \t" TOKEN " \t"), hex);
}

static void anything_else_is_refused(void)
{
    static const char *const cases[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer\n" TOKEN,
        "Bearer" TOKEN,
        TOKEN,
        "Basic " TOKEN,
        "Bearer " TOKEN "0",
        "Bearer 0123456789abcde",
        "Bearer 0123456789abcdeF",
        "Bearer " TOKEN " " TOKEN,
        "Bearer " TOKEN ",Bearer " TOKEN,
    };
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!auth_from_token(TOKEN, &auth, NULL));
    CHECK(!auth_principal(auth, NULL));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (auth_principal(auth, cases[i]))
            FAIL("\"%s\" is let in", cases[i]);
}

static void weak_or_odd_tokens_are_not_taken(void)
{
    static const char *const cases[] = { "",
                                         "short",
                                         "0123456789abcde",
                                         "0123456789abcde f",
                                         "0123456789abcde:",
                                         "0123456789abcde\xc3\xa4" };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_PTR(auth) struct auth *auth = NULL;
        struct err err = { 0 };
        CHECK_INT(auth_from_token(cases[i], &auth, &err), -1);
        CHECK_INT(err.code, ERR_INVALID);
        CHECK(!strlen(cases[i]) || !strstr(err.msg, cases[i]));
    }
}

static void a_generated_token_opens(void)
{
    AUTO_PTR(auth) struct auth *a = NULL;
    AUTO_PTR(auth) struct auth *b = NULL;
    char header[128];

    CHECK(!auth_generate(&a, NULL) && !auth_generate(&b, NULL));
    CHECK_INT(strlen(auth_generated(a)), 64);
    CHECK(strcmp(auth_generated(a), auth_generated(b)));
    snprintf(header, sizeof(header), "Bearer %s", auth_generated(a));
    CHECK(auth_principal(a, header));
    CHECK(!auth_principal(b, header));
}

static int from_text(const char *text, size_t len, struct auth **out, struct err *err)
{
    char path[] = "/tmp/test_auth_XXXXXX";
    AUTO_FD int fd = mkstemp(path);
    int r;

    CHECK(fd >= 0);
    CHECK(write(fd, text, len) == (ssize_t)len);
    r = auth_from_file(path, out, err);
    unlink(path);
    return r;
}

static void a_file_holds_one_token_per_line(void)
{
    static const char text[] = "# all of us\n\n  " TOKEN "1 \r\nci:" TOKEN "2\n\n\t" TOKEN "3";
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!from_text(text, sizeof(text) - 1, &auth, NULL));
    CHECK(auth_principal(auth, "Bearer " TOKEN "1"));
    CHECK(auth_principal(auth, "Bearer " TOKEN "2"));
    CHECK(auth_principal(auth, "Bearer " TOKEN "3"));
    CHECK(!auth_principal(auth, "Bearer " TOKEN));
    CHECK(strcmp(auth_principal(auth, "Bearer " TOKEN "1"),
                 auth_principal(auth, "Bearer " TOKEN "2")) != 0);
}

static void a_bad_file_says_which_line(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { TOKEN "\n\nshort\n", "line 3" },
        { "a:b:" TOKEN, "line 1" },
        { "", "holds no token" },
        { "# nothing\n", "holds no token" },
    };
    struct err err = { 0 };
    struct auth *auth = NULL;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_INT(from_text(cases[i].text, strlen(cases[i].text), &auth, &err), -1);
        CHECK_HAS(err.msg, cases[i].why);
        CHECK(!strstr(err.msg, TOKEN));
    }
    CHECK_INT(from_text(TOKEN "\0x\n", 19, &auth, &err), -1);
    CHECK_INT(auth_from_file("/nonexistent/tokens", &auth, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK_INT(auth_from_file("/tmp", &auth, &err), -1);
}

static void a_file_has_a_bounded_number_of_tokens(void)
{
    AUTO(buf) struct buf text = BUF_MAX(1 << 20);
    AUTO_PTR(auth) struct auth *auth = NULL;
    struct err err = { 0 };

    for (int i = 0; i < AUTH_TOKENS; i++)
        CHECK(!buf_addf(&text, NULL, TOKEN "%d\n", i));
    CHECK(!from_text(text.data, text.len, &auth, NULL));
    CHECK(auth_principal(auth, "Bearer " TOKEN "255"));
    auth_free(TAKE(auth));
    CHECK(!buf_adds(&text, TOKEN "\n", NULL));
    CHECK_INT(from_text(text.data, text.len, &auth, &err), -1);
    CHECK_INT(err.code, ERR_QUOTA);
}

static const struct test tests[] = {
    TEST(the_principal_is_a_digest_of_the_token), TEST(anything_else_is_refused),
    TEST(weak_or_odd_tokens_are_not_taken),       TEST(a_generated_token_opens),
    TEST(a_file_holds_one_token_per_line),        TEST(a_bad_file_says_which_line),
    TEST(a_file_has_a_bounded_number_of_tokens),
};

TEST_MAIN(tests)
