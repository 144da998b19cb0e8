#include "base/log.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level threshold = LOG_WARN;
static _Thread_local uint64_t request;
static const char *const names[] = { "error", "warn", "info", "debug" };

void log_set_level(enum log_level level)
{
    threshold = level;
}

int log_level_from_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (!strcmp(names[i], name))
            return (int)i;
    return -1;
}

int log_enabled(enum log_level level)
{
    return level <= threshold;
}

void log_set_request(uint64_t id)
{
    request = id;
}

static size_t clip(int n, size_t room)
{
    if (n < 0)
        return 0;
    return (size_t)n < room ? (size_t)n : room - 1;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    char line[4096], ts[CLOCK_ISO_SIZE];
    size_t len, max = sizeof(line) - 1;
    va_list ap;

    if (!log_enabled(level))
        return;
    len = clip(snprintf(line, max, "ts=%s level=%s ", clock_iso(clock_wall_ms(), ts), names[level]),
               max);
    if (request)
        len += clip(snprintf(line + len, max - len, "req=%llu ", (unsigned long long)request),
                    max - len);
    va_start(ap, fmt);
    len += clip(vsnprintf(line + len, max - len, fmt, ap), max - len);
    va_end(ap);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[len++] = '\n';
    (void)!write(STDERR_FILENO, line, len);
}
