#include "transport/http_tls.h"
#include "base/io.h"
#include "base/log.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

static void cleanup_bio(BIO **b)
{
    BIO_free(*b);
}

static void cleanup_x509(X509 **x)
{
    X509_free(*x);
}

static void cleanup_key(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

void tls_done(struct tls_files *t)
{
    if (t->key.data)
        explicit_bzero(t->key.data, t->key.len);
    buf_done(&t->cert);
    buf_done(&t->key);
}

static int no_passphrase(char *out UNUSED, int size UNUSED, int writing UNUSED, void *u UNUSED)
{
    return -1;
}

static int check(const struct tls_files *t, const char *cert_path, const char *key_path,
                 struct err *err)
{
    __attribute__((cleanup(cleanup_bio))) BIO *cert_text =
        BIO_new_mem_buf(buf_str(&t->cert), (int)t->cert.len);
    __attribute__((cleanup(cleanup_bio))) BIO *key_text =
        BIO_new_mem_buf(buf_str(&t->key), (int)t->key.len);
    __attribute__((cleanup(cleanup_x509))) X509 *cert =
        cert_text ? PEM_read_bio_X509(cert_text, NULL, no_passphrase, NULL) : NULL;
    __attribute__((cleanup(cleanup_key))) EVP_PKEY *key =
        key_text ? PEM_read_bio_PrivateKey(key_text, NULL, no_passphrase, NULL) : NULL;

    if (!cert)
        return err_set(err, ERR_INVALID, "--tls-cert: %s is not a PEM certificate", cert_path);
    if (!key)
        return err_set(err, ERR_INVALID, "--tls-key: %s is not a PEM key without a passphrase",
                       key_path);
    if (X509_check_private_key(cert, key) != 1)
        return err_set(err, ERR_INVALID, "--tls-key: %s is not the key of %s", key_path, cert_path);
    return 0;
}

static void warn_if_open(const char *key_path)
{
    struct stat st;

    if (!stat(key_path, &st) && st.st_mode & (S_IRWXG | S_IRWXO) & ~S_IRGRP)
        log_warn("--tls-key: %s can be read by others", key_path);
}

int tls_read(const char *cert_path, const char *key_path, struct tls_files *out, struct err *err)
{
    AUTO(tls) struct tls_files t = { BUF_MAX(TLS_FILE_MAX), BUF_MAX(TLS_FILE_MAX) };

    if (io_read_file(cert_path, TLS_FILE_MAX, &t.cert, err))
        return err_wrap(err, "--tls-cert");
    if (io_read_file(key_path, TLS_FILE_MAX, &t.key, err))
        return err_wrap(err, "--tls-key");
    if (check(&t, cert_path, key_path, err))
        return -1;
    warn_if_open(key_path);
    *out = t;
    t = (struct tls_files){ 0 };
    return 0;
}
