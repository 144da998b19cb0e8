/*
 * Unguessable handles: a prefix and 26 base32 characters = 130 random bits from
 * getrandom(2). Safe as path components, in URLs and in header values.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define ID_SIZE 36 /* room for "pppp_" + 26 characters + NUL */

/* out = "<prefix>_<26 characters of a-z2-7>"; prefix of at most 8 characters. */
void id_make(const char *prefix, char out[ID_SIZE]);

/* True when s has the form id_make() gives for that prefix. */
bool id_valid(const char *prefix, const char *s);

/*
 * Length of the id, of whatever prefix, that begins at text[at] and is no part of a longer word;
 * 0: none does.
 */
size_t id_at(const char *text, size_t at, size_t len);

/* Fill with random bytes; aborts the process when the kernel has none to give. */
void random_bytes(void *out, size_t len);

/* Same time for any content of equal length; the length itself may be learnt. */
bool equal_constant_time(const void *a, const void *b, size_t len);

/* Lower-case hex of SHA-256; out has 65 bytes. */
void sha256_hex(const void *data, size_t len, char out[65]);

#endif
