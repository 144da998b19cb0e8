/*
 * Why no document came, in words that can be acted on.
 */
#ifndef BACKEND_BROWSER_NET_ERROR_H
#define BACKEND_BROWSER_NET_ERROR_H

#include "base/err.h"

/* error: "net::ERR_...". url may be NULL. Returns -1. */
int net_error(const char *error, const char *url, struct err *err);

#endif
