/*
 * Base64url without padding (RFC 7515), as in tokens and JWKs.
 */
#ifndef TRANSPORT_JWT_B64_H
#define TRANSPORT_JWT_B64_H

#include <stdbool.h>
#include <stddef.h>

/* False: other characters, padding, bits left over, or more than max bytes. */
bool jwt_b64(const char *text, size_t len, void *out, size_t max, size_t *out_len);

#endif
