/*
 * Mcp-Param-* headers: a property whose schema says "x-mcp-header": "Region" is repeated by
 * a modern HTTP client in the header Mcp-Param-Region, and the two must agree.
 */
#ifndef MCP_PARAM_HEADER_H
#define MCP_PARAM_HEADER_H

#include "base/json.h"

#define PARAM_HEADER_PREFIX "Mcp-Param-"
#define PARAM_HEADERS_MAX 32   /* of one request; those behind are as if not sent */
#define PARAM_HEADER_MAX 65536 /* bytes that one stands for */

/* A property of a tool, generated. */
struct param_header {
    const char *name;        /* behind the prefix, e.g. "Region" */
    const char *const *path; /* names of members down to it, ended by NULL */
};

/* A header of a request: name is behind the prefix, the value is without blanks around it. */
struct param_given {
    const char *name, *value;
    size_t len;
};

/*
 * 0, or ERR_INVALID naming the header that is missing, repeated, malformed or different. Headers of
 * no property, or of one that was not given, do not matter; neither do arguments that are objects
 * or arrays. `wanted` ends with a NULL name.
 */
int param_headers_check(const struct param_header *wanted, yyjson_val *arguments,
                        const struct param_given *given, size_t count, struct err *err) MUST_CHECK;

/*
 * The text that a header's value stands for: itself, or what "=?base64?...?=" encodes, put
 * into `space`. NULL: characters that no header may have, wrong Base64, not UTF-8.
 */
const char *param_header_text(const char *value, size_t len, struct buf *space, size_t *text_len);

#endif
