/*
 * The base URL of a service, taken apart: scheme://[user@]host[:port][/prefix][?query].
 */
#ifndef BACKEND_REMOTE_HTTP_URL_H
#define BACKEND_REMOTE_HTTP_URL_H

#include "backend/remote/http.h"

#define HTTP_URL_MAX 65536 /* of a whole URL */

struct http_url {
    char *base;   /* up to and without the prefix's last '/' */
    char *query;  /* without '?'; NULL none */
    char *origin; /* for people: no user */
};

/* ERR_INVALID says what is wrong; *out is filled on success. */
int http_url_parse(const char *text, struct http_url *out, struct err *err) MUST_CHECK;
void http_url_done(struct http_url *u);

/* Append the URL of a request. */
int http_url_make(struct buf *out, const struct http_url *u, const struct http_request *req,
                  struct err *err) MUST_CHECK;

#endif
