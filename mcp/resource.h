/*
 * What clients can read by URI: tables and functions that a provider brings. The router
 * knows the methods (resources/list, resources/templates/list, resources/read); what a URI stands
 * for is the provider's business.
 *
 * read, list and complete run on a worker: they may block, watch call->call, and may ask() before
 * they act. They are named in their tables, so one URI is read by exactly one function: a fixed
 * resource by its own URI, else the first template that matches, else there is no such resource.
 *
 * Errors of read: ERR_NOT_FOUND and ERR_GONE are "Resource not found" to the client, whoever may
 * have it; ERR_INVALID is -32602; everything else -32603 with "code: message. Next: hint.".
 */
#ifndef MCP_RESOURCE_H
#define MCP_RESOURCE_H

#include "mcp/complete.h"
#include "mcp/tool.h"

#define RESOURCE_URI_MAX 8000 /* bytes, percent-encoded */
#define RESOURCE_VARS_MAX 8   /* variables of one template */
#define RESOURCE_PAGE 100     /* entries of a page of resources/list, when not configured */

/* Strings may be NULL but for uri and name. */
struct resource_entry {
    const char *uri; /* RFC 3986, with a scheme */
    const char *name, *title, *description, *mime;
    int64_t size; /* bytes; 0: not said */
};

/* Always there, the same for every caller. */
struct resource_def {
    struct resource_entry entry;
    int (*read)(struct tool_call *call, const char *uri, struct err *err);
};

/*
 * `entry.uri` is an RFC 6570 template of literals, {var} (one path segment or part of one, no '/')
 * and, at its end, {+path} (as many segments as there are, a leading '/' is kept). Values are
 * decoded once and are valid UTF-8 without control characters; a path has no ".", ".." or empty
 * segment.
 */
struct resource_template {
    struct resource_entry entry;
    int (*read)(struct tool_call *call, const char *uri, const struct arg_map *vars,
                struct err *err);
    /* NULL: nothing to suggest. `known`: variables that were filled in before. */
    int (*complete)(struct tool_call *call, const char *variable, const char *value,
                    const struct arg_map *known, struct completion *out, struct err *err);
};

struct resource_list;

struct resource_provider {
    const struct resource_def *fixed;          /* ended by a NULL uri; NULL none */
    const struct resource_template *templates; /* same */
    /* What this caller has beside the fixed ones: resource_list_add() for each, in an order that
     * stays the same. NULL: nothing. */
    int (*list)(struct tool_call *call, struct resource_list *list, struct err *err);
};

/* Strings are copied into the answer. 0 also when the entry is of another page. */
int resource_list_add(struct resource_list *list, const struct resource_entry *entry,
                      struct err *err) MUST_CHECK;

/*
 * One item of the contents. mime may be NULL. Text may be any bytes, malformed UTF-8 is replaced.
 * ERR_TOO_LARGE when all of it does not fit into one answer.
 */
int resource_text(struct tool_call *call, const char *uri, const char *mime, const char *text,
                  size_t len, struct err *err) MUST_CHECK;
int resource_blob(struct tool_call *call, const char *uri, const char *mime, const void *data,
                  size_t len, struct err *err) MUST_CHECK;

#endif
