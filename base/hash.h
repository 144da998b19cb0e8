/*
 * SHA-256 of what comes in pieces. Zeroed it is empty; hash_done() whatever happened.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/err.h"
#include <stddef.h>

struct hash {
    void *state;
};

int hash_begin(struct hash *h, struct err *err) MUST_CHECK;
void hash_add(struct hash *h, const void *data, size_t len);
void hash_end(struct hash *h, char out[65]); /* lower-case hex; once */
void hash_done(struct hash *h);

#endif
