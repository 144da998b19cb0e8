#include "tests/unit/check.h"
#include "transport/disposition.h"
#include "transport/download.h"

#include <stdlib.h>

static void names_are_usable_anywhere(void)
{
    static const struct {
        const char *name, *header;
    } cases[] = {
        { "clip.mkv", "filename=\"clip.mkv\"" },
        { "my clip (2).mkv", "filename=\"my clip (2).mkv\"" },
        { "../../etc/passwd", "filename=\"passwd\"" },
        { "C:\\boot.ini", "filename=\"boot.ini\"" },
        { "a\r\nSet-Cookie: x=1", "filename=\"a__Set-Cookie_ x=1\"" },
        { "a\"; filename=\"b.exe", "filename=\"a__ filename=_b.exe\"" },
        { "<script>alert(1)</script>", "filename=\"script_\"" },
        { "a%00b&c;d'e", "filename=\"a_00b_c_d_e\"" },
        { "", "filename=\"download\"" },
        { "dir/", "filename=\"download\"" },
        { "...", "filename=\"download\"" },
        { ".bashrc", "filename=\"_bashrc\"" },
        { "-rf", "filename=\"_rf\"" },
        { "trailing. .", "filename=\"trailing\"" },
        { "a\xff\xfe.txt", "filename=\"a__.txt\"" },
        { "evil\xe2\x80\xae"
          "fdp.exe",
          "filename=\"evil_fdp.exe\"" },
        { "\xc3\xa9t\xc3\xa9 1.png",
          "filename=\"_t_ 1.png\"; filename*=UTF-8''%C3%A9t%C3%A9%201.png" },
        { "\xf0\x9f\x98\x80(a)", "filename=\"_(a)\"; filename*=UTF-8''%F0%9F%98%80%28a%29" },
    };
    char out[DISPOSITION_MAX], whole[DISPOSITION_MAX];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(whole, sizeof(whole), "attachment; %s", cases[i].header);
        disposition_make(cases[i].name, out);
        CHECK_STR(out, whole);
    }
}

static void any_bytes_give_one_header(void)
{
    char name[600], out[DISPOSITION_MAX];

    srand(11);
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)rand() % (sizeof(name) - 1);
        for (size_t i = 0; i < n; i++)
            name[i] = (char)(round % 2 ? 1 + rand() % 255 : 0x80 | rand());
        name[n] = '\0';
        disposition_make(name, out);
        CHECK(strlen(out) < DISPOSITION_MAX);
        for (const char *p = out; *p; p++)
            CHECK(*p >= ' ' && *p <= '~');
        disposition_name(name, out);
        CHECK(*out && strlen(out) < DISPOSITION_NAME_MAX && !strpbrk(out, "<>&\"'/\\\r\n"));
    }
    for (size_t i = 0; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    disposition_make(name, out);
    CHECK(strlen(out) < DISPOSITION_MAX && strlen(out) > 3 * 199);
}

static void what_a_browser_runs_is_told_as_bytes(void)
{
    static const char *const kept[] = { "video/x-matroska", "video/mp4", "application/json",
                                        "application/x-asciicast", "application/gzip" };
    static const char *const changed[] = { "text/html",
                                           "text/plain",
                                           "image/svg+xml",
                                           "application/xhtml+xml",
                                           "application/javascript",
                                           "application/pdf",
                                           "TEXT/HTML",
                                           "video/mp4\r\nX: y",
                                           "video/mp4; charset=x",
                                           "video",
                                           "",
                                           "/",
                                           "a/" };

    for (size_t i = 0; i < COUNT_OF(kept); i++)
        CHECK_STR(disposition_type(kept[i]), kept[i]);
    for (size_t i = 0; i < COUNT_OF(changed); i++)
        CHECK_STR(disposition_type(changed[i]), "application/octet-stream");
}

static void who_only_looks_is_known(void)
{
    CHECK(download_asks("text/html,application/xhtml+xml,*/*;q=0.8", "Mozilla/5.0"));
    CHECK(download_asks("TEXT/HTML", NULL));
    CHECK(download_asks("*/*", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"));
    CHECK(download_asks(NULL, "facebookexternalhit/1.1"));
    CHECK(!download_asks("*/*", "curl/7.88.1"));
    CHECK(!download_asks(NULL, NULL));
    CHECK(!download_asks("", "Wget/1.21"));
    CHECK(!download_asks("video/*, application/octet-stream", "python-requests/2.31"));
}

static const struct test tests[] = {
    TEST(names_are_usable_anywhere),
    TEST(any_bytes_give_one_header),
    TEST(what_a_browser_runs_is_told_as_bytes),
    TEST(who_only_looks_is_known),
};

TEST_MAIN(tests)
