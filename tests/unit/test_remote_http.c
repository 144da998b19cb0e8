#include "backend/remote/glob.h"
#include "backend/remote/http_key.h"
#include "backend/remote/http_url.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- addresses ---- */

static const struct {
    const char *url, *base, *query, *origin;
} good[] = {
    { "http://h", "http://h", NULL, "http://h" },
    { "HTTPS://h:1/", "HTTPS://h:1", NULL, "HTTPS://h:1" },
    { "http://h/a/b//", "http://h/a/b", NULL, "http://h" },
    { "http://h/?", "http://h", NULL, "http://h" },
    { "http://h/a?x=1&y#f?z", "http://h/a", "x=1&y", "http://h" },
    { "http://h?x=/", "http://h", "x=/", "http://h" },
    { "http://u:p@h:8/a", "http://u:p@h:8/a", NULL, "http://h:8" },
    { "http://u:p@x@h/a@b", "http://u:p@x@h/a@b", NULL, "http://h" },
    { "http://[::1]:80/x", "http://[::1]:80/x", NULL, "http://[::1]:80" },
};

static void urls_are_taken_apart(void)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct http_url u = { 0 };
        CHECK(!http_url_parse(good[i].url, &u, NULL));
        CHECK_STR(u.base, good[i].base);
        CHECK_STR(u.query, good[i].query);
        CHECK_STR(u.origin, good[i].origin);
        http_url_done(&u);
    }
}

static void urls_that_are_none_are_refused(void)
{
    static const char *const bad[] = { NULL,         "",           "h",          "http:/h",
                                       "http://",    "http:///a",  "http://?a",  "ftp://h",
                                       "http://h h", "http://h\n", "http://h{}", "file:///etc" };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct http_url u = { 0 };
        struct err err = { 0 };
        CHECK(http_url_parse(bad[i], &u, &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK(err.next[0]);
    }
}

static void requests_are_put_behind_the_prefix(void)
{
    const struct http_field query[] = { { "path", "/a b/\xc3\xa4&?" }, { "x", "" } };
    struct http_request req = { .path = "/v1/y", .query = query, .query_count = 2 };
    AUTO(buf) struct buf out = BUF_MAX(1000);
    struct http_url u = { 0 };

    CHECK(!http_url_parse("http://h/p/?t=1", &u, NULL));
    CHECK(!http_url_make(&out, &u, &req, NULL));
    CHECK_STR(buf_str(&out), "http://h/p/v1/y?t=1&path=%2Fa%20b%2F%C3%A4%26%3F&x=");
    buf_clear(&out);
    req.query_count = 0;
    CHECK(!http_url_make(&out, &u, &req, NULL));
    CHECK_STR(buf_str(&out), "http://h/p/v1/y?t=1");
    http_url_done(&u);
}

static void headers_are_checked(void)
{
    static const struct {
        const char *line;
        bool fine;
    } lines[] = { { "A: b", true },  { "A:", true }, { "A:b:c", true },   { "A", false },
                  { ": b", false },  { "", false },  { "A b: c", false }, { "A: b\r\nC: d", false },
                  { " A: b", false } };

    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct http_options o = { .url = "http://h", .headers = &lines[i].line, .header_count = 1 };
        struct http_client *c = NULL;
        struct err err = { 0 };
        CHECK_INT(!http_open(&o, &c, &err), lines[i].fine);
        http_free(c);
    }
}

/* ---- keys ---- */

static void keys_are_one_line(void)
{
    static const char *const bad[] = { " ", "a b", "a\nb", "\xc3\xa4", "a\tb" };
    struct http_key k;
    char *copy;

    CHECK(!http_key_init(&k, "  secret\r\n", NULL, NULL));
    CHECK(!http_key_copy(&k, &copy, NULL));
    CHECK_STR(copy, "secret");
    http_key_forget(copy);
    http_key_done(&k);
    CHECK(!http_key_init(&k, "", NULL, NULL) && !http_key_copy(&k, &copy, NULL));
    CHECK(!copy);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        CHECK(http_key_init(&k, bad[i], NULL, &err));
        CHECK_INT(err.code, ERR_INVALID);
        CHECK(!strstr(err.msg, bad[i]) || !bad[i][1]);
    }
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void a_file_is_read_again(void)
{
    char path[] = "/tmp/test-key-XXXXXX";
    int fd = mkstemp(path);
    struct http_key k;
    char *copy;

    CHECK(fd >= 0);
    close(fd);
    put_file(path, "one\n");
    CHECK(!http_key_init(&k, "other", path, NULL));
    CHECK(!http_key_copy(&k, &copy, NULL));
    CHECK_STR(copy, "one");
    CHECK(!http_key_renew(&k, copy));
    put_file(path, "two");
    CHECK(http_key_renew(&k, copy));
    CHECK(!http_key_renew(&k, "two"));
    put_file(path, "");
    CHECK(!http_key_renew(&k, "two"));
    unlink(path);
    CHECK(!http_key_renew(&k, "two"));
    http_key_forget(copy);
    CHECK(!http_key_copy(&k, &copy, NULL));
    CHECK_STR(copy, "two");
    http_key_forget(copy);
    http_key_done(&k);
    CHECK(http_key_init(&k, NULL, path, NULL));
}

static void jwts_are_known_by_their_form(void)
{
    CHECK(http_key_is_jwt("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"));
    CHECK(!http_key_is_jwt("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9."));
    CHECK(!http_key_is_jwt("eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9"));
    CHECK(!http_key_is_jwt("eyJh.b.c.d"));
    CHECK(!http_key_is_jwt("ey+.b.c"));
    CHECK(!http_key_is_jwt("secret.with.dots"));
    CHECK(!http_key_is_jwt(""));
}

/* ---- statuses ---- */

static void statuses_say_what_can_be_done(void)
{
    static const struct {
        int status;
        enum err_code code;
    } known[] = {
        { 400, ERR_INVALID },      { 401, ERR_UNAUTHORIZED }, { 403, ERR_UNAUTHORIZED },
        { 404, ERR_NOT_FOUND },    { 408, ERR_UNAVAILABLE },  { 409, ERR_CONFLICT },
        { 413, ERR_TOO_LARGE },    { 418, ERR_INVALID },      { 422, ERR_INVALID },
        { 429, ERR_RATE_LIMITED }, { 500, ERR_UNAVAILABLE },  { 501, ERR_UNSUPPORTED },
        { 503, ERR_UNAVAILABLE },  { 507, ERR_QUOTA },        { 302, ERR_PROTOCOL },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        CHECK_INT(http_code(known[i].status), known[i].code);
}

/* ---- globs ---- */

static void globs_match(void)
{
    static const struct {
        const char *pattern, *path;
        bool hit;
    } rows[] = {
        { "*.py", "a.py", true },
        { "*.py", "x/y/a.py", true },
        { "*.py", "a.pyc", false },
        { "x/*.py", "x/a.py", true },
        { "x/*.py", "x/y/a.py", false },
        { "x/**/*.py", "x/y/z/a.py", true },
        { "x/**/*.py", "x/a.py", true },
        { "**/a", "a", true },
        { "**/a", "x/y/a", true },
        { "**", "x/y", true },
        { "x/**", "x/y/z", true },
        { "a?c", "abc", true },
        { "x/a?c", "x/a/c", false },
        { "[a-c]x", "bx", true },
        { "[!a-c]x", "bx", false },
        { "[^a-c]x", "dx", true },
        { "[]]", "]", true },
        { "[a", "[a", true },
        { "\\*", "*", true },
        { "\\*", "a", false },
        { "[\\]]", "]", true },
        { "", "", true },
        { "", "a", false },
        { "*", ".a", true },
        { "/a", "a", true },
        { "a*b*c", "aXbYc", true },
        { "a*b*c", "aXbY", false },
        { "[a-z]*", "Zx", false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (remote_glob_match(rows[i].pattern, rows[i].path) != rows[i].hit)
            FAIL("%s against %s", rows[i].pattern, rows[i].path);
}

static void hard_globs_end(void)
{
    char path[2001], pattern[2001];

    memset(path, 'a', 2000);
    path[2000] = '\0';
    for (int i = 0; i < 1000; i++)
        memcpy(pattern + 2 * i, "*a", 2);
    memcpy(pattern + 1998, "*b", 3);
    CHECK(!remote_glob_match(pattern, path));
}

static const struct test tests[] = {
    TEST(urls_are_taken_apart),
    TEST(urls_that_are_none_are_refused),
    TEST(requests_are_put_behind_the_prefix),
    TEST(headers_are_checked),
    TEST(keys_are_one_line),
    TEST(a_file_is_read_again),
    TEST(jwts_are_known_by_their_form),
    TEST(statuses_say_what_can_be_done),
    TEST(globs_match),
    TEST(hard_globs_end),
};

TEST_MAIN(tests)
