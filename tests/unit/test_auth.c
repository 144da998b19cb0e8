#include "base/buf.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "mcp/scope.h"
#include "tests/unit/check.h"
#include "transport/auth.h"

#include <stdlib.h>
#include <unistd.h>

DEFINE_AUTO_PTR(auth, auth_free);

#define TOKEN "0123456789abcdef"

static struct auth *from_token(const char *token, struct err *err)
{
    struct auth_config config = { .token = token };
    struct auth *auth = NULL;

    return auth_open(&config, &auth, err) ? NULL : auth;
}

/* The principal; NULL when it is refused. Space is reused by the next call but one. */
static const char *principal(struct auth *auth, const char *authorization)
{
    static struct identity who[2];
    static int turn;

    turn = !turn;
    return auth_check(auth, authorization, &who[turn]) == AUTH_YES ? who[turn].principal : NULL;
}

static unsigned scopes(struct auth *auth, const char *authorization)
{
    struct identity who = { 0 };

    return auth_check(auth, authorization, &who) == AUTH_YES ? who.scopes : 0;
}

static void the_principal_is_a_digest_of_the_token(void)
{
    AUTO_PTR(auth) struct auth *auth = from_token(TOKEN, NULL);
    char hex[65];

    CHECK(auth && !auth_generated(auth));
    sha256_hex(TOKEN, strlen(TOKEN), hex);
    hex[16] = '\0';
    CHECK_STR(principal(auth, "Bearer " TOKEN), hex);
    CHECK_STR(principal(auth, "bEARER \t" TOKEN " \t"), hex);
    CHECK_INT(scopes(auth, "Bearer " TOKEN), SCOPE_READ | SCOPE_EXECUTE);
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
        "Bearer a.b.c",
    };
    AUTO_PTR(auth) struct auth *auth = from_token(TOKEN, NULL);
    struct identity who;

    CHECK(auth);
    CHECK_INT(auth_check(auth, NULL, &who), AUTH_NONE);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (auth_check(auth, cases[i], &who) != AUTH_NO)
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
        struct err err = { 0 };
        CHECK(!from_token(cases[i], &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK(!strlen(cases[i]) || !strstr(err.msg, cases[i]));
    }
}

static struct auth *generated(void)
{
    struct auth_config config = { .generate = true };
    struct auth *auth = NULL;

    CHECK(!auth_open(&config, &auth, NULL));
    return auth;
}

static void a_generated_token_opens(void)
{
    AUTO_PTR(auth) struct auth *a = generated();
    AUTO_PTR(auth) struct auth *b = generated();
    char header[128];

    CHECK_INT(strlen(auth_generated(a)), 64);
    CHECK(strcmp(auth_generated(a), auth_generated(b)));
    snprintf(header, sizeof(header), "Bearer %s", auth_generated(a));
    CHECK(principal(a, header));
    CHECK(!principal(b, header));
}

static int from_text(const char *text, size_t len, struct auth **out, struct err *err)
{
    char path[] = "/tmp/test_auth_XXXXXX";
    struct auth_config config = { .token_file = path };
    AUTO_FD int fd = mkstemp(path);
    int r;

    CHECK(fd >= 0);
    CHECK(write(fd, text, len) == (ssize_t)len);
    r = auth_open(&config, out, err);
    unlink(path);
    return r;
}

static void a_file_holds_one_token_per_line(void)
{
    static const char text[] = "# all of us\n\n  " TOKEN "1 \r\nci:" TOKEN "2\n\n\t" TOKEN "3";
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!from_text(text, sizeof(text) - 1, &auth, NULL));
    CHECK(principal(auth, "Bearer " TOKEN "1"));
    CHECK_STR(principal(auth, "Bearer " TOKEN "2"), "name:ci");
    CHECK(principal(auth, "Bearer " TOKEN "3"));
    CHECK(!principal(auth, "Bearer " TOKEN));
    CHECK(strcmp(principal(auth, "Bearer " TOKEN "1"), principal(auth, "Bearer " TOKEN "3")) != 0);
}

static void a_name_is_one_principal_whatever_its_token(void)
{
    static const char text[] = "ann:" TOKEN "1\nann:read:" TOKEN "2\nAnn:" TOKEN "3\n"
                               "local:" TOKEN "4\nmy laptop:" TOKEN "5\nmy laptop:" TOKEN "6\n"
                               ":" TOKEN "7\n";
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!from_text(text, sizeof(text) - 1, &auth, NULL));
    CHECK_STR(principal(auth, "Bearer " TOKEN "1"), "name:ann");
    CHECK_STR(principal(auth, "Bearer " TOKEN "2"), "name:ann");
    CHECK_STR(principal(auth, "Bearer " TOKEN "3"), "name:Ann");
    CHECK_STR(principal(auth, "Bearer " TOKEN "4"), "name:local");
    CHECK_INT(strlen(principal(auth, "Bearer " TOKEN "5")), 16);
    CHECK(strcmp(principal(auth, "Bearer " TOKEN "5"), principal(auth, "Bearer " TOKEN "6")) != 0);
    CHECK_INT(strlen(principal(auth, "Bearer " TOKEN "7")), 16);
}

static void a_line_gives_scopes_with_what_they_imply(void)
{
    static const char text[] = "a:read:" TOKEN "1\nb:execute:" TOKEN "2\nc:admin:" TOKEN "3\n"
                               "d:read,execute:" TOKEN "4\n:read:" TOKEN "5\ne:" TOKEN "6\n";
    static const unsigned want[] = { 1, 3, 7, 3, 1, 3 };
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!from_text(text, sizeof(text) - 1, &auth, NULL));
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        char header[64];
        snprintf(header, sizeof(header), "Bearer " TOKEN "%zu", i + 1);
        CHECK_INT(scopes(auth, header), want[i]);
    }
}

static void a_bad_file_says_which_line(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { TOKEN "\n\nshort\n", "line 3" },
        { "a:b:" TOKEN, "line 1: its scopes are not of read, execute and admin" },
        { TOKEN "1\na::" TOKEN, "line 2: its scopes" },
        { "a:read,:" TOKEN, "line 1: its scopes" },
        { "a:Read:" TOKEN, "line 1: its scopes" },
        { "a:read: " TOKEN, "line 1: a token holds letters" },
        { "a:read:b:" TOKEN, "line 1: a token holds letters" },
        { "a:" TOKEN "\nb:" TOKEN, "line 2: a token that another line gives" },
        { "a:" TOKEN "\na:read:" TOKEN, "line 2: a token that another line gives" },
        { "", "holds no token" },
        { "# nothing\n", "holds no token" },
    };
    struct err err = { 0 };
    struct auth *auth = NULL;
    struct auth_config config = { .token_file = "/nonexistent/tokens" };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK_INT(from_text(cases[i].text, strlen(cases[i].text), &auth, &err), -1);
        CHECK_HAS(err.msg, cases[i].why);
        CHECK(!strstr(err.msg, TOKEN));
    }
    CHECK_INT(from_text(TOKEN "\0x\n", 19, &auth, &err), -1);
    CHECK_INT(auth_open(&config, &auth, &err), -1);
    CHECK_INT(err.code, ERR_NOT_FOUND);
    config.token_file = "/tmp";
    CHECK_INT(auth_open(&config, &auth, &err), -1);
}

static void the_same_line_twice_is_one_token(void)
{
    AUTO_PTR(auth) struct auth *auth = NULL;

    CHECK(!from_text(TOKEN "\n" TOKEN "\n", 34, &auth, NULL));
    CHECK(principal(auth, "Bearer " TOKEN));
}

static void a_file_has_a_bounded_number_of_tokens(void)
{
    AUTO(buf) struct buf text = BUF_MAX(1 << 20);
    AUTO_PTR(auth) struct auth *auth = NULL;
    struct err err = { 0 };

    for (int i = 0; i < AUTH_TOKENS; i++)
        CHECK(!buf_addf(&text, NULL, TOKEN "%d\n", i));
    CHECK(!from_text(text.data, text.len, &auth, NULL));
    CHECK(principal(auth, "Bearer " TOKEN "255"));
    auth_free(TAKE(auth));
    CHECK(!buf_adds(&text, TOKEN "\n", NULL));
    CHECK_INT(from_text(text.data, text.len, &auth, &err), -1);
    CHECK_INT(err.code, ERR_QUOTA);
}

static const struct test tests[] = {
    TEST(the_principal_is_a_digest_of_the_token),
    TEST(anything_else_is_refused),
    TEST(weak_or_odd_tokens_are_not_taken),
    TEST(a_generated_token_opens),
    TEST(a_file_holds_one_token_per_line),
    TEST(a_name_is_one_principal_whatever_its_token),
    TEST(a_line_gives_scopes_with_what_they_imply),
    TEST(a_bad_file_says_which_line),
    TEST(the_same_line_twice_is_one_token),
    TEST(a_file_has_a_bounded_number_of_tokens),
};

TEST_MAIN(tests)
