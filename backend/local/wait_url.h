/*
 * A URL that somebody waits for, and what is said to its server.
 */
#ifndef BACKEND_LOCAL_WAIT_URL_H
#define BACKEND_LOCAL_WAIT_URL_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

struct wait_url {
    char host[256]; /* lower case, without brackets */
    uint16_t port;
    bool loopback; /* the sandbox itself */
};

/*
 * http://HOST[:PORT][/...] into out, and the bytes of a GET request into *request: for a loopback
 * one as its server takes it, else as a proxy does. ERR_INVALID, and ERR_UNSUPPORTED for https.
 */
int wait_url_parse(const char *url, struct wait_url *out, struct buf *request,
                   struct err *err) MUST_CHECK;

/* The status of an answer that begins with these bytes; 0: it is none of HTTP. */
int wait_url_status(const uint8_t *answer, size_t len);

#endif
