/*
 * How fast each principal may ask: a token bucket for each, made full. Any thread.
 *
 * At most LIMIT_PRINCIPALS are remembered; who has not asked for longest is forgotten, which fills
 * his bucket.
 */
#ifndef TRANSPORT_LIMIT_H
#define TRANSPORT_LIMIT_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define LIMIT_PRINCIPALS 4096
#define LIMIT_RATE_MAX 1e6

struct limit_rate {
    double per_s; /* 0: no limit */
    double burst; /* at least 1 */
};

/* "N/s" or "N/s:BURST"; N may have a fraction. BURST is N without it, at least 1. */
int limit_parse(const char *text, struct limit_rate *out, struct err *err) MUST_CHECK;

struct limit;

int limit_new(const struct limit_rate *rate, struct limit **out, struct err *err) MUST_CHECK;
void limit_free(struct limit *l); /* NULL is fine */

/* 0: go on (also when l is NULL); else the milliseconds after which it is worth a try. */
int64_t limit_take(struct limit *l, const char *principal, int64_t now_us);

#endif
