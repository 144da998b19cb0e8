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

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

size_t id_at(const char *text, size_t at, size_t len)
{
    size_t prefix = 0, n = 0;
    const char *p = text + at;

    len -= at;
    if (at && is_word(p[-1]))
        return 0;
    while (prefix < len && prefix <= 8 && p[prefix] >= 'a' && p[prefix] <= 'z')
        prefix++;
    if (!prefix || prefix > 8 || prefix == len || p[prefix] != '_')
        return 0;
    for (p += prefix + 1, len -= prefix + 1; n < len && is_word(p[n]); n++)
        if (!((p[n] >= 'a' && p[n] <= 'z') || (p[n] >= '2' && p[n] <= '7')))
            return 0;
    return n == ID_CHARS ? prefix + 1 + n : 0;
}
