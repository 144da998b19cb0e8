/*
 * Text that is handed out and comes back: requestState, cursors, tickets. Whoever holds it can
 * read it, and cannot change it, make one, use it for something else or after its time.
 *
 * Format: base64url (RFC 4648 section 5, no padding, canonical) of
 *
 *     version  1 byte, SEALED_VERSION
 *     kind     1 byte, what it is for: two kinds are never taken for each other
 *     expiry   8 bytes big-endian, wall time in ms since 1970, 0 none
 *     payload  any bytes, readable by whoever holds the text
 *     mac      32 bytes, HMAC-SHA-256 under the key, of all the bytes before it with
 *              length (4 bytes big-endian) and bytes of `bound` between expiry and payload
 *
 * `bound` is not in the text: what must be the same when it comes back, such as the principal
 * and a digest of the arguments. Who joins several values into it makes that unambiguous.
 * Nothing here makes a text single-use: put a nonce into the payload and remember it.
 *
 * A key never changes after it was made: any thread.
 */
#ifndef BASE_SEALED_H
#define BASE_SEALED_H

#include "base/buf.h"
#include <stdint.h>

#define SEALED_VERSION 1
#define SEALED_SECRET_MIN 32           /* bytes of a configured secret */
#define SEALED_SECRET_MAX 4096         /* ditto */
#define SEALED_PAYLOAD_MAX (64 * 1024) /* bytes */
#define SEALED_EXTRA 42                /* bytes beside the payload, before base64url */
#define SEALED_TEXT_MAX ((SEALED_PAYLOAD_MAX + SEALED_EXTRA + 2) / 3 * 4)

enum sealed_kind {
    SEALED_STATE = 1,  /* requestState of a call that asks */
    SEALED_CURSOR = 2, /* of a list */
    SEALED_TICKET = 3, /* of a URL */
};

struct sealed_key {
    unsigned char bytes[32];
};

struct sealed_use {
    enum sealed_kind kind;
    const void *bound; /* see above */
    size_t bound_len;
};

void sealed_key_random(struct sealed_key *key);

/*
 * From a configured secret of SEALED_SECRET_MIN..SEALED_SECRET_MAX bytes: equal secrets give equal
 * keys, so servers that share one accept each other's texts. ERR_INVALID otherwise.
 */
int sealed_key_from_secret(struct sealed_key *key, const void *secret, size_t len,
                           struct err *err) MUST_CHECK;

/* Append the text. expiry_ms: wall time, 0 none. */
int sealed_make(const struct sealed_key *key, const struct sealed_use *use, int64_t expiry_ms,
                const void *payload, size_t len, struct buf *out, struct err *err) MUST_CHECK;

/*
 * Append the payload of a text that was made with this key for this use. ERR_INVALID: it was not,
 * or it was changed (never says which); ERR_GONE: its time has passed. `text` is hostile.
 */
int sealed_open(const struct sealed_key *key, const struct sealed_use *use, const char *text,
                size_t len, struct buf *payload, struct err *err) MUST_CHECK;

#endif
