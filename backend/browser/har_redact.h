/*
 * Texts of the network without the secrets that are known by their names. Each appends to `out`
 * what it was given, with `mask` in the place of each such value.
 */
#ifndef BACKEND_BROWSER_HAR_REDACT_H
#define BACKEND_BROWSER_HAR_REDACT_H

#include "base/buf.h"
#include <stdbool.h>

/* "authorization", "X-Api-Key", "access_token", "password", ...: of a header, parameter, member. */
bool redact_is_secret(const char *name, size_t len);

/* The value of a header: of cookies only their values, of credentials all but the scheme; of
 * addresses (location, referer) what redact_url() does. */
int redact_header(struct buf *out, const char *name, const char *value, const char *mask,
                  struct err *err) MUST_CHECK;

/* Secret parameters of the query and of the fragment, and what is before the host. */
int redact_url(struct buf *out, const char *url, const char *mask, struct err *err) MUST_CHECK;

/* Members of JSON and parameters of forms; mime may be "". Other text only in these shapes. */
int redact_body(struct buf *out, const char *text, size_t len, const char *mime, const char *mask,
                struct err *err) MUST_CHECK;

#endif
