#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    bool retryable;
} codes[ERR_CODE_COUNT] = {
    [ERR_NONE] = { "none", false },
    [ERR_INVALID] = { "invalid_argument", false },
    [ERR_NOT_FOUND] = { "not_found", false },
    [ERR_GONE] = { "gone", false },
    [ERR_DENIED] = { "denied", false },
    [ERR_UNAUTHORIZED] = { "unauthorized", false },
    [ERR_QUOTA] = { "quota", false },
    [ERR_RATE_LIMITED] = { "rate_limited", true },
    [ERR_TIMEOUT] = { "timeout", true },
    [ERR_BUSY] = { "busy", true },
    [ERR_UNSUPPORTED] = { "not_supported", false },
    [ERR_UNAVAILABLE] = { "unavailable", true },
    [ERR_CONFLICT] = { "conflict", false },
    [ERR_TOO_LARGE] = { "too_large", false },
    [ERR_ISOLATION] = { "isolation", false },
    [ERR_CANCELLED] = { "cancelled", false },
    [ERR_PROTOCOL] = { "internal", false },
    [ERR_INTERNAL] = { "internal", false },
    [ERR_INPUT] = { "input_required", false },
    [ERR_MODAL] = { "modal", false },
    [ERR_COVERED] = { "covered", false },
    [ERR_STALE] = { "stale_ref", false },
};

static const struct {
    int errnum;
    enum err_code code;
} errnos[] = {
    { ENOENT, ERR_NOT_FOUND },
    { ENOTDIR, ERR_NOT_FOUND },
    { EACCES, ERR_DENIED },
    { EPERM, ERR_DENIED },
    { EROFS, ERR_DENIED },
    { ENOSPC, ERR_QUOTA },
    { EDQUOT, ERR_QUOTA },
    { EMFILE, ERR_QUOTA },
    { ENFILE, ERR_QUOTA },
    { EEXIST, ERR_CONFLICT },
    { ENOTEMPTY, ERR_CONFLICT },
    { EFBIG, ERR_TOO_LARGE },
    { ENAMETOOLONG, ERR_INVALID },
    { EINVAL, ERR_INVALID },
    { EISDIR, ERR_INVALID },
    { ELOOP, ERR_INVALID },
    { ETIMEDOUT, ERR_TIMEOUT },
    { EAGAIN, ERR_BUSY },
    { ECONNREFUSED, ERR_UNAVAILABLE },
    { EPIPE, ERR_UNAVAILABLE },
    { ECONNRESET, ERR_UNAVAILABLE },
};

static enum err_code code_of(int errnum)
{
    for (size_t i = 0; i < COUNT_OF(errnos); i++)
        if (errnos[i].errnum == errnum)
            return errnos[i].code;
    return ERR_INTERNAL;
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -1;
    err->code = code;
    err->next[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    return -1;
}

int err_sys(struct err *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    char text[128];
    int n;

    if (!err)
        return -1;
    err->code = code_of(errnum);
    err->next[0] = '\0';
    va_start(ap, fmt);
    n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->msg))
        snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s",
                 strerror_r(errnum, text, sizeof(text)));
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[sizeof(err->msg)];
    va_list ap;
    int n;

    if (!err)
        return -1;
    memcpy(inner, err->msg, sizeof(inner));
    va_start(ap, fmt);
    n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n + 2 < sizeof(err->msg)) {
        memcpy(err->msg + n, ": ", 3);
        n += 2;
        memccpy(err->msg + n, inner, '\0', sizeof(err->msg) - (size_t)n);
        err->msg[sizeof(err->msg) - 1] = '\0';
    }
    return -1;
}

int err_next(struct err *err, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return -1;
    va_start(ap, fmt);
    vsnprintf(err->next, sizeof(err->next), fmt, ap);
    va_end(ap);
    return -1;
}

int err_oom(struct err *err)
{
    return err_set(err, ERR_INTERNAL, "out of memory");
}

const char *err_code_name(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? codes[code].name : "internal";
}

enum err_code err_code_from_name(const char *name)
{
    for (int i = 1; i < ERR_CODE_COUNT; i++)
        if (!strcmp(codes[i].name, name))
            return (enum err_code)i;
    return ERR_INTERNAL;
}

bool err_retryable(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT && codes[code].retryable;
}
