/*
 * Numbers that may be used once: what makes a requestState single-use within this
 * process. Servers that share a key do not share this.
 */
#ifndef MCP_ONCE_H
#define MCP_ONCE_H

#include "base/err.h"
#include <stdint.h>

#define ONCE_SIZE 16            /* bytes of a number, random */
#define ONCE_MAX 16384          /* remembered at once */
#define ONCE_PER_PRINCIPAL 1024 /* of these, so that nobody takes all of them */

struct once;

int once_new(struct once **out, struct err *err) MUST_CHECK;
void once_free(struct once *once); /* NULL is fine */

/*
 * Any thread. 0 the first time, remembered until then (monotonic); ERR_CONFLICT when it was used,
 * ERR_RATE_LIMITED when there is no room to remember it.
 */
int once_use(struct once *once, const char *principal, const unsigned char number[ONCE_SIZE],
             int64_t until_ms, struct err *err) MUST_CHECK;

#endif
