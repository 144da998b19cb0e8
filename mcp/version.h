/*
 * The revisions of the protocol. Whatever differs between them is a column here, and
 * nowhere else is a revision asked for its name.
 */
#ifndef MCP_VERSION_H
#define MCP_VERSION_H

#include "base/buf.h"
#include <stdbool.h>

/* What an entry of tools/list holds. */
enum list_form {
    LIST_BARE,      /* name, description, inputSchema */
    LIST_ANNOTATED, /* and annotations, with the title in them */
    LIST_FULL,      /* and title, outputSchema */
    LIST_MODERN,    /* the same, in a result with caching hints */
    LIST_FORM_COUNT
};

struct revision {
    const char *name;
    bool modern;          /* no handshake: every request says its revision in _meta */
    bool http_batch;      /* arrays of messages over HTTP */
    bool stdio_batch;     /* arrays of messages over stdio */
    bool primes;          /* event streams begin with an empty event that has an id */
    bool null_id;         /* an answer to an unreadable id has "id":null instead of none */
    bool structured;      /* structuredContent in results */
    bool progress_msg;    /* `message` in progress notifications */
    bool links;           /* resource_link blocks in results */
    bool audio;           /* audio blocks in results */
    int no_resource;      /* the code for a resource that is not there */
    bool elicitation;     /* a client can be asked by form */
    bool elicitation_url; /* and by URL */
    enum list_form list;
};

/* NULL when we do not speak it. */
const struct revision *revision_find(const char *name);

/* The newest of an era. A client that asks for an unknown one in initialize gets the legacy one. */
const struct revision *revision_newest(bool modern);

/* What an HTTP request outside of the modern era is, when nothing says it. */
const struct revision *revision_without_header(void);

/* True for the modern ones, and for any later than those that have a handshake. */
bool revision_claims_modern(const char *name);

/* Append a JSON array of all names, newest first. */
int revision_add_names(struct buf *out, struct err *err) MUST_CHECK;

#endif
