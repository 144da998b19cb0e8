/*
 * What somebody typed as an address, as the URL that a browser's address bar makes of it.
 */
#ifndef TOOLS_ADDRESS_H
#define TOOLS_ADDRESS_H

#include "base/buf.h"

#include <stdbool.h>

struct address {
    struct buf url; /* owned; initialised by address_parse() */
    bool guessed;   /* it had no scheme, or was relative */
    bool secure;    /* guessed to be https: http may be tried when that fails */
};
void address_done(struct address *a);

/*
 * "localhost:3000", "example.com/x" and "//host/x" get a scheme: http for this machine, for plain
 * IP addresses and where a port is named, https otherwise. "/x", "?x", "#x", "./x" are relative to
 * `base` (the page's URL, may be ""). What has a scheme stays as it is, whichever it is.
 * ERR_INVALID for the rest.
 */
int address_parse(const char *typed, const char *base, struct address *out,
                  struct err *err) MUST_CHECK;

/* The same address by http. */
int address_insecure(struct address *a, struct err *err) MUST_CHECK;

#endif
