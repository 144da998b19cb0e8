/*
 * A public key that signs tokens: the only file of the JWT code that uses libcrypto's keys.
 *
 * The key decides the algorithm: RSA of 2048 to 8192 bits RS256, P-256 ES256, Ed25519 EdDSA. Other
 * kinds, and files with private or symmetric keys, are errors: ERR_UNSUPPORTED for what merely is
 * not ours, ERR_INVALID for what is broken, ERR_DENIED for what should be secret.
 *
 * A key never changes: any thread may verify.
 */
#ifndef TRANSPORT_JWT_KEY_H
#define TRANSPORT_JWT_KEY_H

#include "base/json.h"

#define JWT_KID_MAX 256        /* bytes */
#define JWT_SIGNATURE_MAX 1024 /* bytes: RSA of 8192 bits */

enum jwt_alg { JWT_RS256, JWT_ES256, JWT_EDDSA, JWT_ALG_COUNT };

struct jwt_key {
    struct jwt_key *next; /* the owner's */
    enum jwt_alg alg;
    char *kid;  /* NULL: it has no name */
    void *pkey; /* EVP_PKEY */
};

/* "RS256" and so on, as in the header of a token; JWT_ALG_COUNT for any other. */
enum jwt_alg jwt_alg_from_name(const char *name);

/* One JWK. */
int jwt_key_from_jwk(yyjson_val *jwk, struct jwt_key **out, struct err *err) MUST_CHECK;

/* The first PUBLIC KEY of a PEM text; it has no kid. */
int jwt_key_from_pem(const char *text, size_t len, struct jwt_key **out,
                     struct err *err) MUST_CHECK;

void jwt_key_free(struct jwt_key *key); /* NULL is fine */

bool jwt_key_verify(const struct jwt_key *key, const char *text, size_t len,
                    const unsigned char *signature, size_t signature_len);

#endif
