/*
 * From JSON arguments to the generated argument structs, and nothing else decides
 * what a tool accepts.
 *
 * Binding rejects unknown arguments naming the accepted ones, coerces exactly these slips
 * ("5" for 5, "true" for true, 644 for "0644" where the row says ARG_OCTAL, 9 for "KILL" where it
 * says ARG_SIGNAL), applies defaults, and names the field and the bound in each error:
 * "edits[2].count: -1 is not within 0..100000".
 *
 * Layout of a generated struct, by row type (`offset` is where it starts):
 *   ARG_STRING   const char *x;            absent: NULL or the default
 *   ARG_INT      int64_t x;                absent: the default or 0; bool has_x when has_offset > 0
 *   ARG_NUMBER   double x;                 same
 *   ARG_BOOL     bool x;                   same
 *   ARG_ENUM     int x;                    index into `choices`; absent: the default's index or -1
 *   ARG_STRINGS  struct arg_strings x;
 *   ARG_MAP      struct arg_map x;         string to string
 *   ARG_OBJECT   struct <nested> x;        rows in `nested`; bool has_x
 *   ARG_OBJECTS  struct { <nested> *items; size_t count; } x, read through struct arg_objects
 * Strings and arrays live in the struct args_storage given to args_bind().
 */
#ifndef MCP_ARGS_H
#define MCP_ARGS_H

#include "base/json.h"

enum arg_type {
    ARG_STRING,
    ARG_INT,
    ARG_NUMBER,
    ARG_BOOL,
    ARG_ENUM,
    ARG_STRINGS,
    ARG_MAP,
    ARG_OBJECT,
    ARG_OBJECTS,
};

#define ARG_REQUIRED (1u << 0)
#define ARG_OCTAL (1u << 1)  /* string; an integer is taken as its decimal digits: 644 = "0644" */
#define ARG_SIGNAL (1u << 2) /* string; an integer is a signal number: 9 = "9" */

struct arg_table;

struct arg_row {
    const char *name;
    enum arg_type type;
    unsigned flags;
    size_t offset, has_offset;  /* has_offset 0: no has_ member (offset 0 is never a has_ member) */
    double min, max;            /* numbers; INT64 bounds are given as doubles within 2^53 */
    size_t min_len, max_len;    /* strings: bytes; arrays and maps: elements */
    size_t item_min, item_max;  /* bytes of each string in an array or map */
    const char *default_string; /* ARG_STRING */
    double default_number;      /* ARG_INT, ARG_NUMBER, ARG_BOOL, ARG_ENUM (index) */
    bool has_default;
    const char *const *choices; /* ARG_ENUM, and ARG_STRINGS whose items are; NULL-terminated */
    const struct arg_table *nested;
};

struct arg_table {
    const struct arg_row *rows;
    size_t count, struct_size;
};

struct arg_strings {
    const char *const *items;
    size_t count;
};

struct arg_pair {
    const char *name, *value;
};

struct arg_map {
    const struct arg_pair *items;
    size_t count;
};

struct arg_objects {
    void *items;
    size_t count;
};

/* Owns what a bound struct points to. Zero it, bind once, args_storage_done(). */
struct args_storage {
    struct args_chunk *chunks;
};
void args_storage_done(struct args_storage *s);

/*
 * Fill out (table->struct_size bytes, zeroed by the call) from args: a JSON object, or
 * NULL for {}. ERR_INVALID names the field. Text is copied: the document may be freed.
 */
int args_bind(const struct arg_table *table, yyjson_val *args, void *out,
              struct args_storage *storage, struct err *err) MUST_CHECK;

#endif
