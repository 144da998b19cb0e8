#include "backend/remote/http_key.h"
#include "base/buf.h"
#include "base/io.h"

#include <string.h>

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static int checked_copy(const char *text, size_t len, char **out, struct err *err)
{
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    while (len && strchr(" \t\r\n", *text)) {
        text++;
        len--;
    }
    if (!len || len > HTTP_KEY_MAX)
        return err_set(err, ERR_INVALID, "the key is %s", len ? "too long" : "empty");
    for (size_t i = 0; i < len; i++)
        if (text[i] <= 0x20 || text[i] == 0x7f)
            return err_set(err, ERR_INVALID,
                           "the key must be one line of printable ASCII characters");
    *out = strndup(text, len);
    return *out ? 0 : err_oom(err);
}

static int read_key(const char *file, char **out, struct err *err)
{
    struct buf b = BUF_MAX(HTTP_KEY_MAX + 64);
    int r = io_read_file(file, HTTP_KEY_MAX + 32, &b, err);

    if (!r)
        r = checked_copy(buf_str(&b), b.len, out, err);
    if (b.data)
        explicit_bzero(b.data, b.len);
    buf_done(&b);
    return r ? err_wrap(err, "key file %s", file) : 0;
}

int http_key_init(struct http_key *k, const char *text, const char *file, struct err *err)
{
    *k = (struct http_key){ .lock = PTHREAD_MUTEX_INITIALIZER, .file = file };
    if (file)
        return read_key(file, &k->text, err);
    return text && *text ? checked_copy(text, strlen(text), &k->text, err) : 0;
}

void http_key_done(struct http_key *k)
{
    wipe(TAKE(k->text));
}

int http_key_copy(struct http_key *k, char **out, struct err *err)
{
    bool failed;

    pthread_mutex_lock(&k->lock);
    *out = k->text ? strdup(k->text) : NULL;
    failed = k->text && !*out;
    pthread_mutex_unlock(&k->lock);
    return failed ? err_oom(err) : 0;
}

void http_key_forget(char *copy)
{
    wipe(copy);
}

bool http_key_renew(struct http_key *k, const char *used)
{
    char *fresh = NULL;
    bool other;

    if (!k->file || read_key(k->file, &fresh, NULL))
        return false;
    pthread_mutex_lock(&k->lock);
    wipe(k->text);
    k->text = fresh;
    other = !used || strcmp(used, fresh);
    pthread_mutex_unlock(&k->lock);
    return other;
}

bool http_key_is_jwt(const char *key)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    if (strncmp(key, "ey", 2))
        return false;
    for (int part = 0; part < 3; part++) {
        size_t n = strspn(key, alphabet);
        if (!n || key[n] != (part < 2 ? '.' : '\0'))
            return false;
        key += n + 1;
    }
    return true;
}
