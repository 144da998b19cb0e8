/*
 * What the files of args_bind() and schema_check() share; nobody else includes this.
 *
 * Every function that can fail does so by args_fail(), which names the place.
 */
#ifndef MCP_ARGS_PARTS_H
#define MCP_ARGS_PARTS_H

#include "mcp/args.h"

#define ARGS_SHOWN_MAX 48 /* bytes of a client's own words in an error */

/* One step from the arguments down to a value: a member, or with name NULL an item. */
struct args_place {
    const struct args_place *up; /* NULL: the arguments themselves */
    const char *name;
    size_t index;
};

struct binder {
    struct args_storage *storage;
    struct err *err;
};

/* Fresh memory for anything (aligned when align is 16), owned by the storage; NULL: no memory. */
void *args_alloc(struct binder *b, size_t size, size_t align);

/* "edits[2].count: ..." as ERR_INVALID; always -1. */
int args_fail(struct binder *b, const struct args_place *at, const char *fmt, ...) PRINTF(3, 4);

/* "must be WANTED, not a number", by what v is. */
int args_wrong_type(struct binder *b, const struct args_place *at, const char *wanted,
                    yyjson_val *v);

/* The start of s, without control characters. */
const char *args_shown(const char *s, char out[ARGS_SHOWN_MAX + 4]);

/* "a number", "null" */
const char *args_kind(yyjson_val *v);

/* The name is of the client, `at` is where it stands. */
int args_unknown(struct binder *b, const struct args_place *at, const struct arg_table *table,
                 const char *name);

int args_no_choice(struct binder *b, const struct args_place *at, const char *const *choices,
                   const char *given);

/* What was probably meant by a name: one of `names` that is spelled nearly so, or NULL. */
const char *args_nearest(const char *given, const char *const *names, size_t count);

/* A string with a length within min..max; a copy. */
int args_text(struct binder *b, const struct args_place *at, yyjson_val *v, size_t min, size_t max,
              const char **out) MUST_CHECK;

/* Index into the choices. */
int args_choice(struct binder *b, const struct args_place *at, const char *const *choices,
                yyjson_val *v, int *out) MUST_CHECK;

/* Bind v to a row of type STRING, INT, NUMBER, BOOL or ENUM; `to` is its member. */
int args_bind_scalar(struct binder *b, const struct args_place *at, const struct arg_row *row,
                     yyjson_val *v, void *to) MUST_CHECK;

/* The member's value when it was not given. */
void args_absent(const struct arg_row *row, void *to);

#endif
