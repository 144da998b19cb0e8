/*
 * The records of a results pipe (backend/wire.h), read with suspicion.
 */
#ifndef BACKEND_LOCAL_RECORDS_H
#define BACKEND_LOCAL_RECORDS_H

#include "backend/results.h"

/* A cursor over bytes; any read past the end, or a length that lies, sets bad for good. */
struct records {
    const uint8_t *at, *end;
    const uint8_t *record_end;
    bool bad;
};

struct records records_over(const void *data, size_t len);

/* The next record's kind, 0 at the end or when bad. */
char records_next(struct records *r);

int64_t records_i64(struct records *r);
char records_char(struct records *r);

/* A copy without NULs, NULL when bad or out of memory; the caller frees it. */
char *records_str(struct records *r);

/* All fields of the record were read and nothing is left of it. */
bool records_done(const struct records *r);

#endif
