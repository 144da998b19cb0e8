/*
 * What a search for contents looks for: a text, or a PCRE2 expression (compiled to machine code
 * where the machine lets it). A compiled pattern is read-only and shared by threads; each has a
 * matcher of its own.
 */
#ifndef BACKEND_AGENT_SEARCH_PATTERN_H
#define BACKEND_AGENT_SEARCH_PATTERN_H

#include "backend/agent/file_error.h"
#include <stdbool.h>
#include <stddef.h>

struct search_pattern {
    void *code;       /* pcre2_code, or NULL: the text itself */
    const char *text; /* borrowed */
    size_t len;
    bool spans; /* can only match over a line's end */
};

struct search_matcher {
    void *data, *context, *stack; /* of PCRE2 */
};

enum search_found { SEARCH_NONE, SEARCH_FOUND, SEARCH_COSTLY };

/* -1 with *e filled when it cannot be compiled. */
int search_pattern_compile(struct search_pattern *p, const char *text, size_t len, bool literal,
                           bool icase, struct file_error *e);
void search_pattern_done(struct search_pattern *p);

bool search_matcher_init(struct search_matcher *m, const struct search_pattern *p);
void search_matcher_done(struct search_matcher *m);

/* First match at or behind `from`. COSTLY: it was given up, for the limits on PCRE2. */
enum search_found search_match(const struct search_pattern *p, struct search_matcher *m,
                               const char *text, size_t len, size_t from, size_t *start,
                               size_t *end);

#endif
