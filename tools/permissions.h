/*
 * Modes as an agent writes them.
 */
#ifndef TOOLS_PERMISSIONS_H
#define TOOLS_PERMISSIONS_H

#include "base/err.h"

/* "0755", "644" or (with sticky) "1777" into *out, -1 for NULL. ERR_INVALID; ERR_DENIED for set-id
 * bits. */
int permissions_parse(const char *text, bool sticky, int *out, struct err *err) MUST_CHECK;

#endif
