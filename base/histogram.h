/*
 * How long things took, in buckets. Zeroed, it is empty. Any thread adds and reads; a reader
 * may see a value that is in a bucket and not yet in the sum.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 17

struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last one: longer than every bound */
    _Atomic uint64_t sum_us;
};

/* Upper bounds in microseconds, ascending; a value equal to one is within it. */
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS];

void histogram_add(struct histogram *h, int64_t us); /* less than 0 counts as 0 */

#endif
