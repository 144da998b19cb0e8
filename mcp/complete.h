/*
 * completion/complete: values that would fit an argument of a prompt or a variable of a
 * resource template.
 */
#ifndef MCP_COMPLETE_H
#define MCP_COMPLETE_H

#include "base/json.h"

#define COMPLETE_MAX 100        /* values in one answer */
#define COMPLETE_VALUE_MAX 4096 /* bytes of what was typed so far, and of a known argument */

/* Filled by who completes; the best value first. */
struct completion {
    struct buf values; /* comma-separated JSON strings */
    size_t count;      /* of values given, */
    int64_t total;     /* and of all there are; -1 unknown */
    bool has_more;
};

/* 0 also when the answer is full: has_more is then true. */
int complete_add(struct completion *out, const char *value, struct err *err) MUST_CHECK;

/* The same for those of a list that begin with `typed`; NULL-terminated, total is counted. */
int complete_choices(struct completion *out, const char *const *choices, const char *typed,
                     struct err *err) MUST_CHECK;

#endif
