#include "tools/tools.h"

#include <stdlib.h>
#include <string.h>

int tools_env(const struct arg_map *map, struct env_var **out, struct err *err)
{
    struct env_var *vars = calloc(map->count + 1, sizeof(*vars));

    if (!vars)
        return err_oom(err);
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->items[i].name;
        if (!*name || strchr(name, '=')) {
            free(vars);
            return err_set(err, ERR_INVALID, "env: \"%s\" is not a variable name", name);
        }
        vars[i] = (struct env_var){ map->items[i].name, map->items[i].value };
    }
    *out = vars;
    return 0;
}
