/*
 * URIs of resources: checked, and matched against templates (RFC 6570 level 2, of which
 * only {var} and {+path}). Knows no resource.
 */
#ifndef MCP_RESOURCE_URI_H
#define MCP_RESOURCE_URI_H

#include "mcp/args.h"
#include "mcp/resource.h"

/*
 * 0 when it is an absolute URI of RFC 3986 within RESOURCE_URI_MAX: a scheme, only the characters
 * allowed, percent signs followed by two hex digits, none of which stand for a control
 * character. ERR_INVALID otherwise.
 */
int resource_uri_check(const char *uri, size_t len, struct err *err) MUST_CHECK;

/* Values of a template's variables, in its order; zero it, resource_vars_done(). */
struct resource_vars {
    struct arg_pair pairs[RESOURCE_VARS_MAX]; /* names and values are in `space` */
    struct arg_map map;
    char *space;
};
void resource_vars_done(struct resource_vars *v);

/*
 * 1: matches, and *out is filled; 0: another kind of URI; -1: ERR_INVALID, it matches but for a
 * value that is refused (an encoded slash, a dot segment, malformed UTF-8). uri is checked.
 */
int resource_uri_match(const char *pattern, const char *uri, struct resource_vars *out,
                       struct err *err) MUST_CHECK;

/* True when the pattern has a variable of that name. */
bool resource_uri_has_var(const char *pattern, const char *name);

#endif
