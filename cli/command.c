#include "cli/cli.h"
#include "cli/doctor.h"

#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct options *o, struct err *err);
} commands[] = {
    { "call", cli_remote_call }, /* with --url; without it needs a server, see main.c */
    { "doctor", cli_doctor },
};

int cli_command(const struct options *o, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (!strcmp(o->words[0], commands[i].name))
            return commands[i].run(o, err);
    err_set(err, ERR_INVALID, "unknown command \"%s\"", o->words[0]);
    return err_next(err, "see sandbox-mcp --help");
}
