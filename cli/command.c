#include "cli/cli.h"

#include <string.h>

int cli_command(const struct options *o, struct err *err)
{
    err_set(err, ERR_INVALID, "unknown command \"%s\"", o->words[0]);
    return err_next(err, "see sandbox-mcp --help");
}
