/*
 * One try of one request, by libcurl, which is loaded by the first of them. Any number of
 * threads; connections are kept for the next ones.
 */
#ifndef BACKEND_REMOTE_HTTP_WIRE_H
#define BACKEND_REMOTE_HTTP_WIRE_H

#include "backend/remote/http.h"

struct http_wire;

struct http_try {
    const struct http_options *options;
    const struct http_request *req;
    const char *origin, *url;
    const char *key;          /* NULL: none */
    const char *certificates; /* file; NULL: the system's */
    bool own_authorization;   /* do not send the key as Authorization */
    struct call *call;        /* NULL: only the request's own timeout counts */
};

struct http_wire *http_wire_new(void);    /* NULL without memory */
void http_wire_free(struct http_wire *w); /* NULL is fine */

int http_wire_try(struct http_wire *w, const struct http_try *try, struct http_response *resp,
                  struct err *err) MUST_CHECK;

#endif
