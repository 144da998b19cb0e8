/*
 * A set of public keys: of a key file or of an issuer's jwks_uri.
 *
 * A set never changes and is shared by reference: any thread.
 */
#ifndef TRANSPORT_JWKS_H
#define TRANSPORT_JWKS_H

#include "transport/jwt_key.h"

#define JWKS_BYTES_MAX (256 * 1024) /* of the text */
#define JWKS_KEYS_MAX 64            /* entries of one set, usable or not */

struct jwks;

/*
 * A JWK set, one JWK, or PEM. Entries of a set that are not for us (other algorithms, encryption)
 * are skipped; one that is secret, or nothing usable, is an error. One reference.
 */
int jwks_read(const char *text, size_t len, struct jwks **out, struct err *err) MUST_CHECK;

int jwks_read_file(const char *path, struct jwks **out, struct err *err) MUST_CHECK;

struct jwks *jwks_ref(struct jwks *set);
void jwks_unref(struct jwks *set); /* NULL is fine */
DEFINE_AUTO_PTR(jwks, jwks_unref);

size_t jwks_count(const struct jwks *set);

/*
 * The one key for a token that says `alg` and `kid` (NULL: none). A key with a name is taken for
 * its name, or for a token that has none when no other has its algorithm; a key without a name
 * when no other has its algorithm. NULL: no key, then *unknown says that no key has this kid, and a
 * newer set may.
 */
const struct jwt_key *jwks_find(const struct jwks *set, enum jwt_alg alg, const char *kid,
                                bool *unknown);

#endif
