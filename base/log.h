/*
 * One logfmt line per event, one write(2), to stderr: `ts=... level=... req=... event k=v`.
 *
 * Any thread. Control characters in values are blanked, so what a sandbox says
 * cannot forge a line; a line is at most 4 kB. Secrets are never passed here.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"
#include <stdint.h>

enum log_level {
    LOG_ERROR, /* an operator must act */
    LOG_WARN,  /* a call failed */
    LOG_INFO,  /* one line per call, and life cycle */
    LOG_DEBUG, /* everything else */
};

void log_set_level(enum log_level level);
int log_level_from_name(const char *name); /* -1 when unknown */
int log_enabled(enum log_level level);

/* The request this thread works for, shown in its lines; 0 = none. */
void log_set_request(uint64_t id);

void log_at(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                      \
    do {                                    \
        if (log_enabled(LOG_DEBUG))         \
            log_at(LOG_DEBUG, __VA_ARGS__); \
    } while (0)

#endif
