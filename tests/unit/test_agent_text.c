#include "backend/agent/file_text.h"
#include "backend/agent/sha256.c"
#include "tests/unit/check.h"

static void sha256_gives_the_vectors_of_the_standard(void)
{
    static const struct {
        const char *text, *hex;
    } rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    char hex[65], million[1000];
    struct sha256 s;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sha256_init(&s);
        sha256_add(&s, rows[i].text, strlen(rows[i].text));
        sha256_hex(&s, hex);
        CHECK_STR(hex, rows[i].hex);
    }
    memset(million, 'a', sizeof(million));
    sha256_init(&s);
    for (int i = 0; i < 1000; i++)
        sha256_add(&s, million, sizeof(million));
    sha256_hex(&s, hex);
    CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The processor's instructions and the plain code, in pieces of every size. */
static void sha256_is_the_same_however_it_is_fed(void)
{
    uint8_t data[1000];
    char whole[65], pieces[65];
    struct sha256 s;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + i / 7);
    for (size_t step = 1; step < 150; step++) {
        sha256_init(&s);
        sha256_add(&s, data, sizeof(data));
        sha256_hex(&s, whole);
        sha256_init(&s);
        for (size_t at = 0; at < sizeof(data); at += step)
            sha256_add(&s, data + at, sizeof(data) - at < step ? sizeof(data) - at : step);
        sha256_hex(&s, pieces);
        CHECK_STR(pieces, whole);
    }
    for (size_t n = 0; n < 15; n++) {
        uint32_t fast[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, plain[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
        blocks(fast, data, n);
        blocks_plain(plain, data, n);
        CHECK_MEM(fast, plain, sizeof(fast));
    }
}

static void text_is_counted_and_cut(void)
{
    static char many[100000];
    uint64_t n = 3;

    memset(many, '\n', sizeof(many));
    CHECK_INT(text_newlines(many, sizeof(many)), sizeof(many));
    CHECK_INT(text_newlines("a\x8a\n\x0b\x09\n\xff", 8), 2);
    CHECK_INT(text_after("a\nb\nc", 5, 2), 4);
    CHECK_INT(text_after("a\nb\nc", 5, 3), 6);
    CHECK_INT(text_after(many, sizeof(many), 50000), 50000);
    CHECK_INT(text_after_back("a\nb\nc\nd", 7, &n), 2);
    n = 9;
    CHECK(text_after_back("a\nb", 3, &n) == SIZE_MAX && n == 8);
    CHECK_INT(text_cut("ab\xc3", 3), 2);
    CHECK_INT(text_cut("ab\xc3\xa4", 4), 4);
    CHECK_INT(text_cut("a\xf0\x9f\x98", 4), 1);
    CHECK_INT(text_cut("a\xf0\x9f\x98\x80", 5), 5);
    CHECK_INT(text_cut("\x80\x80\x80\x80\x80", 5), 5);
    CHECK_INT(text_cut("", 0), 0);
}

static const struct test tests[] = {
    TEST(sha256_gives_the_vectors_of_the_standard),
    TEST(sha256_is_the_same_however_it_is_fed),
    TEST(text_is_counted_and_cut),
};
TEST_MAIN(tests)
