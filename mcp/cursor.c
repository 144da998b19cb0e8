#include "mcp/cursor.h"

#include "base/clock.h"

#include <string.h>

/* The method and the principal, told apart by a NUL that neither holds. */
static int bind(struct buf *bound, const char *method, const char *principal, struct err *err)
{
    return buf_add(bound, method, strlen(method) + 1, err) || buf_adds(bound, principal, err) ? -1
                                                                                              : 0;
}

int cursor_make(const struct sealed_key *key, const char *method, const char *principal,
                uint64_t count, const char *last, struct buf *out, struct err *err)
{
    AUTO(buf) struct buf bound = BUF_MAX(4096), payload = BUF_MAX(CURSOR_MAX / 2 + 32);

    if (bind(&bound, method, principal, err) ||
        buf_addf(&payload, err, "%llu ", (unsigned long long)count) ||
        buf_adds(&payload, last, err))
        return -1;
    return sealed_make(
        key,
        &(struct sealed_use){ .kind = SEALED_CURSOR, .bound = bound.data, .bound_len = bound.len },
        clock_wall_ms() + CURSOR_TTL_MS, payload.data, payload.len, out, err);
}

int cursor_read(const struct sealed_key *key, const char *method, const char *principal,
                yyjson_val *v, struct cursor *out, struct err *err)
{
    AUTO(buf) struct buf bound = BUF_MAX(4096), payload = BUF_MAX(CURSOR_MAX);
    struct err why = { 0 };
    char *end = NULL;

    *out = (struct cursor){ .last = BUF_MAX(CURSOR_MAX) };
    if (!v || yyjson_is_null(v))
        return 0;
    if (!yyjson_is_str(v) || yyjson_get_len(v) > CURSOR_MAX)
        return err_set(err, ERR_INVALID, "invalid cursor");
    if (bind(&bound, method, principal, err))
        return -1;
    if (sealed_open(key,
                    &(struct sealed_use){
                        .kind = SEALED_CURSOR, .bound = bound.data, .bound_len = bound.len },
                    yyjson_get_str(v), yyjson_get_len(v), &payload, &why))
        return err_set(err, ERR_INVALID, "invalid cursor%s",
                       why.code == ERR_GONE ? ": it has expired" : "");
    out->count = strtoull(buf_str(&payload), &end, 10);
    if (*end != ' ' || !out->count)
        return err_set(err, ERR_INVALID, "invalid cursor");
    return buf_adds(&out->last, end + 1, err);
}
