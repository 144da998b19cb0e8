#include "base/id.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ID_CHARS 26

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

void random_bytes(void *out, size_t len)
{
    char *p = out;

    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR)
            abort();
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

void id_make(const char *prefix, char out[ID_SIZE])
{
    unsigned char raw[ID_CHARS];
    int n = snprintf(out, ID_SIZE - ID_CHARS, "%.8s_", prefix);

    random_bytes(raw, sizeof(raw));
    for (int i = 0; i < ID_CHARS; i++)
        out[n + i] = alphabet[raw[i] & 31];
    out[n + ID_CHARS] = '\0';
}

bool id_valid(const char *prefix, const char *s)
{
    size_t n = strlen(prefix);

    if (strncmp(s, prefix, n) || s[n] != '_' || strlen(s) != n + 1 + ID_CHARS)
        return false;
    return strspn(s + n + 1, alphabet) == ID_CHARS;
}

bool equal_constant_time(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;

    for (size_t i = 0; i < len; i++)
        diff |= (unsigned char)(x[i] ^ y[i]);
    return !diff;
}

void sha256_hex(const void *data, size_t len, char out[65])
{
    unsigned char md[SHA256_DIGEST_LENGTH];

    SHA256(data, len, md);
    for (size_t i = 0; i < sizeof(md); i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}
