/*
 * The secret a service knows us by. Has no printer. Any thread.
 */
#ifndef BACKEND_REMOTE_HTTP_KEY_H
#define BACKEND_REMOTE_HTTP_KEY_H

#include "base/err.h"
#include <pthread.h>

#define HTTP_KEY_MAX 16384

struct http_key {
    pthread_mutex_t lock;
    char *text;       /* NULL: none */
    const char *file; /* NULL: it cannot change */
};

/* From the file when there is one, else from text; either may be NULL. One line of printable
 * characters, ERR_INVALID otherwise. */
int http_key_init(struct http_key *k, const char *text, const char *file,
                  struct err *err) MUST_CHECK;
void http_key_done(struct http_key *k);

/* *out is NULL without a key; give it to http_key_forget(). */
int http_key_copy(struct http_key *k, char **out, struct err *err) MUST_CHECK;
void http_key_forget(char *copy);

/* Read the file again. True when the key is another one than `used` now. */
bool http_key_renew(struct http_key *k, const char *used);

/* Three base64url parts, the first an object. */
bool http_key_is_jwt(const char *key);

#endif
