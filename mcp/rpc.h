/*
 * JSON-RPC 2.0: what kind of message a JSON value is, and how an error is written. Knows
 * no method.
 */
#ifndef MCP_RPC_H
#define MCP_RPC_H

#include "base/json.h"

#define RPC_ID_TAKEN "a request with this id is in flight"
#define RPC_ID_MAX 1024 /* bytes of a string id */

enum rpc_code {
    RPC_PARSE = -32700,
    RPC_REQUEST_SHAPE = -32600,
    RPC_NO_METHOD = -32601,
    RPC_PARAMS = -32602,
    RPC_INTERNAL = -32603,
    RPC_NO_RESOURCE = -32002, /* legacy; modern: RPC_PARAMS */
    RPC_REFUSED = -32000,     /* legacy: no session, unsupported version header */
    RPC_HEADER = -32020,      /* modern: header and body differ */
    RPC_CAPABILITY = -32021,  /* modern: the client did not declare what this needs */
    RPC_VERSION = -32022,     /* modern: revision not supported */
};

enum rpc_kind {
    RPC_REQUEST,
    RPC_NOTIFICATION, /* never answered; method is NULL when it is malformed */
    RPC_RESPONSE,     /* to a question of ours, or to nothing */
    RPC_BROKEN,       /* none of these: `why`, and the id when it could be read */
};

/* Points into the document. */
struct rpc_message {
    enum rpc_kind kind;
    yyjson_val *id;     /* a string of at most RPC_ID_MAX bytes or an integer; NULL none */
    yyjson_val *params; /* any value; NULL when absent or null */
    const char *method;
    const char *why;
};

void rpc_read(yyjson_val *root, struct rpc_message *out);

/* A string or integer as JSON text; equal ids give equal text. */
int rpc_add_id(struct buf *out, yyjson_val *id, struct err *err) MUST_CHECK;

/* True when v may be an id (also a progress token). */
bool rpc_is_id(yyjson_val *v);

/*
 * One error message. id: JSON text, or NULL to leave the member out. data: one JSON value, or
 * NULL.
 */
int rpc_add_error(struct buf *out, const char *id, int code, const char *message, const char *data,
                  struct err *err) MUST_CHECK;

#endif
