#include "transport/auth.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DIGEST 32
#define PRINCIPAL 16
#define FILE_MAX ((size_t)AUTH_TOKENS * (AUTH_TOKEN_MAX + 128))

struct known {
    unsigned char digest[DIGEST];
    char principal[PRINCIPAL + 1];
};

struct auth {
    EVP_MD *sha256;
    char *generated;
    size_t count;
    struct known known[AUTH_TOKENS];
};
DEFINE_AUTO_PTR(auth, auth_free);

static const char token_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~+/=";

static bool digest(const struct auth *auth, const char *token, size_t len,
                   unsigned char out[DIGEST])
{
    return EVP_Digest(token, len, out, NULL, auth->sha256, NULL) == 1;
}

static int add(struct auth *auth, const char *token, size_t len, struct err *err)
{
    struct known *k = &auth->known[auth->count];

    if (auth->count == AUTH_TOKENS)
        return err_set(err, ERR_QUOTA, "more than %d tokens", AUTH_TOKENS);
    if (len < AUTH_TOKEN_MIN || len > AUTH_TOKEN_MAX)
        return err_set(err, ERR_INVALID, "a token has %d to %d characters, this one has %zu",
                       AUTH_TOKEN_MIN, AUTH_TOKEN_MAX, len);
    for (size_t i = 0; i < len; i++)
        if (!token[i] || !strchr(token_chars, token[i]))
            return err_set(err, ERR_INVALID, "a token holds letters, digits and -._~+/= only");
    if (!digest(auth, token, len, k->digest))
        return err_set(err, ERR_INTERNAL, "SHA-256 failed");
    for (size_t i = 0; i < PRINCIPAL / 2; i++)
        snprintf(k->principal + 2 * i, 3, "%02x", k->digest[i]);
    auth->count++;
    return 0;
}

static int auth_new(struct auth **out, struct err *err)
{
    AUTO_PTR(auth) struct auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return err_oom(err);
    auth->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!auth->sha256)
        return err_set(err, ERR_INTERNAL, "SHA-256 is not available");
    *out = TAKE(auth);
    return 0;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    if (auth->generated) {
        explicit_bzero(auth->generated, strlen(auth->generated));
        free(auth->generated);
    }
    EVP_MD_free(auth->sha256);
    free(auth);
}

int auth_from_token(const char *token, struct auth **out, struct err *err)
{
    AUTO_PTR(auth) struct auth *auth = NULL;

    if (auth_new(&auth, err) || add(auth, token, strlen(token), err))
        return -1;
    *out = TAKE(auth);
    return 0;
}

static int add_line(struct auth *auth, const char *line, size_t len, struct err *err)
{
    const char *colon;

    while (len && strchr(" \t\r", line[len - 1]))
        len--;
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    if (!len || *line == '#')
        return 0;
    colon = memchr(line, ':', len);
    if (colon) {
        len -= (size_t)(colon + 1 - line);
        line = colon + 1;
    }
    return add(auth, line, len, err);
}

static void warn_when_readable(const char *path)
{
    struct stat st;

    if (!stat(path, &st) && (st.st_mode & (S_IRGRP | S_IROTH)))
        log_warn("token_file_readable_by_others path=%s", path);
}

int auth_from_file(const char *path, struct auth **out, struct err *err)
{
    AUTO_PTR(auth) struct auth *auth = NULL;
    AUTO(buf) struct buf text = BUF_MAX(FILE_MAX);
    unsigned number = 0;

    if (auth_new(&auth, err) || io_read_file(path, FILE_MAX, &text, err))
        return -1;
    for (const char *at = buf_str(&text), *end = at + text.len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        number++;
        if (add_line(auth, at, (size_t)(stop - at), err))
            return err_wrap(err, "%s, line %u", path, number);
        at = stop + 1;
    }
    if (text.data)
        explicit_bzero(text.data, text.len);
    if (!auth->count)
        return err_set(err, ERR_INVALID, "%s holds no token", path);
    warn_when_readable(path);
    *out = TAKE(auth);
    return 0;
}

int auth_generate(struct auth **out, struct err *err)
{
    AUTO_PTR(auth) struct auth *auth = NULL;
    unsigned char raw[32];
    char *token;

    if (auth_new(&auth, err))
        return -1;
    token = auth->generated = malloc(2 * sizeof(raw) + 1);
    if (!token)
        return err_oom(err);
    random_bytes(raw, sizeof(raw));
    for (size_t i = 0; i < sizeof(raw); i++)
        snprintf(token + 2 * i, 3, "%02x", raw[i]);
    if (add(auth, token, strlen(token), err))
        return -1;
    *out = TAKE(auth);
    return 0;
}

const char *auth_generated(const struct auth *auth)
{
    return auth->generated;
}

/* The token in `Bearer TOKEN`; NULL when it is something else. */
static const char *bearer(const char *value, size_t *len)
{
    if (strncasecmp(value, "Bearer", 6) || (value[6] != ' ' && value[6] != '\t'))
        return NULL;
    value += 6 + strspn(value + 6, " \t");
    *len = strlen(value);
    while (*len && strchr(" \t", value[*len - 1]))
        --*len;
    return value;
}

const char *auth_principal(const struct auth *auth, const char *authorization)
{
    unsigned char got[DIGEST];
    const char *principal = NULL, *token;
    size_t len;

    if (!authorization)
        return NULL;
    token = bearer(authorization, &len);
    if (!token || len > AUTH_TOKEN_MAX || !digest(auth, token, len, got))
        return NULL;
    for (size_t i = 0; i < auth->count; i++)
        if (equal_constant_time(got, auth->known[i].digest, DIGEST))
            principal = auth->known[i].principal;
    return principal;
}
