/*
 * Base64 without line breaks: the standard alphabet with padding (RFC 4648 section 4), and
 * base64url without (section 5, as in RFC 7515).
 */
#ifndef BASE_B64_H
#define BASE_B64_H

#include "base/buf.h"

int b64_encode(struct buf *out, const void *data, size_t len, struct err *err) MUST_CHECK;

/* Strict: wrong alphabet, length or padding is ERR_INVALID. */
int b64_decode(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

int b64url_encode(struct buf *out, const void *data, size_t len, struct err *err) MUST_CHECK;

/*
 * Strict and canonical: there is one text for given bytes. Padding, another alphabet and bits left
 * over are ERR_INVALID.
 */
int b64url_decode(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

#endif
