/*
 * Requests as they come to an operation: the first frame on its channel.
 */
#ifndef BACKEND_AGENT_REQUEST_H
#define BACKEND_AGENT_REQUEST_H

#include "backend/wire.h"

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_MAX (1024 * 1024) /* bytes of a command */

/* The START frame, into bytes (WIRE_MAX). False when the channel has been closed; another frame
 * ends the sandbox. */
bool request_start(int channel, struct wire_in *in, uint8_t *bytes);

/* TAG_COMMAND, or what `extra` gives when TAG_COMMAND_FD is there; NULL when there is none, it is
 * longer than COMMAND_MAX, or holds a NUL. Static: valid until the next call. */
const char *request_command(const struct wire_in *in, int extra);

/* TAG_CWD, the workspace without one; false when it is no path. */
bool request_cwd(const struct wire_in *in, char *out, size_t size);

/* The server broke the protocol: this process ends, and pid 1 with it everything. */
_Noreturn void request_violation(void);

#endif
