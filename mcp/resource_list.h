/*
 * One page of resources/list, and how an entry is written. Nobody but the router's files
 * includes this.
 */
#ifndef MCP_RESOURCE_LIST_H
#define MCP_RESOURCE_LIST_H

#include "mcp/resource.h"

struct resource_list {
    struct jw w;       /* where the page's entries go */
    const char *after; /* URI behind which the page begins; NULL: passed already */
    uint64_t skip;     /* entries to pass over */
    uint64_t seen;     /* entries so far, up to the last one of this page */
    size_t left;       /* room in this page */
    bool more;         /* there are entries behind this page */
    struct buf *last;  /* URI of the last entry of this page */
};

/* The members of one entry; `key` is "uri" or "uriTemplate". */
void resource_entry_write(struct jw *w, const char *key, const struct resource_entry *e);

#endif
