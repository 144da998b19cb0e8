#include "base/hash.h"

#include <openssl/evp.h>
#include <stdio.h>

int hash_begin(struct hash *h, struct err *err)
{
    h->state = EVP_MD_CTX_new();
    if (!h->state || EVP_DigestInit_ex(h->state, EVP_sha256(), NULL) != 1)
        return err_oom(err);
    return 0;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
    (void)EVP_DigestUpdate(h->state, data, len);
}

void hash_end(struct hash *h, char out[65])
{
    unsigned char md[EVP_MAX_MD_SIZE] = { 0 };
    unsigned n = 0;

    (void)EVP_DigestFinal_ex(h->state, md, &n);
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", md[i]);
}

void hash_done(struct hash *h)
{
    EVP_MD_CTX_free(h->state);
    h->state = NULL;
}
