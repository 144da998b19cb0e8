/*
 * Text that is not UTF-8 but says so in its first bytes.
 */
#ifndef BACKEND_AGENT_FILE_ENCODING_H
#define BACKEND_AGENT_FILE_ENCODING_H

#include "backend/wire.h"
#include <stddef.h>

/* By the byte order mark: enum wire_encoding. `len` is what there is of the beginning, at most 4
 * bytes are looked at. UTF-32 is none of them. */
uint32_t encoding_of(const char *head, size_t len);

/* UTF-16 as UTF-8 without the mark, for free(); halves of pairs become U+FFFD. NULL without memory.
 */
char *encoding_utf8(const char *text, size_t len, uint32_t encoding, size_t *out);

#endif
