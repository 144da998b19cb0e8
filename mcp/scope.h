/*
 * What a caller's token lets it do: read, execute (read is in it), admin (execute is in
 * it). SCOPE_* are in mcp/view.h. Every method needs what the table in scope.c says; one that
 * is not in it needs execute, so that a new method is closed until somebody opens it.
 *
 * Pure but for scope_refuse(); any thread.
 */
#ifndef MCP_SCOPE_H
#define MCP_SCOPE_H

#include "mcp/view.h"
#include <stddef.h>

#define SCOPES_TEXT 32 /* room for the names of all, with a NUL */

struct inbound;

/* The scope of that name and all that it implies; 0 when there is none. */
unsigned scope_from_name(const char *name, size_t len);

/*
 * Names separated by any of the characters in `between` -> *scopes, with all they imply. False
 * when one is unknown or nothing is there.
 */
bool scopes_from_text(const char *text, size_t len, const char *between, unsigned *scopes);

/* Space-separated names of the set, in ascending order; writes into and returns out. */
const char *scopes_to_text(unsigned scopes, char out[SCOPES_TEXT]);

/* What a request of this method needs; tools/call: 0, as its tool decides. */
unsigned scope_of_method(const char *method);

/*
 * Answers "insufficient scope", with `needs` told to the transport (HTTP 403) or, where no status
 * can be given, in the error alone.
 */
void scope_refuse(struct inbound *in, unsigned needs);

/* True when the caller may use the method of the message; else it was refused. */
bool scope_check(struct inbound *in);

#endif
