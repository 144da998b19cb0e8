/*
 * Text that comes from programs and goes to models and people.
 *
 * Everything here works on (pointer, length) and accepts any bytes.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"
#include <stdbool.h>

/* True when all of it is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const char *s, size_t len);

/* Length of the longest prefix of s[0..len) that ends at a character boundary. */
size_t utf8_cut(const char *s, size_t len);

/* The smallest n <= len such that s + n starts a character. */
size_t utf8_skip(const char *s, size_t len);

/* Append s with malformed bytes as U+FFFD; *replaced (may be NULL) says whether any was. */
int utf8_add(struct buf *out, const char *s, size_t len, bool *replaced,
             struct err *err) MUST_CHECK;

/*
 * Append s as plain text for a model: malformed bytes replaced, ANSI/OSC/DCS
 * sequences and other control characters removed (tab and newline stay), a line
 * rewritten with '\r' collapsed to its last state, "\r\n" to "\n".
 */
int text_add_plain(struct buf *out, const char *s, size_t len, bool *replaced,
                   struct err *err) MUST_CHECK;

#endif
