/*
 * "u=rwX,go-w" as chmod(1) reads it.
 */
#ifndef BACKEND_AGENT_FILE_MODE_H
#define BACKEND_AGENT_FILE_MODE_H

#include <stdbool.h>

/* The mode that it makes of one (permission bits) of a file or folder; -1 when it is malformed, -2
 * when it asks for a set-id bit. */
int mode_change(const char *change, unsigned mode, bool folder);

#endif
