/*
 * What the sandbox's network policy has to do with a page that did not come.
 */
#ifndef TOOLS_DENIED_H
#define TOOLS_DENIED_H

#include "tools/browsing.h"

/* A navigation to `url` (NULL: not known), begun at since_ms, failed with *err, which says why if
 * the policy was it. Always -1. */
int denied_explain(struct browsing *b, int64_t since_ms, const char *url, struct err *err);

/* It went well: -1, and ERR_DENIED, when what came is the refusal of the policy itself. */
int denied_check(struct browsing *b, int64_t since_ms, const struct page_went *went,
                 struct err *err) MUST_CHECK;

#endif
