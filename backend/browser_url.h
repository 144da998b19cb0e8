/*
 * The browser at --browser-cdp-url, which every backend uses instead of its own.
 */
#ifndef BACKEND_BROWSER_URL_H
#define BACKEND_BROWSER_URL_H

#include "backend/backend.h"

/* ERR_INVALID when the configured URL is none; nothing is sent. 0 without one. */
int browser_url_check(const struct backend_config *config, struct err *err) MUST_CHECK;

/* As browser_ops.connect. http:// and https:// are asked for their /json/version. */
int browser_url_connect(struct sandbox *sb, struct call *call, struct browser_link *out,
                        struct err *err) MUST_CHECK;

#endif
