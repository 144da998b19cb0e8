/*
 * SHA-256 (FIPS 180-4), because the agent links no crypto library. Threads: no shared state.
 */
#ifndef BACKEND_AGENT_SHA256_H
#define BACKEND_AGENT_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t state[8];
    uint64_t total; /* bytes so far */
    uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);

/* 64 lower-case digits and a NUL; s must be initialised again before more is added. */
void sha256_hex(struct sha256 *s, char out[65]);

#endif
