/*
 * Time. Deadlines are absolute monotonic milliseconds; 0 means "none" wherever a
 * deadline is passed.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_ISO_SIZE 32

int64_t clock_ms(void);      /* CLOCK_MONOTONIC, milliseconds */
int64_t clock_us(void);      /* CLOCK_MONOTONIC, microseconds */
int64_t clock_wall_ms(void); /* CLOCK_REALTIME, milliseconds since 1970 */

/* Milliseconds until the deadline for poll(2): -1 for none, 0 when it has passed. */
int clock_left(int64_t deadline_ms);

/* The earlier of two deadlines, where 0 is none. */
int64_t clock_earlier(int64_t a, int64_t b);

/* "2026-11-21T10:00:00.123Z" for a wall time; of the years 0001 to 9999, the end that is nearer to
 * one beyond them. Writes into and returns out. */
char *clock_iso(int64_t wall_ms, char out[CLOCK_ISO_SIZE]);

#endif
