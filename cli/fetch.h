/*
 * Gets one document over HTTP, again and again: the public keys of an issuer. transport/
 * knows no HTTP client; it is given these functions.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "base/buf.h"
#include "base/call.h"

struct fetcher;

/* https://, or http:// to this machine alone: whoever can change keys can make tokens. */
int fetcher_open(const char *url, struct fetcher **out, struct err *err) MUST_CHECK;
void fetcher_free(struct fetcher *f); /* NULL is fine */

/*
 * The body of a 200, at most text->max bytes of it; anything else is an error. Ends when the call
 * does. `fetcher` is a struct fetcher.
 */
int fetcher_get(void *fetcher, struct call *call, struct buf *text, struct err *err) MUST_CHECK;

#endif
