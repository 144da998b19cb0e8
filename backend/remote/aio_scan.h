/*
 * A filter over a JSON text that arrives in pieces cut anywhere: the values of "stdout" and
 * "stderr" go to their streams, decoded, and everything else into a small buffer, where they
 * are empty strings. So a reply of any size needs little memory.
 */
#ifndef BACKEND_REMOTE_AIO_SCAN_H
#define BACKEND_REMOTE_AIO_SCAN_H

#include "backend/remote/http.h"

#define AIO_SCAN_REST_MAX (2 * 1024 * 1024)

struct aio_scan {
    struct http_sink sink; /* first */
    /* stream 0 stdout, 1 stderr; UTF-8, except that halves of surrogate pairs became U+FFFD. */
    void (*text)(struct aio_scan *s, int stream, const char *data, size_t len);
    void (*restart)(struct aio_scan *s); /* what comes now begins from the start again */
    struct buf rest;

    enum { SCAN_OUTSIDE, SCAN_KEY, SCAN_VALUE } state; /* in which kind of string, if any */
    bool escaped, expecting_value;
    int stream; /* of the string we are in; -1: none */
    char key[8];
    size_t key_len; /* beyond sizeof(key): another one */
    char hex[4];
    int hex_len;   /* -1: not in \uXXXX */
    unsigned high; /* first half of a surrogate pair; 0 none */
    char out[512]; /* decoded, not handed on yet */
    size_t out_len;
};

void aio_scan_init(struct aio_scan *s);
void aio_scan_done(struct aio_scan *s);

#endif
