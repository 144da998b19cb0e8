#include "base/clock.h"
#include "tests/unit/jwt_fixture.h"
#include "transport/jwks_remote.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

DEFINE_AUTO_PTR(jwks_remote, jwks_remote_free);

static size_t count_of(const char *text, size_t len, struct err *err)
{
    AUTO_PTR(jwks) struct jwks *set = NULL;

    return jwks_read(text, len, &set, err) ? 0 : jwks_count(set);
}

static void pem_jwk_and_sets_are_read(void)
{
    EVP_PKEY *keys[] = { key_rsa(), key_ec(), key_ed() };

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO(buf) struct buf jwk = BUF_MAX(8192), set = BUF_MAX(8192);
        struct err err = { 0 };
        const char *pem = pem_of(keys[i]);
        CHECK_INT(count_of(pem, strlen(pem), &err), 1);
        add_jwk(&jwk, keys[i], "");
        CHECK_INT(count_of(jwk.data, jwk.len, &err), 1);
        CHECK(!buf_addf(&set, NULL, " \n{\"keys\":[{\"kty\":\"oct\"},%s,{\"kty\":\"EC\"},7]}",
                        jwk.data));
        CHECK_INT(count_of(set.data, set.len, &err), 1);
    }
}

static void a_key_that_is_not_ours_is_refused(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "neither JSON nor PEM" },
        { "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither JSON nor PEM" },
        { "-----BEGIN PRIVATE KEY-----\n", "a private key" },
        { "-----BEGIN EC PRIVATE KEY-----\n", "a private key" },
        { "{\"keys\":[]}", "no usable key" },
        { "{\"keys\":{}}", "not an array" },
        { "{\"keys\":[1,null]}", "no usable key" },
        { "{\"keys\":[", "not JSON" },
        { "{}", "without \"kty\"" },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}", "private or symmetric" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\",\"d\":\"AAAA\"}", "private" },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}", "another curve" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "no Ed25519 key" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA+A\"}", "not base64url" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "not base64url" },
        { "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", "another curve" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}", "has 32 bytes" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
          "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
          "no EC key" },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "2048 to 8192 bits" },
        { "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "not for signatures" },
        { "{\"kty\":\"RSA\",\"key_ops\":[\"sign\"],\"n\":\"AQAB\",\"e\":\"AQAB\"}",
          "not for verifying" },
        { "{\"kty\":\"RSA\",\"alg\":\"PS256\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
          "another algorithm" },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQABAQABAQAB\"}", "at most 8 bytes" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = { 0 };
        if (count_of(cases[i].text, strlen(cases[i].text), &err))
            FAIL("%s is taken", cases[i].text);
        if (!strstr(err.msg, cases[i].why))
            FAIL("%s: %s", cases[i].text, err.msg);
    }
}

static void a_secret_in_a_set_spoils_it(void)
{
    AUTO(buf) struct buf text = BUF_MAX(8192);
    struct err err = { 0 };

    CHECK(!buf_adds(&text, "{\"keys\":[", NULL));
    add_jwk(&text, key_ec(), "");
    CHECK(!buf_adds(&text, ",", NULL));
    add_jwk(&text, key_ec(), ",\"d\":\"AAAA\"");
    CHECK(!buf_adds(&text, "]}", NULL));
    CHECK_INT(count_of(text.data, text.len, &err), 0);
    CHECK_INT(err.code, ERR_DENIED);
}

static void a_set_is_bounded(void)
{
    AUTO(buf) struct buf text = BUF_MAX(JWKS_BYTES_MAX + 1);
    struct err err = { 0 };

    CHECK(!buf_adds(&text, "{\"keys\":[0", NULL));
    for (int i = 0; i < JWKS_KEYS_MAX; i++)
        CHECK(!buf_adds(&text, ",0", NULL));
    CHECK(!buf_adds(&text, "]}", NULL));
    CHECK_INT(count_of(text.data, text.len, &err), 0);
    CHECK_INT(err.code, ERR_TOO_LARGE);
    while (text.len <= JWKS_BYTES_MAX)
        CHECK(!buf_addc(&text, ' ', NULL));
    err.code = ERR_NONE;
    CHECK_INT(count_of(text.data, text.len, &err), 0);
    CHECK_INT(err.code, ERR_TOO_LARGE);
}

static void keys_are_found_by_name_or_alone(void)
{
    AUTO(buf) struct buf text = BUF_MAX(8192);
    AUTO_PTR(jwks) struct jwks *set = NULL;
    AUTO_PTR(jwks) struct jwks *pem = NULL;
    bool unknown;

    CHECK(!buf_adds(&text, "{\"keys\":[", NULL));
    add_jwk(&text, key_ec(), ",\"kid\":\"a\"");
    CHECK(!buf_adds(&text, ",", NULL));
    add_jwk(&text, key_ec(), ",\"kid\":\"b\"");
    CHECK(!buf_adds(&text, ",", NULL));
    add_jwk(&text, key_ed(), ",\"kid\":\"a\"");
    CHECK(!buf_adds(&text, "]}", NULL));
    CHECK(!jwks_read(text.data, text.len, &set, NULL));
    CHECK_STR(jwks_find(set, JWT_ES256, "a", &unknown)->kid, "a");
    CHECK_STR(jwks_find(set, JWT_ES256, "b", &unknown)->kid, "b");
    CHECK_INT(jwks_find(set, JWT_EDDSA, "a", &unknown)->alg, JWT_EDDSA);
    CHECK(!jwks_find(set, JWT_EDDSA, "b", &unknown) && !unknown);
    CHECK(!jwks_find(set, JWT_ES256, "c", &unknown) && unknown);
    CHECK(!jwks_find(set, JWT_EDDSA, "c", &unknown) && unknown);
    CHECK(!jwks_find(set, JWT_ES256, NULL, &unknown) && !unknown);
    CHECK(jwks_find(set, JWT_EDDSA, NULL, &unknown));
    CHECK(!jwks_find(set, JWT_RS256, NULL, &unknown) && !unknown);
    CHECK(!jwks_read(pem_of(key_ec()), strlen(pem_of(key_ec())), &pem, NULL));
    CHECK(jwks_find(pem, JWT_ES256, "any", &unknown));
    CHECK(!jwks_find(pem, JWT_RS256, "any", &unknown));
}

/* ---- keys behind a URL ---- */

struct issuer {
    atomic_int asked;
    atomic_bool fails, hangs;
};

static int fetch(void *context, struct call *call, struct buf *text, struct err *err)
{
    struct issuer *issuer = context;
    struct pollfd p = { .fd = call->event_fd, .events = POLLIN };

    atomic_fetch_add(&issuer->asked, 1);
    if (atomic_load(&issuer->hangs)) {
        (void)poll(&p, 1, 20000);
        return call_check(call, err) ? -1 : err_set(err, ERR_INTERNAL, "was not ended");
    }
    if (atomic_load(&issuer->fails))
        return err_set(err, ERR_UNAVAILABLE, "told to fail");
    CHECK_INT(text->max, JWKS_BYTES_MAX);
    return buf_adds(text, pem_of(key_ec()), err);
}

static struct jwks_remote *open_remote(struct issuer *issuer, int64_t pause_ms, int64_t refresh_ms,
                                       int64_t stale_ms)
{
    struct jwks_source source = { fetch, issuer, pause_ms, refresh_ms, stale_ms };
    struct jwks_remote *r = NULL;

    (void)key_ec(); /* before a thread may want it */
    CHECK(!jwks_remote_open(&source, &r, NULL));
    return r;
}

static bool has_keys(struct jwks_remote *r)
{
    uint64_t generation;
    AUTO_PTR(jwks) struct jwks *keys = jwks_remote_get(r, &generation);

    return keys != NULL;
}

static void await(struct issuer *issuer, int asked)
{
    int64_t until = clock_ms() + 20000;

    while (atomic_load(&issuer->asked) < asked && clock_ms() < until)
        usleep(1000);
    CHECK(atomic_load(&issuer->asked) >= asked);
}

static void keys_are_there_when_it_opens(void)
{
    struct issuer issuer = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&issuer, 0, 0, 0);

    CHECK(has_keys(r));
    CHECK_INT(issuer.asked, 1);
    for (int i = 0; i < 1000; i++)
        CHECK(!jwks_remote_miss(r)); /* so soon after: it is not asked again */
    CHECK_INT(issuer.asked, 1);
}

static void a_missed_key_is_fetched_once_per_pause(void)
{
    struct issuer issuer = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&issuer, 300, 1000000, 1000000);
    int64_t start = clock_ms(), took;

    while (clock_ms() - start < 1000) {
        (void)jwks_remote_miss(r);
        usleep(500);
    }
    took = clock_ms() - start;
    CHECK(issuer.asked >= 2);
    CHECK(issuer.asked <= 2 + took / 300);
}

static void they_are_renewed_from_time_to_time(void)
{
    struct issuer issuer = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&issuer, 1, 10, 1000000);

    await(&issuer, 3);
    CHECK(has_keys(r));
}

static void they_stay_when_the_issuer_is_away(void)
{
    struct issuer issuer = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&issuer, 10, 10, 1000000);

    CHECK(has_keys(r));
    issuer.fails = true;
    await(&issuer, issuer.asked + 3);
    CHECK(has_keys(r));
}

static void they_go_when_they_are_too_old(void)
{
    struct issuer issuer = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&issuer, 20, 20, 100);
    int64_t until = clock_ms() + 20000;

    issuer.fails = true;
    while (has_keys(r) && clock_ms() < until)
        usleep(1000);
    CHECK(!has_keys(r));
    issuer.fails = false;
    while (!has_keys(r) && clock_ms() < until)
        usleep(1000);
    CHECK(has_keys(r));
}

static void it_opens_without_its_issuer_and_ends_a_fetch(void)
{
    struct issuer away = { .fails = true }, slow = { 0 };
    AUTO_PTR(jwks_remote) struct jwks_remote *r = open_remote(&away, 0, 0, 0);
    struct jwks_remote *s = open_remote(&slow, 1, 1, 1000000);
    int64_t start;

    CHECK(!has_keys(r));
    slow.hangs = true;
    await(&slow, slow.asked + 1);
    start = clock_ms();
    jwks_remote_free(s);
    CHECK(clock_ms() - start < 15000);
}

static const struct test tests[] = {
    TEST(pem_jwk_and_sets_are_read),
    TEST(a_key_that_is_not_ours_is_refused),
    TEST(a_secret_in_a_set_spoils_it),
    TEST(a_set_is_bounded),
    TEST(keys_are_found_by_name_or_alone),
    TEST(keys_are_there_when_it_opens),
    TEST(a_missed_key_is_fetched_once_per_pause),
    TEST(they_are_renewed_from_time_to_time),
    TEST(they_stay_when_the_issuer_is_away),
    TEST(they_go_when_they_are_too_old),
    TEST(it_opens_without_its_issuer_and_ends_a_fetch),
};

TEST_MAIN(tests)
