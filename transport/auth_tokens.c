#include "transport/auth_tokens.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "mcp/scope.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)AUTH_TOKENS * (AUTH_TOKEN_MAX + 256))
#define DIGITS 16 /* of the digest, in a principal */

static const char token_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~+/=";
static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "._@-";

struct slice {
    const char *at;
    size_t len;
};

static bool only(struct slice s, const char *chars)
{
    for (size_t i = 0; i < s.len; i++)
        if (!s.at[i] || !strchr(chars, s.at[i]))
            return false;
    return true;
}

static int check_token(struct slice token, struct err *err)
{
    if (token.len < AUTH_TOKEN_MIN || token.len > AUTH_TOKEN_MAX)
        return err_set(err, ERR_INVALID, "a token has %d to %d characters, this one has %zu",
                       AUTH_TOKEN_MIN, AUTH_TOKEN_MAX, token.len);
    if (!only(token, token_chars))
        return err_set(err, ERR_INVALID, "a token holds letters, digits and -._~+/= only");
    return 0;
}

static void name_principal(struct auth_token *t, struct slice name)
{
    if (name.len && name.len <= AUTH_NAME_MAX && only(name, name_chars)) {
        snprintf(t->who.principal, sizeof(t->who.principal), "name:%.*s", (int)name.len, name.at);
        return;
    }
    for (size_t i = 0; i < DIGITS / 2; i++)
        snprintf(t->who.principal + 2 * i, 3, "%02x", t->digest[i]);
}

static int add(struct auth_tokens *t, struct slice name, unsigned scopes, struct slice token,
               struct err *err)
{
    struct auth_token *new = &t->known[t->count];
    const struct identity *before;

    if (t->count == AUTH_TOKENS)
        return err_set(err, ERR_QUOTA, "more than %d tokens", AUTH_TOKENS);
    if (check_token(token, err))
        return -1;
    if (!SHA256((const unsigned char *)token.at, token.len, new->digest))
        return err_set(err, ERR_INTERNAL, "SHA-256 failed");
    new->who.scopes = scopes;
    name_principal(new, name);
    before = auth_tokens_find(t, new->digest);
    if (!before)
        t->count++;
    else if (before->scopes != scopes || strcmp(before->principal, new->who.principal))
        return err_set(err, ERR_INVALID, "a token that another line gives to somebody else");
    return 0;
}

int auth_tokens_add(struct auth_tokens *t, const char *token, struct err *err)
{
    return add(t, (struct slice){ 0 }, scope_from_name("execute", 7),
               (struct slice){ token, strlen(token) }, err);
}

static struct slice trimmed(const char *at, size_t len)
{
    while (len && strchr(" \t\r", at[len - 1]))
        len--;
    while (len && strchr(" \t", *at)) {
        at++;
        len--;
    }
    return (struct slice){ at, len };
}

/* Splits off what is before the first colon; false when there is none. */
static bool field(struct slice *rest, struct slice *out)
{
    const char *colon = memchr(rest->at, ':', rest->len);

    if (!colon)
        return false;
    *out = (struct slice){ rest->at, (size_t)(colon - rest->at) };
    rest->len -= out->len + 1;
    rest->at = colon + 1;
    return true;
}

static int add_line(struct auth_tokens *t, struct slice line, struct err *err)
{
    struct slice name = { 0 }, words = { 0 };
    unsigned scopes = scope_from_name("execute", 7);

    if (!line.len || *line.at == '#')
        return 0;
    (void)field(&line, &name);
    if (field(&line, &words) && !scopes_from_text(words.at, words.len, ",", &scopes)) {
        err_set(err, ERR_INVALID, "its scopes are not of read, execute and admin");
        return err_next(err, "write TOKEN, NAME:TOKEN or NAME:SCOPES:TOKEN");
    }
    return add(t, name, scopes, line, err);
}

static void warn_when_readable(const char *path)
{
    struct stat st;

    if (!stat(path, &st) && (st.st_mode & (S_IRGRP | S_IROTH)))
        log_warn("token_file_readable_by_others path=%s", path);
}

int auth_tokens_read(struct auth_tokens *t, const char *path, struct err *err)
{
    AUTO(buf) struct buf text = BUF_MAX(FILE_MAX);
    unsigned number = 0;
    int r = 0;

    if (io_read_file(path, FILE_MAX, &text, err))
        return -1;
    for (const char *at = buf_str(&text), *end = at + text.len; at < end && !r;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        number++;
        if (add_line(t, trimmed(at, (size_t)(stop - at)), err))
            r = err_wrap(err, "%s, line %u", path, number);
        at = stop + 1;
    }
    if (text.data)
        explicit_bzero(text.data, text.len);
    if (!r && !t->count)
        return err_set(err, ERR_INVALID, "%s holds no token", path);
    if (!r)
        warn_when_readable(path);
    return r;
}

const struct identity *auth_tokens_find(const struct auth_tokens *t,
                                        const unsigned char digest[AUTH_DIGEST])
{
    const struct identity *who = NULL;

    for (size_t i = 0; i < t->count; i++)
        if (equal_constant_time(digest, t->known[i].digest, AUTH_DIGEST))
            who = &t->known[i].who;
    return who;
}
