/*
 * Base64, standard alphabet with padding, no line breaks (RFC 4648 section 4).
 */
#ifndef BASE_B64_H
#define BASE_B64_H

#include "base/buf.h"

int b64_encode(struct buf *out, const void *data, size_t len, struct err *err) MUST_CHECK;

/* Strict: wrong alphabet, length or padding is ERR_INVALID. */
int b64_decode(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

#endif
