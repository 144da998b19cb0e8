#include "transport/auth.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "transport/auth_cache.h"
#include "transport/jwks_remote.h"
#include "transport/jwt.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct auth {
    EVP_MD *sha256;
    char *generated;
    struct auth_tokens tokens;
    bool signed_too; /* all below are for signed tokens */
    struct jwt_rules rules;
    struct jwks *keys; /* of a file, or: */
    struct jwks_remote *remote;
    struct auth_cache *cache;
};
DEFINE_AUTO_PTR(auth, auth_free);

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    if (auth->generated) {
        explicit_bzero(auth->generated, strlen(auth->generated));
        free(auth->generated);
    }
    jwks_remote_free(auth->remote);
    jwks_unref(auth->keys);
    auth_cache_free(auth->cache);
    EVP_MD_free(auth->sha256);
    free(auth);
}

static int generate(struct auth *auth, struct err *err)
{
    unsigned char raw[32];
    char *token = auth->generated = malloc(2 * sizeof(raw) + 1);

    if (!token)
        return err_oom(err);
    random_bytes(raw, sizeof(raw));
    for (size_t i = 0; i < sizeof(raw); i++)
        snprintf(token + 2 * i, 3, "%02x", raw[i]);
    return auth_tokens_add(&auth->tokens, token, err);
}

static int open_jwt(struct auth *auth, const struct auth_config *config, struct err *err)
{
    auth->signed_too = true;
    auth->rules = *config->jwt;
    if (auth_cache_new(&auth->cache, err))
        return -1;
    if (config->key_file)
        return jwks_read_file(config->key_file, &auth->keys, err);
    return jwks_remote_open(config->jwks, &auth->remote, err);
}

int auth_open(const struct auth_config *config, struct auth **out, struct err *err)
{
    AUTO_PTR(auth) struct auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return err_oom(err);
    auth->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!auth->sha256)
        return err_set(err, ERR_INTERNAL, "SHA-256 is not available");
    if ((config->token && auth_tokens_add(&auth->tokens, config->token, err)) ||
        (config->token_file && auth_tokens_read(&auth->tokens, config->token_file, err)) ||
        (config->generate && generate(auth, err)) || (config->jwt && open_jwt(auth, config, err)))
        return -1;
    *out = TAKE(auth);
    return 0;
}

const char *auth_generated(const struct auth *auth)
{
    return auth->generated;
}

/* The token in `Bearer TOKEN`; NULL when it is something else. */
static const char *bearer(const char *value, size_t *len)
{
    if (strncasecmp(value, "Bearer", 6) || (value[6] != ' ' && value[6] != '\t'))
        return NULL;
    value += 6 + strspn(value + 6, " \t");
    *len = strlen(value);
    while (*len && strchr(" \t", value[*len - 1]))
        --*len;
    return value;
}

static enum auth_answer check_with(struct auth *auth, const struct jwks *keys, const char *token,
                                   size_t len, struct identity *who, int64_t *left_ms)
{
    int64_t now_ms = clock_wall_ms();
    struct jwt_claims claims;
    const char *why;

    switch (jwt_check(&auth->rules, keys, token, len, now_ms / 1000, &claims, &why)) {
    case JWT_GOOD:
        *who = (struct identity){ .scopes = claims.scopes };
        snprintf(who->principal, sizeof(who->principal), "%s", claims.principal);
        *left_ms = (claims.exp_s + JWT_SKEW_S) * 1000 - now_ms;
        who->until_ms = clock_ms() + *left_ms;
        return AUTH_YES;
    case JWT_UNKNOWN_KEY:
        if (auth->remote && jwks_remote_miss(auth->remote))
            return AUTH_LATER;
        break;
    case JWT_BAD:
        break;
    }
    log_debug("token_refused why=\"%s\"", why);
    return AUTH_NO;
}

static enum auth_answer check_jwt(struct auth *auth, const unsigned char digest[AUTH_DIGEST],
                                  const char *token, size_t len, struct identity *who)
{
    AUTO_PTR(jwks) struct jwks *keys = NULL;
    uint64_t generation = 0;
    enum auth_answer answer;
    int64_t left_ms = 0;

    if (!jwt_looks_like(token, len))
        return AUTH_NO;
    keys = auth->remote ? jwks_remote_get(auth->remote, &generation) : jwks_ref(auth->keys);
    if (!keys)
        return AUTH_LATER;
    if (auth_cache_find(auth->cache, digest, generation, who))
        return AUTH_YES;
    answer = check_with(auth, keys, token, len, who, &left_ms);
    if (answer == AUTH_YES)
        auth_cache_add(auth->cache, digest, generation, who, left_ms);
    return answer;
}

enum auth_answer auth_check(struct auth *auth, const char *authorization, struct identity *who)
{
    unsigned char digest[AUTH_DIGEST];
    const struct identity *known;
    const char *token;
    size_t len;

    if (!authorization)
        return AUTH_NONE;
    token = bearer(authorization, &len);
    if (!token || !len || len > (auth->signed_too ? JWT_MAX : AUTH_TOKEN_MAX) ||
        EVP_Digest(token, len, digest, NULL, auth->sha256, NULL) != 1)
        return AUTH_NO;
    known = auth_tokens_find(&auth->tokens, digest);
    if (known) {
        *who = *known;
        return AUTH_YES;
    }
    return auth->signed_too ? check_jwt(auth, digest, token, len, who) : AUTH_NO;
}
