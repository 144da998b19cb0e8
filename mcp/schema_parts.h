/*
 * What the files of schema_check() share; nobody else includes this.
 *
 * Every function that can fail does so by args_fail(), which names the place, or by
 * judge_stop(). Costs are counted so that no schema and no value can hold a thread for long.
 */
#ifndef MCP_SCHEMA_PARTS_H
#define MCP_SCHEMA_PARTS_H

#include "mcp/args_parts.h"
#include "mcp/schema.h"

struct judge {
    yyjson_val *root;
    struct binder say; /* its err is NULL while alternatives are tried */
    size_t steps;
    unsigned depth;
    const char *stopped; /* why no verdict was reached */
};

/* 0, or -1 after saying why the value does not fit (or stopping). */
int judge_value(struct judge *j, yyjson_val *schema, yyjson_val *v, const struct args_place *at);

/* So much work is about to be done; -1: it would be too much. */
int judge_pay(struct judge *j, size_t steps);

/* A keyword: judge v by its value `arg`; `schema` is what it stands in. */
typedef int judge_fn(struct judge *j, yyjson_val *schema, yyjson_val *arg, yyjson_val *v,
                     const struct args_place *at);

/* What stands behind a keyword. */
enum schema_arg {
    SCHEMA_NOTE,        /* anything: it judges nothing */
    SCHEMA_ONE,         /* a schema */
    SCHEMA_LIST,        /* array of schemas, not empty */
    SCHEMA_MAP,         /* object of schemas */
    SCHEMA_NAMES,       /* array of different strings */
    SCHEMA_VALUES,      /* array, not empty */
    SCHEMA_COUNT,       /* integer from 0 on */
    SCHEMA_NUMBER,      /* number */
    SCHEMA_FLAG,        /* boolean */
    SCHEMA_TYPES,       /* name of a type, or array of such */
    SCHEMA_REF,         /* string that refers to a schema of this document */
    SCHEMA_ANCHOR,      /* string */
    SCHEMA_DIALECT_ARG, /* the one dialect, at the root */
};

struct schema_keyword {
    const char *name;
    enum schema_arg arg;
    judge_fn *judge; /* NULL: judges nothing by itself */
};

/* NULL when it is not known. */
const struct schema_keyword *schema_keyword(yyjson_val *key);

/* The schema that a $ref means; NULL: none of this document. *cost: steps it took. */
yyjson_val *schema_resolve(yyjson_val *root, yyjson_val *ref, size_t *cost);

/* True when a type has that name ("integer"), and *is says whether v is of it. */
bool schema_type(const char *name, yyjson_val *v, bool *is);

/* Equal as JSON: 1 and 1.0 are, and members are in any order. -1: too costly. */
int judge_equal(struct judge *j, yyjson_val *a, yyjson_val *b, bool *equal);

judge_fn judge_type, judge_enum, judge_const, judge_number, judge_length, judge_size,
    judge_properties, judge_additional, judge_required, judge_items, judge_unique, judge_ref,
    judge_all, judge_any, judge_one, judge_not, judge_if;

#endif
