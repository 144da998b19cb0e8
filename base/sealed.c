#include "base/sealed.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/id.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define MAC_LEN 32
#define HEAD_LEN 10

_Static_assert(HEAD_LEN + MAC_LEN == SEALED_EXTRA, "the format");

static void put(unsigned char *to, uint64_t v, size_t bytes)
{
    while (bytes) {
        to[--bytes] = (unsigned char)v;
        v >>= 8;
    }
}

static int64_t get_expiry(const unsigned char *from)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++)
        v = v << 8 | from[i];
    return (int64_t)v;
}

/* body: head and payload. */
static int make_mac(const struct sealed_key *key, const struct sealed_use *use, const char *body,
                    size_t len, unsigned char mac[MAC_LEN], struct err *err)
{
    AUTO(buf) struct buf all = BUF_MAX(len + use->bound_len + 8);
    unsigned char size[4];
    unsigned mac_len = MAC_LEN;

    put(size, use->bound_len, sizeof(size));
    if (buf_add(&all, body, HEAD_LEN, err) || buf_add(&all, size, sizeof(size), err) ||
        buf_add(&all, use->bound_len ? use->bound : "", use->bound_len, err) ||
        buf_add(&all, body + HEAD_LEN, len - HEAD_LEN, err))
        return -1;
    if (!HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), (const unsigned char *)all.data,
              all.len, mac, &mac_len))
        return err_set(err, ERR_INTERNAL, "HMAC-SHA-256 is not available");
    return 0;
}

void sealed_key_random(struct sealed_key *key)
{
    random_bytes(key->bytes, sizeof(key->bytes));
}

int sealed_key_from_secret(struct sealed_key *key, const void *secret, size_t len, struct err *err)
{
    static const unsigned char label[] = "sandbox-mcp sealed key 1";
    unsigned n = sizeof(key->bytes);

    if (len < SEALED_SECRET_MIN || len > SEALED_SECRET_MAX)
        return err_set(err, ERR_INVALID, "the secret must have %d..%d bytes", SEALED_SECRET_MIN,
                       SEALED_SECRET_MAX);
    if (!HMAC(EVP_sha256(), secret, (int)len, label, sizeof(label) - 1, key->bytes, &n))
        return err_set(err, ERR_INTERNAL, "HMAC-SHA-256 is not available");
    return 0;
}

int sealed_make(const struct sealed_key *key, const struct sealed_use *use, int64_t expiry_ms,
                const void *payload, size_t len, struct buf *out, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(SEALED_PAYLOAD_MAX + SEALED_EXTRA);
    unsigned char head[HEAD_LEN] = { SEALED_VERSION, (unsigned char)use->kind }, mac[MAC_LEN];

    if (len > SEALED_PAYLOAD_MAX)
        return err_set(err, ERR_TOO_LARGE, "a sealed text has at most %d bytes",
                       SEALED_PAYLOAD_MAX);
    put(head + 2, (uint64_t)expiry_ms, 8);
    if (buf_add(&body, head, sizeof(head), err) || buf_add(&body, len ? payload : "", len, err) ||
        make_mac(key, use, body.data, body.len, mac, err) || buf_add(&body, mac, MAC_LEN, err))
        return -1;
    return b64url_encode(out, body.data, body.len, err);
}

int sealed_open(const struct sealed_key *key, const struct sealed_use *use, const char *text,
                size_t len, struct buf *payload, struct err *err)
{
    AUTO(buf) struct buf body = BUF_MAX(SEALED_PAYLOAD_MAX + SEALED_EXTRA + 8);
    const unsigned char *head;
    unsigned char mac[MAC_LEN];
    int64_t expiry;

    if (len > SEALED_TEXT_MAX || b64url_decode(&body, text, len, NULL) || body.len < SEALED_EXTRA)
        return err_set(err, ERR_INVALID, "it was not made by this server");
    head = (const unsigned char *)body.data;
    body.len -= MAC_LEN;
    if (make_mac(key, use, body.data, body.len, mac, err))
        return -1;
    if (!equal_constant_time(mac, head + body.len, MAC_LEN) || head[0] != SEALED_VERSION ||
        head[1] != use->kind)
        return err_set(err, ERR_INVALID, "it was not made by this server for this");
    expiry = get_expiry(head + 2);
    if (expiry && clock_wall_ms() >= expiry)
        return err_set(err, ERR_GONE, "its time has passed");
    return buf_add(payload, head + HEAD_LEN, body.len - HEAD_LEN, err);
}
