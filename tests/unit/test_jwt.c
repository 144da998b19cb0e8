#include "mcp/view.h"
#include "tests/unit/jwt_fixture.h"
#include "transport/jwt.h"

#define NOW INT64_C(1800000000)
#define ISS "https://issuer.example"
#define AUD "https://sandbox.example/mcp"
#define CLAIMS "'iss':'" ISS "','aud':'" AUD "','exp':1800000300,'sub':'ann'"

static const struct jwt_rules rules = {
    .issuer = ISS,
    .audience = AUD,
    .principal_claim = "sub",
};

/* All three kinds, named r, e and d. */
static struct jwks *all_keys(void)
{
    AUTO(buf) struct buf text = BUF_MAX(65536);
    struct jwks *set = NULL;

    CHECK(!buf_adds(&text, "{\"keys\":[", NULL));
    add_jwk(&text, key_rsa(), ",\"kid\":\"r\",\"use\":\"sig\",\"alg\":\"RS256\"");
    CHECK(!buf_addc(&text, ',', NULL));
    add_jwk(&text, key_ec(), ",\"kid\":\"e\",\"key_ops\":[\"verify\"]");
    CHECK(!buf_addc(&text, ',', NULL));
    add_jwk(&text, key_ed(), ",\"kid\":\"d\"");
    CHECK(!buf_adds(&text, "]}", NULL));
    CHECK(!jwks_read(text.data, text.len, &set, NULL));
    CHECK_INT(jwks_count(set), 3);
    return set;
}

static enum jwt_outcome judge(const struct jwks *keys, const struct buf *token,
                              struct jwt_claims *out, const char **why)
{
    return jwt_check(&rules, keys, token->data, token->len, NOW, out, why);
}

/* Signed by the P-256 key under its name. */
static enum jwt_outcome judge_claims(const struct jwks *keys, const char *claims,
                                     struct jwt_claims *out, const char **why)
{
    AUTO(buf) struct buf token = BUF_MAX(1 << 20);

    make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", claims);
    return judge(keys, &token, out, why);
}

static void each_algorithm_is_taken(void)
{
    static const struct {
        EVP_PKEY *(*key)(void);
        const char *header;
    } cases[] = {
        { key_rsa, "{'alg':'RS256','kid':'r','typ':'JWT'}" },
        { key_ec, "{'alg':'ES256','kid':'e','typ':'at+jwt'}" },
        { key_ed, "{'alg':'EdDSA','kid':'d','typ':'application/AT+JWT'}" },
        { key_rsa, "{'alg':'RS256'}" },
        { key_ec, "{'alg':'ES256'}" },
        { key_ed, "{'alg':'EdDSA','x5t':'abc'}" },
    };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_claims claims;
        const char *why = "";
        make_token(&token, cases[i].key(), cases[i].header, "{" CLAIMS "}");
        if (judge(keys, &token, &claims, &why) != JWT_GOOD)
            FAIL("%s: %s", cases[i].header, why);
        CHECK_INT(claims.exp_s, NOW + 300);
        CHECK_INT(claims.scopes, 0);
        CHECK_INT(strlen(claims.principal), JWT_PRINCIPAL_SIZE - 1);
    }
}

static void a_header_cannot_choose_anything(void)
{
    static const struct {
        EVP_PKEY *(*key)(void);
        const char *header;
        enum jwt_outcome outcome;
    } cases[] = {
        { key_ec, "{'alg':'none'}", JWT_BAD },
        { key_ec, "{'alg':'None','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'es256','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'ES256\\u0000','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'HS256','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':['ES256'],'kid':'e'}", JWT_BAD },
        { key_ec, "{'kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'RS256','kid':'e'}", JWT_BAD },
        { key_rsa, "{'alg':'ES256','kid':'r'}", JWT_BAD },
        { key_rsa, "{'alg':'RS256','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'EdDSA','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'PS256','kid':'r'}", JWT_BAD },
        { key_ec, "{'alg':'ES384','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'other'}", JWT_UNKNOWN_KEY },
        { key_ec, "{'alg':'ES256','kid':'r'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':1}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e\\u0000'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','kid':'e'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','\\u0061lg':'ES256'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','typ':'dpop+jwt'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','typ':null}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','crit':['exp'],'exp':1}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','jku':'https://evil.example/'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','jwk':{}}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','x5u':'https://evil.example/'}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','x5c':[]}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','b64':false}", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e','zip':'DEF'}", JWT_BAD },
        { key_ec, "['ES256']", JWT_BAD },
        { key_ec, "{'alg':'ES256','kid':'e'", JWT_BAD },
        { key_ec, "", JWT_BAD },
    };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_claims claims;
        const char *why = NULL;
        make_token(&token, cases[i].key(), *cases[i].header ? cases[i].header : " ",
                   "{" CLAIMS "}");
        if (judge(keys, &token, &claims, &why) != cases[i].outcome || !why)
            FAIL("%s: %s", cases[i].header, why ? why : "is taken");
    }
}

static void a_changed_token_is_refused(void)
{
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);
    struct jwt_claims claims;
    const char *why;

    make_token(&token, key_ed(), "{'alg':'EdDSA','kid':'d'}", "{" CLAIMS "}");
    CHECK_INT(judge(keys, &token, &claims, &why), JWT_GOOD);
    for (size_t i = 0; i < token.len; i++) {
        char was = token.data[i];
        for (int bit = 0; bit < 7; bit++) {
            token.data[i] = (char)(was ^ 1 << bit);
            if (judge(keys, &token, &claims, &why) == JWT_GOOD)
                FAIL("byte %zu, bit %d", i, bit);
        }
        token.data[i] = was;
    }
    for (size_t len = 0; len < token.len; len++)
        CHECK_INT(jwt_check(&rules, keys, token.data, len, NOW, &claims, &why), JWT_BAD);
}

static void its_form_is_exact(void)
{
    static const char *const tails[] = { "=", ".", ".AAAA", " ", "\n", "A", "AAAA" };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);
    struct jwt_claims claims;
    const char *why;

    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", "{" CLAIMS "}");
        CHECK(!buf_adds(&token, tails[i], NULL));
        CHECK_INT(judge(keys, &token, &claims, &why), JWT_BAD);
    }
    CHECK(jwt_looks_like("a.b.c", 5) && jwt_looks_like("a.b.", 4));
    CHECK(!jwt_looks_like("a.b", 3) && !jwt_looks_like("a.b.c.d", 7) && !jwt_looks_like("..", 2));
}

static void a_signature_of_another_form_is_refused(void)
{
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);
    unsigned char zero[64] = { 0 };
    struct jwt_claims claims;
    const char *why;
    char *dot;

    make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", "{" CLAIMS "}");
    dot = strrchr(token.data, '.');
    token.len = (size_t)(dot + 1 - token.data);
    CHECK_INT(judge(keys, &token, &claims, &why), JWT_BAD);
    add_b64url(&token, zero, sizeof(zero));
    CHECK_INT(judge(keys, &token, &claims, &why), JWT_BAD);
    CHECK_HAS(why, "signature is wrong");
}

static void claims_are_checked(void)
{
    static const struct {
        const char *claims;
        enum jwt_outcome outcome;
    } cases[] = {
        { "{" CLAIMS "}", JWT_GOOD },
        { "{" CLAIMS ",'iss':'" ISS "'}", JWT_BAD },
        { "{'iss':'" ISS "/','aud':'" AUD "','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':['" ISS "'],'aud':'" AUD "','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'aud':'" AUD "','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':['x','" AUD "'],'exp':1800000300,'sub':'a'}", JWT_GOOD },
        { "{'iss':'" ISS "','aud':['x',1,'" AUD "'],'exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':['x'],'exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':[],'exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "/','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "\\u0000','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','exp':1800000300,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':null,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':'1800000300','sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':-1,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1e400,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1e300,'sub':'a'}", JWT_GOOD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1799999941,'sub':'a'}", JWT_GOOD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1799999940,'sub':'a'}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1800000300.5,'sub':'a'}", JWT_GOOD },
        { "{" CLAIMS ",'nbf':1800000060}", JWT_GOOD },
        { "{" CLAIMS ",'nbf':1800000061}", JWT_BAD },
        { "{" CLAIMS ",'nbf':'now'}", JWT_BAD },
        { "{" CLAIMS ",'iat':1800000060}", JWT_GOOD },
        { "{" CLAIMS ",'iat':1800000061}", JWT_BAD },
        { "{" CLAIMS ",'iat':{}}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1800000300}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1800000300,'sub':''}", JWT_BAD },
        { "{'iss':'" ISS "','aud':'" AUD "','exp':1800000300,'sub':7}", JWT_BAD },
        { "{" CLAIMS ",'scope':7}", JWT_BAD },
        { "{" CLAIMS ",'scp':['read',7]}", JWT_BAD },
        { "{" CLAIMS ",'x':'\xff'}", JWT_BAD },
        { "["
          "1"
          "]",
          JWT_BAD },
        { "{}", JWT_BAD },
        { "{" CLAIMS "} ", JWT_GOOD },
        { "{" CLAIMS "}x", JWT_BAD },
    };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_claims claims;
        const char *why = NULL;
        if (judge_claims(keys, cases[i].claims, &claims, &why) != cases[i].outcome)
            FAIL("%s: %s", cases[i].claims, why ? why : "is taken");
    }
}

static void scopes_are_those_we_know(void)
{
    static const struct {
        const char *more;
        unsigned scopes;
    } cases[] = {
        { ",'scope':''", 0 },
        { ",'scope':'openid profile'", 0 },
        { ",'scope':'openid read'", SCOPE_READ },
        { ",'scope':'  read  '", SCOPE_READ },
        { ",'scope':'reads execute'", SCOPE_READ | SCOPE_EXECUTE },
        { ",'scope':'admin'", SCOPE_ALL },
        { ",'scope':['read','x']", SCOPE_READ },
        { ",'scp':['execute']", SCOPE_READ | SCOPE_EXECUTE },
        { ",'scp':'execute'", SCOPE_READ | SCOPE_EXECUTE },
        { ",'scp':'read','scope':'admin'", SCOPE_ALL },
        { ",'scp':[]", 0 },
        { ",'scope':'read\\u0000execute'", 0 },
    };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[512];
        struct jwt_claims claims;
        const char *why = NULL;
        snprintf(text, sizeof(text), "{" CLAIMS "%s}", cases[i].more);
        if (judge_claims(keys, text, &claims, &why) != JWT_GOOD)
            FAIL("%s: %s", text, why);
        if (claims.scopes != cases[i].scopes)
            FAIL("%s: %u", text, claims.scopes);
    }
}

static void default_scopes_are_for_tokens_that_name_none(void)
{
    struct jwt_rules with = rules;
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(65536);
    struct jwt_claims claims;
    const char *why;

    with.default_scopes = SCOPE_READ;
    make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", "{" CLAIMS "}");
    CHECK_INT(jwt_check(&with, keys, token.data, token.len, NOW, &claims, &why), JWT_GOOD);
    CHECK_INT(claims.scopes, SCOPE_READ);
    make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", "{" CLAIMS ",'scope':'openid'}");
    CHECK_INT(jwt_check(&with, keys, token.data, token.len, NOW, &claims, &why), JWT_GOOD);
    CHECK_INT(claims.scopes, 0);
}

static void a_principal_is_one_person_of_one_issuer(void)
{
    static const char *const names[] = { "ann",        "Ann",    "ann ",      "\xc3\xa4nn",
                                         "\\u0000ann", "ann\\n", "a\\u0308nn" };
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    char seen[COUNT_OF(names)][JWT_PRINCIPAL_SIZE];
    struct jwt_rules other = rules;
    AUTO(buf) struct buf token = BUF_MAX(65536);
    struct jwt_claims claims;
    const char *why;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "{'iss':'" ISS "','aud':'" AUD "','exp':1800000300,'jti':'%zu','sub':'%s'}", i,
                 names[i]);
        CHECK_INT(judge_claims(keys, text, &claims, &why), JWT_GOOD);
        CHECK(!strncmp(claims.principal, "jwt:", 4));
        strcpy(seen[i], claims.principal);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(seen[i], seen[j]) != 0);
    }
    CHECK_INT(judge_claims(keys, "{" CLAIMS ",'jti':'again'}", &claims, &why), JWT_GOOD);
    CHECK_STR(claims.principal, seen[0]);
    other.issuer = ISS "/";
    make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}",
               "{'iss':'" ISS "/','aud':'" AUD "','exp':1800000300,'sub':'ann'}");
    CHECK_INT(jwt_check(&other, keys, token.data, token.len, NOW, &claims, &why), JWT_GOOD);
    CHECK(strcmp(claims.principal, seen[0]) != 0);
}

static void sizes_are_bounded(void)
{
    AUTO_PTR(jwks) struct jwks *keys = all_keys();
    AUTO(buf) struct buf token = BUF_MAX(1 << 20), text = BUF_MAX(1 << 20);
    struct jwt_claims claims;
    const char *why;

    for (int over = 0; over < 2; over++) {
        buf_clear(&text);
        CHECK(!buf_addf(&text, NULL, "{'alg':'ES256','kid':'e','x':'%*s'}",
                        JWT_HEADER_MAX - 32 + over, "x"));
        CHECK_INT(text.len, JWT_HEADER_MAX + over);
        make_token(&token, key_ec(), text.data, "{" CLAIMS "}");
        CHECK_INT(judge(keys, &token, &claims, &why), over ? JWT_BAD : JWT_GOOD);
    }
    for (int over = 0; over < 2; over++) {
        buf_clear(&text);
        CHECK(!buf_addf(&text, NULL, "{" CLAIMS ",'x':'%*s'}", over ? 6100 : 5800, "x"));
        make_token(&token, key_ec(), "{'alg':'ES256','kid':'e'}", text.data);
        CHECK_INT(token.len > JWT_MAX, over);
        CHECK_INT(judge(keys, &token, &claims, &why), over ? JWT_BAD : JWT_GOOD);
    }
}

static const struct test tests[] = {
    TEST(each_algorithm_is_taken),
    TEST(a_header_cannot_choose_anything),
    TEST(a_changed_token_is_refused),
    TEST(its_form_is_exact),
    TEST(a_signature_of_another_form_is_refused),
    TEST(claims_are_checked),
    TEST(scopes_are_those_we_know),
    TEST(default_scopes_are_for_tokens_that_name_none),
    TEST(a_principal_is_one_person_of_one_issuer),
    TEST(sizes_are_bounded),
};

TEST_MAIN(tests)
