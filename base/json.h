/*
 * JSON helpers over yyjson. This header is where yyjson enters the tree: includers
 * may use yyjson_* readers directly.
 *
 * Reading is bounded: depth JSON_MAX_DEPTH, no duplicate keys, no lone surrogates, no NUL
 * in keys, no numbers beyond int64/uint64/double. A violation is ERR_INVALID.
 *
 * Writing is done by struct jw: it appends compact JSON to a struct buf and
 * remembers the first failure, so that callers check once at the end.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#define JSON_MAX_DEPTH 64

static inline void cleanup_yyjson_doc(yyjson_doc **doc)
{
    yyjson_doc_free(*doc);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_yyjson_doc)))

/* Parse one document; NULL and err on failure. The text may be freed afterwards. */
yyjson_doc *json_parse(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Member access that tolerates NULL and wrong types. */
const char *json_str(yyjson_val *obj, const char *key); /* NULL unless a string */
/* The same; NULL too if several members have that name: readers differ in which one they take. */
const char *json_sole_str(yyjson_val *obj, const char *key);
int64_t json_int(yyjson_val *obj, const char *key, int64_t otherwise);
bool json_bool(yyjson_val *obj, const char *key, bool otherwise);

struct jw {
    struct buf *out;
    struct err *err;
    bool failed;
    bool comma; /* the next value needs one before it */
};

#define JW(buffer, error)               \
    (struct jw)                         \
    {                                   \
        .out = (buffer), .err = (error) \
    }

void jw_obj(struct jw *w);  /* { */
void jw_end(struct jw *w);  /* } */
void jw_arr(struct jw *w);  /* [ */
void jw_aend(struct jw *w); /* ] */
void jw_key(struct jw *w, const char *key);

void jw_str(struct jw *w, const char *s);              /* NULL = null */
void jw_strn(struct jw *w, const char *s, size_t len); /* malformed UTF-8 becomes U+FFFD */
void jw_int(struct jw *w, int64_t v);
void jw_num(struct jw *w, double v); /* not finite = null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json, size_t len); /* one JSON value, trusted */
void jw_val(struct jw *w, yyjson_val *v);                /* a parsed value again; NULL = null */

/* key and value in one call */
void jw_kstr(struct jw *w, const char *key, const char *s);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_knum(struct jw *w, const char *key, double v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_kraw(struct jw *w, const char *key, const char *json);

/* 0, or -1 when anything failed (err is filled). */
int jw_done(struct jw *w) MUST_CHECK;

#endif
