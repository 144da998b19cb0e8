#include "base/clock.h"
#include "base/sealed.h"
#include "tests/unit/check.h"

static const char secret[] = "0123456789abcdef0123456789abcdef";

static struct sealed_key key_of(const char *text)
{
    struct sealed_key key = { 0 };

    CHECK(!sealed_key_from_secret(&key, text, strlen(text), NULL));
    return key;
}

static struct sealed_use use_of(enum sealed_kind kind, const char *bound)
{
    return (struct sealed_use){ kind, bound, strlen(bound) };
}

/* The code of the failure; ERR_NONE and the payload in *got when it opens. */
static enum err_code open_text(const struct sealed_key *key, enum sealed_kind kind,
                               const char *bound, const char *text, size_t len, struct buf *got)
{
    struct sealed_use use = use_of(kind, bound);
    struct err err = { 0 };

    return sealed_open(key, &use, text, len, got, &err) ? err.code : ERR_NONE;
}

static void seal_text(const struct sealed_key *key, enum sealed_kind kind, const char *bound,
                      int64_t expiry, const void *payload, size_t len, struct buf *out)
{
    struct sealed_use use = use_of(kind, bound);

    CHECK(!sealed_make(key, &use, expiry, payload, len, out, NULL));
}

static void every_length_comes_back(void)
{
    struct sealed_key key;
    char bytes[300];

    sealed_key_random(&key);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        AUTO(buf) struct buf text = BUF_MAX(4096), got = BUF_MAX(4096);
        seal_text(&key, SEALED_STATE, "me", 0, bytes, len, &text);
        CHECK_INT(strspn(text.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_"),
                  text.len);
        CHECK_INT(open_text(&key, SEALED_STATE, "me", text.data, text.len, &got), ERR_NONE);
        CHECK_INT(got.len, len);
        CHECK(!memcmp(buf_str(&got), bytes, len));
    }
}

static void the_largest_payload_passes_and_one_more_does_not(void)
{
    AUTO(buf) struct buf text = BUF_MAX(SEALED_TEXT_MAX), got = BUF_MAX(SEALED_PAYLOAD_MAX);
    AUTO_FREE char *bytes = calloc(1, SEALED_PAYLOAD_MAX + 1);
    struct sealed_key key = key_of(secret);
    struct sealed_use use = use_of(SEALED_CURSOR, "");
    struct err err = { 0 };

    seal_text(&key, SEALED_CURSOR, "", 0, bytes, SEALED_PAYLOAD_MAX, &text);
    CHECK_INT(open_text(&key, SEALED_CURSOR, "", text.data, text.len, &got), ERR_NONE);
    CHECK_INT(got.len, SEALED_PAYLOAD_MAX);
    CHECK(sealed_make(&key, &use, 0, bytes, SEALED_PAYLOAD_MAX + 1, &text, &err));
    CHECK_INT(err.code, ERR_TOO_LARGE);
}

static void no_changed_character_passes(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096);
    struct sealed_key key = key_of(secret);

    seal_text(&key, SEALED_STATE, "me", clock_wall_ms() + 60000, "round 1", 7, &text);
    for (size_t i = 0; i < text.len; i++)
        for (const char *c = "A_b-9z+/=. "; *c; c++) {
            AUTO(buf) struct buf got = BUF_MAX(4096);
            char was = text.data[i];
            if (*c == was)
                continue;
            text.data[i] = *c;
            CHECK(open_text(&key, SEALED_STATE, "me", text.data, text.len, &got) != ERR_NONE);
            CHECK_INT(got.len, 0);
            text.data[i] = was;
        }
}

static void no_other_length_passes(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096), got = BUF_MAX(4096);
    struct sealed_key key = key_of(secret);
    size_t whole;

    seal_text(&key, SEALED_STATE, "me", 0, "round 1", 7, &text);
    whole = text.len;
    for (size_t len = 0; len < whole; len++)
        CHECK_INT(open_text(&key, SEALED_STATE, "me", text.data, len, &got), ERR_INVALID);
    CHECK(!buf_adds(&text, "-TAMPERED", NULL));
    CHECK_INT(open_text(&key, SEALED_STATE, "me", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "me", text.data, whole + 1, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "me", text.data, whole, &got), ERR_NONE);
}

static void another_use_key_or_time_is_refused(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096), late = BUF_MAX(4096), got = BUF_MAX(4096);
    struct sealed_key key = key_of(secret);
    struct sealed_key other = key_of("0123456789abcdef0123456789abcdeg");

    seal_text(&key, SEALED_STATE, "me", clock_wall_ms() + 60000, "x", 1, &text);
    CHECK_INT(open_text(&key, SEALED_CURSOR, "me", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "you", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "mex", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&other, SEALED_STATE, "me", text.data, text.len, &got), ERR_INVALID);
    seal_text(&key, SEALED_STATE, "me", clock_wall_ms() - 1, "x", 1, &late);
    CHECK_INT(open_text(&key, SEALED_STATE, "me", late.data, late.len, &got), ERR_GONE);
    CHECK_INT(got.len, 0);
}

/* What is bound cannot be moved into the payload, or back. */
static void bound_and_payload_do_not_run_together(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096), got = BUF_MAX(4096);
    struct sealed_key key = key_of(secret);

    seal_text(&key, SEALED_STATE, "ab", 0, "cd", 2, &text);
    CHECK_INT(open_text(&key, SEALED_STATE, "abc", text.data, text.len, &got), ERR_INVALID);
    CHECK_INT(open_text(&key, SEALED_STATE, "a", text.data, text.len, &got), ERR_INVALID);
}

static void servers_that_share_a_secret_share_texts(void)
{
    AUTO(buf) struct buf text = BUF_MAX(4096), got = BUF_MAX(4096);
    struct sealed_key one = key_of(secret), two = key_of(secret);

    seal_text(&one, SEALED_TICKET, "me", 0, "x", 1, &text);
    CHECK_INT(open_text(&two, SEALED_TICKET, "me", text.data, text.len, &got), ERR_NONE);
}

static void short_and_long_secrets_are_refused(void)
{
    struct sealed_key key;
    struct err err = { 0 };
    char much[SEALED_SECRET_MAX + 1] = { 0 };

    CHECK(sealed_key_from_secret(&key, secret, SEALED_SECRET_MIN - 1, &err));
    CHECK_INT(err.code, ERR_INVALID);
    CHECK(!sealed_key_from_secret(&key, secret, SEALED_SECRET_MIN, NULL));
    CHECK(!sealed_key_from_secret(&key, much, SEALED_SECRET_MAX, NULL));
    CHECK(sealed_key_from_secret(&key, much, SEALED_SECRET_MAX + 1, &err));
}

static const struct test table[] = {
    TEST(every_length_comes_back),
    TEST(the_largest_payload_passes_and_one_more_does_not),
    TEST(no_changed_character_passes),
    TEST(no_other_length_passes),
    TEST(another_use_key_or_time_is_refused),
    TEST(bound_and_payload_do_not_run_together),
    TEST(servers_that_share_a_secret_share_texts),
    TEST(short_and_long_secrets_are_refused),
};

TEST_MAIN(table)
