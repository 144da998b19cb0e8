/*
 * When a file was changed, in milliseconds since 1970. A tmpfs takes any time at all: one beyond
 * 800,000 years from then is told as their end.
 */
#ifndef BACKEND_AGENT_FILE_TIME_H
#define BACKEND_AGENT_FILE_TIME_H

#include <stdint.h>
#include <sys/stat.h>

#define FILE_TIME_MAX_S (INT64_C(25) * 1000 * 1000 * 1000 * 1000)

static inline int64_t file_mtime_ms(const struct stat *st)
{
    int64_t s = st->st_mtim.tv_sec;

    s = s > FILE_TIME_MAX_S ? FILE_TIME_MAX_S : s < -FILE_TIME_MAX_S ? -FILE_TIME_MAX_S : s;
    return s * 1000 + st->st_mtim.tv_nsec / 1000000;
}

#endif
