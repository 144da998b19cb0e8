/*
 * The key of what the server hands out and takes back (base/sealed.h), from the operator.
 */
#ifndef CLI_STATE_KEY_H
#define CLI_STATE_KEY_H

#include "base/sealed.h"
#include "cli/options.h"

/*
 * From --state-key-file, else from SANDBOX_MCP_STATE_KEY; *given is false when there is neither.
 * A file's last newline does not count.
 */
int state_key_read(const struct options *o, struct sealed_key *key, bool *given,
                   struct err *err) MUST_CHECK;

#endif
